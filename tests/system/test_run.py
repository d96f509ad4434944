"""A program is bounded, ended and cleaned up after, whatever it does."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from secagg.secrets.redactor import Redactor
from secagg.system.process import (
    Cancellation,
    Command,
    Ended,
    ProcessResult,
    last_lines,
    private_directory,
    run,
)

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def start(
    code: str,
    directory: Path,
    *,
    timeout: float = 60.0,
    cancellation: Cancellation | None = None,
    **bounds: int | float,
) -> ProcessResult:
    command = Command(
        argv=[sys.executable, "-c", code],
        cwd=directory,
        env={"PATH": os.defpath},
        timeout=timeout,
        grace=float(bounds.get("grace", 0.3)),
        output_limit=int(bounds.get("output_limit", 1 << 20)),
        memory_limit=int(bounds["memory_limit"]) if "memory_limit" in bounds else None,
    )
    return run(command, directory, cancellation or Cancellation())


def alive(pid: int) -> bool:
    """True if a process exists, a zombie included."""
    return Path(f"/proc/{pid}").exists()


def test_an_exit_code_and_both_streams_come_back(tmp_path: Path) -> None:
    result = start("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)", tmp_path)
    assert (result.ended, result.code, result.signal) == (Ended.EXITED, 7, None)
    assert result.exited(0, 7)
    assert not result.exited(0)
    assert result.stdout.read_text() == "out\n"
    assert result.stderr.read_text() == "err\n"
    assert result.seconds > 0


def test_output_files_are_private_and_not_reused(tmp_path: Path) -> None:
    first, second = start("print(1)", tmp_path), start("print(2)", tmp_path)
    assert first.stdout != second.stdout
    assert first.stdout.read_text() == "1\n"
    assert stat.S_IMODE(first.stdout.stat().st_mode) == 0o600


def test_standard_input_is_empty(tmp_path: Path) -> None:
    result = start("import sys; print(repr(sys.stdin.read()))", tmp_path)
    assert result.stdout.read_text() == "''\n"


def test_a_signal_from_elsewhere_is_told_apart_from_an_exit(tmp_path: Path) -> None:
    result = start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", tmp_path)
    assert result.ended is Ended.SIGNALLED
    assert (result.code, result.signal) == (None, signal.SIGSEGV)


def test_no_core_is_dumped(tmp_path: Path) -> None:
    code = "import resource, time; time.sleep(.3); print(resource.getrlimit(resource.RLIMIT_CORE))"
    assert start(code, tmp_path).stdout.read_text() == "(0, 0)\n"


@pytest.mark.parametrize(
    ("argv", "why"),
    [(["/nowhere/at/all"], "No such file"), (["/etc/passwd"], "Permission denied")],
)
def test_a_program_that_cannot_be_started_is_told(
    tmp_path: Path, argv: list[str], why: str
) -> None:
    command = Command(argv=argv, cwd=tmp_path, env={}, timeout=5)
    result = run(command, tmp_path, Cancellation())
    assert result.ended is Ended.NOT_STARTED
    assert why in str(result.error)


def test_an_argument_with_a_null_byte_is_told(tmp_path: Path) -> None:
    command = Command(argv=["/bin/echo", "a\0b"], cwd=tmp_path, env={}, timeout=5)
    assert run(command, tmp_path, Cancellation()).ended is Ended.NOT_STARTED


def test_the_deadline_ends_even_the_deaf_and_their_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, os\n"
        f"child = subprocess.Popen([sys.executable, '-c', {DEAF + 'time.sleep(600)'!r}])\n"
        f"{DEAF}"
        "print(os.getpid(), child.pid, flush=True); time.sleep(600)"
    )
    result = start(code, tmp_path, timeout=2)
    assert result.ended is Ended.DEADLINE
    assert result.signal == signal.SIGKILL
    assert [alive(int(pid)) for pid in result.stdout.read_text().split()] == [False, False]


def test_sigterm_comes_first_so_that_a_program_can_tidy_up(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('tidied'), sys.exit(0)))\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    result = start(code, tmp_path, timeout=2, grace=20)
    assert result.ended is Ended.DEADLINE  # an exit code of 0 does not hide it
    assert result.stdout.read_text() == "ready\ntidied\n"


def test_children_that_outlive_their_parent_are_ended_and_reaped(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {DEAF + 'time.sleep(600)'!r}])\n"
        "print(child.pid)"
    )
    result = start(code, tmp_path)
    assert result.exited(0)
    assert not alive(int(result.stdout.read_text()))


def test_cancellation_ends_a_program(tmp_path: Path) -> None:
    cancellation = Cancellation()
    threading.Timer(0.5, cancellation.cancel).start()
    result = start("import time; time.sleep(600)", tmp_path, cancellation=cancellation)
    assert result.ended is Ended.CANCELLED
    assert cancellation.wait(0)


def test_nothing_is_started_after_cancellation(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    result = start("open('made', 'w')", tmp_path, cancellation=cancellation)
    assert result.ended is Ended.CANCELLED
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("stream", [1, 2])
def test_too_much_output_is_stopped(tmp_path: Path, stream: int) -> None:
    result = start(f"import os\nwhile True: os.write({stream}, b'x' * 4096)", tmp_path)
    assert result.ended is Ended.TOO_MUCH_OUTPUT


def test_too_much_output_counts_even_if_the_program_was_quick(tmp_path: Path) -> None:
    result = start("print('x' * 5000)", tmp_path, output_limit=4000)
    assert result.ended is Ended.TOO_MUCH_OUTPUT


def test_a_watched_report_file_is_bounded_too(tmp_path: Path) -> None:
    report = tmp_path / "report"
    code = f"file = open({str(report)!r}, 'wb')\nwhile True: file.write(b'x' * 4096)"
    command = Command(
        argv=[sys.executable, "-c", code],
        cwd=tmp_path,
        env={},
        timeout=60,
        output_limit=1 << 20,
        watched=[report],
    )
    assert run(command, tmp_path, Cancellation()).ended is Ended.TOO_MUCH_OUTPUT


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_too_much_memory_is_stopped(tmp_path: Path) -> None:
    code = "import time; hoard = b'x' * (300 << 20); time.sleep(600)"
    result = start(code, tmp_path, memory_limit=200 << 20)
    assert result.ended is Ended.TOO_MUCH_MEMORY


def test_an_interrupted_caller_leaves_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []

    def interrupted(pid: int) -> None:
        pids.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr("secagg.system.process.lower_priority", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(f"{DEAF}time.sleep(600)", tmp_path)
    assert not alive(pids[0])


def test_a_private_directory_goes_with_all_that_is_in_it() -> None:
    with private_directory() as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        locked = directory / "locked"
        locked.mkdir()
        (locked / "file").write_text("x")
        locked.chmod(0o500)
    assert not directory.exists()


def test_a_private_directory_does_not_follow_links_when_it_goes(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    with private_directory() as directory:
        (directory / "link").symlink_to(tmp_path)
    assert (tmp_path / "kept").read_text() == "x"


def test_only_the_last_lines_are_shown_and_no_secret(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join([*(f"line {n}" for n in range(9)), "https://me:hunter22@host/", ""]))
    said = last_lines(log, Redactor(b"key"), lines=3)
    assert said.startswith("line 7\nline 8\nhttps://")
    assert "hunter22" not in said


def test_a_missing_log_has_no_last_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none", Redactor(b"key")) == ""


def test_a_huge_log_is_not_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\n" * 100_000 + b"the end\n")
    assert last_lines(log, Redactor(b"key"), lines=1, limit=64) == "the end"


def test_a_cancellation_wakes_those_who_wait() -> None:
    cancellation = Cancellation()
    assert not cancellation.wait(0.01)
    woken: list[float] = []
    waiter = threading.Thread(target=lambda: woken.append(cancellation.wait(60)))
    waiter.start()
    time.sleep(0.05)
    cancellation.cancel()
    waiter.join(30)
    assert woken == [True]


def test_a_private_directory_of_a_killed_process_goes_with_the_next_one(tmp_path: Path) -> None:
    """What a killed scan left behind holds raw secrets; a scan that still runs keeps its own."""
    script = (
        "import time\n"
        "from secagg.system.process import private_directory\n"
        "with private_directory() as directory:\n"
        "    (directory / 'report.json').write_text('raw')\n"
        "    print(directory, flush=True)\n"
        "    time.sleep(60)\n"
    )

    def start() -> tuple[subprocess.Popen[str], Path]:
        environ = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environ
        )
        assert process.stdout is not None
        with process.stdout as out:
            return process, Path(out.readline().strip())

    killed, left = start()
    killed.kill()
    killed.wait()
    assert (left / "report.json").read_text() == "raw"
    of_another = tmp_path / "secagg-readable"
    of_another.mkdir(mode=0o755)
    link = tmp_path / "secagg-link"
    link.symlink_to(of_another)
    long_ago = time.time() - 600
    os.utime(left, (long_ago, long_ago))
    running, kept = start()
    os.utime(kept, (long_ago, long_ago))
    third, own = start()
    try:
        assert not left.exists()
        assert (kept / "report.json").exists() and (own / "report.json").exists()
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        assert of_another.is_dir() and link.is_symlink()
    finally:
        for process in (running, third):
            process.kill()
            process.wait()
