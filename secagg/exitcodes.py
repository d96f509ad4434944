"""The exit codes of the command line, as the README's table gives them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a run tells the shell."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    STORE_OR_UPLOAD = 4
    INTERNAL = 70
    INTERRUPTED = 130
