"""Run the real command line in a process of its own, with scanners of the test's choosing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.forkserver import ForkServer

KEY = "a key that is only for tests"


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended and what it printed."""

    code: int
    stdout: str
    stderr: str

    @classmethod
    def of(
        cls,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: bytes = b"",
        piped: bool = False,
    ) -> Ran:
        """Run ``secagg ARGUMENTS`` to its end, in a process of its own."""
        code, stdout, stderr = ForkServer.run(arguments, env=env, cwd=cwd, stdin=stdin, piped=piped)
        return cls(code, stdout.decode(), stderr.decode())


def environment(
    bin_dir: Path, home: Path, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """An environment in which only the scanners in ``bin_dir`` are found."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    if "PYTHONPATH" in os.environ:
        # The program that is tested is the one that the tests lie beside.
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        measured["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    system = f"{bin_dir}{os.pathsep}/usr/bin{os.pathsep}/bin"
    own = {"PATH": system, "HOME": str(home), "SECAGG_HMAC_KEY": KEY, "LANG": "C.UTF-8"}
    return measured | own | dict(extra or {})


def secagg(
    *arguments: str | Path,
    bin_dir: Path,
    home: Path,
    cwd: Path | None = None,
    extra: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Ran:
    """``secagg ARGUMENTS`` to its end."""
    argv, env = [*map(str, arguments)], environment(bin_dir, home, extra)
    if "PYTHONPATH" not in (extra or {}):
        return Ran.of(argv, env=env, cwd=cwd or home, stdin=stdin)
    # Other packages than the loaded ones: a new interpreter.
    done = subprocess.run(
        [sys.executable, "-m", "secagg", *argv],
        env=env,
        cwd=cwd or home,
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def interrupted(
    *arguments: str | Path, bin_dir: Path, home: Path, when: Path, number: signal.Signals
) -> Ran:
    """``secagg ARGUMENTS``, sent a signal as soon as the file ``when`` exists."""
    process = subprocess.Popen(
        [sys.executable, "-m", "secagg", *map(str, arguments)],
        env=environment(bin_dir, home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not when.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return Ran(process.returncode, stdout.decode(), stderr.decode())


def standin(bin_dir: Path, name: str, version: str, body: str) -> Path:
    """An executable ``name`` that says its ``version``, and otherwise runs Python's ``body``."""
    bin_dir.mkdir(parents=True, exist_ok=True)
    path = bin_dir / name
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, signal, subprocess, sys, time\n"
        "if sys.argv[1:2] in (['--version'], ['version']):\n"
        f"    print({version!r}); sys.exit(0)\n"
        f"{body}\n"
    )
    path.chmod(0o755)
    return path


def summary(directory: Path) -> dict[str, Any]:
    """The ``summary.json`` that was written."""
    document = json.loads((directory / "summary.json").read_bytes())
    assert isinstance(document, dict)
    return document


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
