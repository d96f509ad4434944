"""Times and ratios: every figure is a ratio of two times taken in the same round."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, against what, and the ratio: median, least and most of the rounds."""

    name: str
    against: str
    median: float
    least: float
    most: float
    rounds: int
    unit: str = "x"

    @classmethod
    def of(cls, name: str, against: str, ratios: Sequence[float], unit: str = "x") -> Figure:
        """The figure of all rounds' ratios."""
        return cls(
            name, against, statistics.median(ratios), min(ratios), max(ratios), len(ratios), unit
        )


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
# greater of the two over exec), and this one holds whole workloads: a small one starts it.
_LAUNCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
usage = os.wait4(child.pid, 0)[2]
child.returncode = 0
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def process(argv: Sequence[str]) -> tuple[float, int]:
    """Seconds of processor time and peak memory in bytes of a program run to its end."""
    launch = [sys.executable, "-S", "-E", "-c", _LAUNCH, *argv]
    ended = subprocess.run(launch, check=True, capture_output=True, text=True)
    seconds, peak = ended.stdout.split()
    return float(seconds), int(peak) * (1 if sys.platform == "darwin" else 1024)


def in_turn(one: Sequence[str], other: Sequence[str], rounds: int) -> list[float]:
    """The ratio of two programs' times, round by round, after one round that does not count."""
    ratios = []
    for number in range(rounds + 1):
        first, second = process(one)[0], process(other)[0]
        if number:
            ratios.append(first / second)
    return ratios
