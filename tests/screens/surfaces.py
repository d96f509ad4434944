"""Draw one run of a command as people see it on each surface: the widths, and a CI log.

The entry of a forked process (:mod:`tests.cli.forkserver`) in place of secagg's own. ``SURFACES`` in
its environment has the variables of each surface; what each prints follows its mark on both streams.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from secagg.cli import main
from secagg.cli import scan as scan_command
from secagg.output.verdict import HintOptions
from secagg.pipeline.outcome import Outcome

MARK = "\0"
"""Stands before and after the name of a surface."""


def _surfaces() -> dict[str, dict[str, str]]:
    surfaces: dict[str, dict[str, str]] = json.loads(os.environ.pop("SURFACES"))
    return surfaces


def _begin(name: str, variables: dict[str, str], before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before | variables)
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"{MARK}{name}{MARK}")
        stream.flush()


def again() -> None:
    """Run the command once for each surface; the exit code is that of the last."""
    surfaces, before = _surfaces(), dict(os.environ)
    code: Any = 0
    for name, variables in surfaces.items():
        _begin(name, variables, before)
        try:
            main()
        except SystemExit as end:
            code = end.code
    sys.exit(code)


def scan() -> None:
    """Scan once, and draw the outcome on each surface."""
    surfaces, before = _surfaces(), dict(os.environ)
    command: Any = scan_command
    draw = command.write_and_show

    def everywhere(outcome: Outcome, output: Path, screen: Any, hints: HintOptions) -> int:
        code = 0
        for name, variables in surfaces.items():
            _begin(name, variables, before)
            code = int(draw(outcome, output, screen, hints))
        return code

    command.write_and_show = everywhere
    main()
