"""The one place that runs other programs.

A program gets an argument list (never a shell), an environment made of an allow-list, a
process group of its own, a deadline and an output limit. Its output goes to files that only
we can read. However it ends, nothing of it is left: no process of its group, no file.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

# What any program may see of our environment. No token is among these.
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "HOME",
    "USER",
    "LOGNAME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CACHE_HOME",
)

_GRACE = 5.0
_POLL = 0.02
_TAIL = 64 * 1024


class Ending(StrEnum):
    """How a process ended."""

    EXITED = "exited"
    SIGNALLED = "killed by a signal"
    DEADLINE = "did not finish before its deadline"
    CANCELLED = "was stopped"
    FLOODED = "wrote more than the limit"
    NOT_STARTED = "could not be started"


class Cancellation:
    """Asked to stop? Set once, from a signal handler or another thread; seen by all runs."""

    def __init__(self) -> None:
        # A plain attribute: a signal handler must not wait for an Event's lock.
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``timeout`` in seconds, ``output`` in bytes for each stream and each file the program
    writes, ``memory`` in bytes of address space (``None``: no limit), ``nice`` as nice(1)."""

    timeout: float
    output: int = 512 * 1024 * 1024
    memory: int | None = None
    nice: int = 5


@dataclass(slots=True, kw_only=True)
class Finished:
    """What a program left. ``code`` is its exit code, or ``None`` if it did not exit by itself."""

    ending: Ending
    code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    stdout: bytes = b""
    stderr: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.ending is Ending.EXITED and self.code == 0

    def told(self) -> str:
        """How it ended, as the end of a sentence."""
        if self.ending is Ending.EXITED:
            return f"exited with code {self.code}"
        if self.ending is Ending.SIGNALLED and self.signal is not None:
            return f"was killed by {signal.Signals(self.signal).name}"
        return str(self.ending)


class Workplace:
    """A private directory for one run, gone with it; give its paths to the program."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="secagg-", ignore_cleanup_errors=True)
        self.path = Path(self._directory.name)

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()

    def file(self, name: str, content: bytes | None = None) -> Path:
        """The path of a file in the directory, written with ``content`` (mode 0600) if given."""
        path = self.path / name
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        return path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a program: the allow-list, and ``extra`` (its own variables)."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | dict(extra or {})


def run(
    argv: Sequence[str | Path],
    *,
    workplace: Workplace,
    limits: Limits,
    cancellation: Cancellation,
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    outputs: Sequence[Path] = (),
) -> Finished:
    """Run ``argv`` to its end and bring back what it wrote.

    It runs in ``cwd`` (the private directory unless said otherwise), with the allow-listed
    environment plus ``variables``. ``outputs`` are files it was told to write; those that
    exist are read into ``files`` by name. Nothing is raised for anything the program does.
    """
    started = time.monotonic()
    out_path, err_path = workplace.file("stdout"), workplace.file("stderr")
    given = environment(variables) | {"TMPDIR": str(workplace.path)}
    with _private(out_path) as out, _private(err_path) as err:
        try:
            process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=given,
                cwd=cwd or workplace.path,
                start_new_session=True,
                close_fds=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Finished(ending=Ending.NOT_STARTED, stderr=reason.encode())
        ending = Ending.CANCELLED
        try:
            _restrain(process, limits)
            ending = _watch(process, started, limits, cancellation, [out_path, err_path, *outputs])
        finally:
            _end_group(process, gently=ending is not Ending.FLOODED)
    code = process.returncode
    if ending is Ending.EXITED and code < 0:
        ending = Ending.SIGNALLED
    return Finished(
        ending=ending,
        code=code if ending is Ending.EXITED else None,
        signal=-code if code < 0 else None,
        seconds=time.monotonic() - started,
        stdout=_read(out_path, limits.output) if ending is not Ending.FLOODED else b"",
        stderr=_read_tail(err_path),
        files={p.name: _read(p, limits.output) for p in outputs if p.is_file()}
        if ending is not Ending.FLOODED
        else {},
    )


@contextlib.contextmanager
def _private(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _restrain(process: subprocess.Popen[bytes], limits: Limits) -> None:
    """Lower its priority and limit its memory, where the system can do so from outside.

    Done after the start rather than between fork and exec: code that runs there may hang when
    other threads hold locks.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, process.pid, limits.nice)
    if limits.memory is not None and hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limits.memory, limits.memory))


def _watch(
    process: subprocess.Popen[bytes],
    started: float,
    limits: Limits,
    cancellation: Cancellation,
    written: Sequence[Path],
) -> Ending:
    """Wait until the program exits or has to be ended, and say which."""
    pause = _POLL
    while True:
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            pause = min(pause * 1.5, 0.2)
        else:
            return Ending.FLOODED if _flooded(written, limits.output) else Ending.EXITED
        if cancellation.is_set():
            return Ending.CANCELLED
        if time.monotonic() - started > limits.timeout:
            return Ending.DEADLINE
        if _flooded(written, limits.output):
            return Ending.FLOODED


def _flooded(paths: Sequence[Path], limit: int) -> bool:
    return any(_size(path) > limit for path in paths)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _end_group(process: subprocess.Popen[bytes], *, gently: bool) -> None:
    """End every process of the group: asked first, killed after a grace."""
    group = process.pid
    if gently and process.poll() is None:
        _signal(group, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE)
    # Also after a normal exit: what the program left running in its group goes too.
    _signal(group, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def _read_tail(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        return file.read()
