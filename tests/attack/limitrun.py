"""Runs secagg over inputs that are made to topple it, under limits that the system enforces.

``python -m tests.attack limitrun --count 1000`` runs all of them, as ``make attack`` does.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.attack.counts import Counts
from tests.attack.limits import BUNDLES, REPORTS, YAML, patterns

MEMORY = 300 << 20
# Seconds of the processor: starting takes one of them.
CPU = 6
_LONGEST_OUTPUT = 50 << 20

_REPORT = "from secagg.cli import main; main()"
_BUNDLE = """
import sys
from secagg.errors import UsageError, ReportError
from secagg.github.bundle import unpack
try:
    unpack(open(sys.argv[1], "rb").read())
except (UsageError, ReportError) as error:
    print(str(error)[:200])
"""
_YAML = """
import sys
from pathlib import Path
from secagg.config import load_config
from secagg.errors import ConfigError
try:
    load_config(Path("."), Path(sys.argv[1]))
except ConfigError as error:
    print(str(error)[:200])
"""
_PATTERNS = """
import sys
from secagg.change.owners import parse_owners
from secagg.system.globs import Glob, PathGlob
paths = ["a" * 4000, "a/" * 2000, "ab" * 2000, "a" * 2000 + "/" + "b" * 1999, "/" * 4000]
for pattern in open(sys.argv[1]).read().split("\\n"):
    for make in (lambda: Glob(pattern), lambda: Glob(pattern, flat=True), lambda: PathGlob(pattern)):
        try:
            glob = make()
        except ValueError:
            continue
        for path in paths:
            glob.matches(path)
    for entry in parse_owners(pattern + " @a", "CODEOWNERS", []):
        for path in paths:
            entry.expression.match(path)
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code (less than 0 for a signal) and what it said."""

    code: int
    said: str

    @property
    def well(self) -> bool:
        """Whether it ended by itself, within the limits, and by one of secagg's exit codes."""
        return self.code in (0, 1, 2, 3) and "internal error" not in self.said


def names() -> Iterator[tuple[str, str]]:
    """The kind and the name of every input."""
    for kind, inputs in (("report", REPORTS), ("bundle", BUNDLES), ("yaml", YAML)):
        yield from ((kind, name) for name in inputs)
    yield "patterns", "all"


def run(seed: int, count: int) -> Counts:
    """Run ``count`` of the inputs, chosen by ``seed``, or all."""
    inputs = [*names()]
    chosen = random.Random(seed).sample(inputs, min(count, len(inputs)))
    counts = Counts()
    for kind, name in sorted(chosen):
        with tempfile.TemporaryDirectory() as directory:
            ended = run_input(kind, name, Path(directory))
        told = f"{name} ends with {ended.code}: {ended.said[-200:]!r}"
        counts.add(kind, broken=None if ended.well else told)
    return counts


def run_input(kind: str, name: str, directory: Path) -> Ended:
    """Run the input ``name`` of a ``kind`` under the limits."""
    file = directory / "input"
    file.write_bytes(_data(kind, name))
    (directory / "repo").mkdir()
    code = {"report": _REPORT, "bundle": _BUNDLE, "yaml": _YAML, "patterns": _PATTERNS}[kind]
    arguments = [str(file)]
    if kind == "report":
        arguments = ["parse", *arguments, "--root", str(directory / "repo"), "--quiet"]
        arguments += ["--output", str(directory / "out")]
    with (directory / "said").open("w+b") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=said,
            stderr=said,
            cwd=directory,
            env=_environment(),
            preexec_fn=_limit,
        )
        process.wait()
        said.seek(0)
        return Ended(process.returncode, said.read(10_000).decode("utf-8", "replace"))


def _data(kind: str, name: str) -> bytes:
    if kind == "report":
        return REPORTS[name]()
    if kind == "bundle":
        return BUNDLES[name]()
    return YAML[name]().encode() if kind == "yaml" else "\n".join(patterns()).encode()


def _environment() -> dict[str, str]:
    """Leave out what measures coverage: its own time is no time of the input."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {**own, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    # What is reserved and never touched (stacks of threads, libraries) is no memory in use.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LONGEST_OUTPUT, _LONGEST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
