"""Times and ratios: every ratio is of two times taken in the same round."""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

EMPTY = (sys.executable, "-c", "pass")
SECAGG = str(Path(sys.executable).with_name("secagg"))
# Nothing of the user's own settings, and no key in the user's home.
_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("SECAGG_")},
    "SECAGG_HMAC_KEY": "a key that is only for measuring",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, against what: median, least and most of the rounds."""

    name: str
    against: str
    median: float
    least: float
    most: float
    rounds: int
    unit: str = "x"

    @classmethod
    def of(cls, name: str, against: str, values: Sequence[float], unit: str = "x") -> Figure:
        """The figure of all rounds' values."""
        return cls(
            name, against, statistics.median(values), min(values), max(values), len(values), unit
        )


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run, and the exit codes with which it has done its work.

    ``remove`` are directories that it makes anew: they are removed before each run.
    """

    argv: Sequence[str]
    codes: Sequence[int] = (0,)
    remove: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run: processor time in seconds, peak memory in MB (of 1,000,000 bytes), what it said."""

    seconds: float
    peak: float
    said: str


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of processor time of this process, and what ``work`` gave.

    The collector is off, for secagg (as in its command line) and for what it is held against.
    """
    gc.collect()
    gc.disable()
    start = time.process_time()
    result = work()
    seconds = time.process_time() - start
    gc.enable()
    return seconds, result


# A program's peak is never less than that of the process it was forked from (Linux keeps the
# greater of the two over exec), and this one may hold much: a small one starts it.
_LAUNCH = """
import os, subprocess, sys
with open(sys.argv[1], "wb") as said, open(sys.argv[2], "wb") as told:
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=said, stderr=told)
    _, status, usage = os.wait4(child.pid, 0)
child.returncode = 0
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def run(program: Program) -> Run:
    """Run a program to its end, its output into files. Raises RuntimeError where it fails."""
    for directory_to_make in program.remove:
        shutil.rmtree(directory_to_make, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        said, told = Path(directory) / "stdout", Path(directory) / "stderr"
        launch = [sys.executable, "-S", "-E", "-c", _LAUNCH, str(said), str(told)]
        ended = subprocess.run(
            [*launch, *program.argv], check=True, capture_output=True, text=True, env=_ENVIRONMENT
        )
        code, seconds, peak = ended.stdout.split()
        if int(code) not in program.codes:
            end = told.read_text(errors="replace")[-500:] or said.read_text(errors="replace")[-500:]
            raise RuntimeError(f"{' '.join(program.argv[:4])} ended with {code}: {end}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Run(float(seconds), int(peak) * unit / 1e6, said.read_text(errors="replace"))


def in_turn(programs: Mapping[str, Program], rounds: int) -> list[dict[str, Run]]:
    """Run all programs round by round, after one round that does not count."""
    for program in programs.values():
        run(program)
    return [{name: run(program) for name, program in programs.items()} for _ in range(rounds)]
