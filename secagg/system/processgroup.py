"""The process group of a program: lower its priority, measure its memory, end and reap it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_POLL = 0.01
# Seconds to wait for the processes that got SIGKILL.
_KILL_GRACE = 5.0
_NICENESS = 5
_PR_SET_CHILD_SUBREAPER = 36


def end_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """End all remaining processes of the program's process group, and reap them.

    The program may have ended and left child processes (TruffleHog works in one), which get the
    same grace (seconds).
    """
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_GRACE)):
        if not seconds:
            continue
        until = time.monotonic() + seconds
        _signal_group(process.pid, number)
        while _is_alive(process):
            if time.monotonic() >= until:
                break
            time.sleep(_POLL)
        else:
            return
    if process.returncode is None:  # not even SIGKILL: stuck in the kernel
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)


def _is_alive(process: subprocess.Popen[bytes]) -> bool:
    leader = process.poll() is None
    if not leader:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-process.pid, os.WNOHANG) != (0, 0):
                pass
    return leader or _signal_group(process.pid, 0)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True


def lower_priority(pid: int) -> None:
    """Set a low priority, no core dumps (they would hold secrets), and first to be killed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, pid, _NICENESS)
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text("500")


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent dies, so that they can be reaped."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def resident_bytes(group: int) -> int:
    """Return the bytes of resident memory of a process group, 0 without /proc."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int(fields[21]) * page
        except (OSError, ValueError, IndexError):
            continue
    return total
