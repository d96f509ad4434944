"""How a stand-in for a scanner ends: as it should, or as a file beside it says.

``<program>.misbehave`` holds one word (see ``deliver``); nothing else tells a stand-in to
misbehave, so the environment of a scanner under test stays what it is. Copied beside the
stand-ins that import it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

FLOOD = b"x" * 1023 + b"\n"


def word() -> str:
    """What the stand-in that runs has been told; empty if nothing."""
    program = Path(sys.argv[0])
    try:
        return program.with_name(program.name + ".misbehave").read_text().strip()
    except FileNotFoundError:
        return ""


def say_version(text: str, *, stream: int = 1) -> NoReturn:
    """Answer to the question for the version, and exit."""
    told = word()
    if told == "bad version":
        text = re.sub(r"\d+\.\d+\.\d+", "0.1.0", text)
    elif told == "garbled version":
        text = "no such thing"
    os.write(stream, text.encode() + b"\n")
    sys.exit(0)


def deliver(report: bytes, to: Path | None, *, log: str = "", code: int = 0) -> NoReturn:
    """Write ``report`` to a file or standard output and ``log`` to standard error, and exit.

    Unless told otherwise: ``hang`` (with a child, both deaf to SIGTERM), ``orphan`` (exit and
    leave a child), ``exit 9``, ``killed``, ``empty``, ``truncated``, ``wrong``,
    ``flood stdout``, ``flood stderr``, ``environment`` (write it down first).
    """
    told = word()
    if told == "environment":
        seen = Path(sys.argv[0] + ".environment")
        seen.write_text(json.dumps(dict(os.environ)))
    elif told in ("hang", "orphan"):
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", deaf])
        Path(sys.argv[0] + ".pids").write_text(f"{os.getpid()} {child.pid}")
        if told == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
    elif told.startswith("exit "):
        os.write(2, b"something went wrong\npassword=hunter2hunter2 in https://u:s3cr3tpw@host/\n")
        sys.exit(int(told.removeprefix("exit ")))
    elif told == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif told == "empty":
        report = b""
    elif told == "truncated":
        report = report[: len(report) * 2 // 3].rstrip()
    elif told == "wrong":
        report = b'"this is something else"\n'
    elif told.startswith("flood "):
        while True:
            os.write(1 if told == "flood stdout" else 2, FLOOD)
    if to is None:
        view = memoryview(report)
        while view:
            view = view[os.write(1, view) :]
    else:
        to.write_bytes(report)
    os.write(2, log.encode())
    sys.exit(code)
