"""Whole commands as processes of their own: their processor time and their peak memory.

What a command is held against runs as a process too, in the same round: ``python -c pass``, and
for ``secagg parse`` the floor (:mod:`bench.floor`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import floor
from bench.measure import EMPTY, SECAGG, Figure, Program, in_turn, run
from bench.store import make_problems, record_run
from bench.workload import CHECKOUT, FILES, TRUTH

_FLOOR = "floor, as a process"
_BARE_FLOOR = "floor without start-up and reading"
_PASS = "python -c pass"
# The policy fails made workloads: they hold critical findings.
_DONE = (0, 1)
# Findings up to which start-up and the store are a large part of a command.
_SMALL = 5000
_REPOSITORY, _BRANCH = "acme/shop", "main"


@dataclass(frozen=True, slots=True)
class Made:
    """A workload on disk, and what it is called in the table."""

    directory: Path
    findings: int
    plain: bool

    @classmethod
    def make(cls, directory: Path, findings: int, seed: int, *, plain: bool) -> Made:
        """Make a workload in ``directory``, in a process of its own: it takes much memory."""
        argv = [sys.executable, "-m", "bench.workload", str(directory), "--seed", str(seed)]
        run(Program([*argv, "--findings", str(findings), *(["--plain"] if plain else [])]))
        return cls(directory, findings, plain)

    @property
    def label(self) -> str:
        """How many findings, and whether without secret words."""
        return f"{self.findings:,} findings{', plain' if self.plain else ''}"

    @property
    def files(self) -> list[str]:
        """The paths of the reports."""
        return [str(self.directory / name) for name in FILES]

    @property
    def output(self) -> Path:
        """Where ``secagg parse`` writes."""
        return self.directory / "out"

    @property
    def store(self) -> Path:
        """The history that ``secagg parse`` makes, in a directory of its own."""
        return self.directory / "history" / "secagg.db"

    def first_parse(self) -> Program:
        """The first ``secagg parse`` of a checkout, which makes its store."""
        return self._parse(self.output, self.store, remove=[self.output, self.store.parent])

    def repeated_parse(self) -> Program:
        """One more parse of the same, which is compared with those before."""
        again = self.directory / "again"
        return self._parse(again / "out", again / "secagg.db")

    def parse_without_store(self) -> Program:
        """``secagg parse --no-store``."""
        output = self.directory / "alone"
        return self._parse(output, None, remove=[output])

    def _parse(self, output: Path, store: Path | None, remove: Sequence[Path] = ()) -> Program:
        history = ["--no-store"] if store is None else ["--store", str(store)]
        root = str(self.directory / CHECKOUT)
        argv = [SECAGG, "parse", "--root", root, "--output", str(output), *history, *self.files]
        return Program(argv, _DONE, remove)


def start_up(rounds: int) -> Iterator[Figure]:
    """What it takes to start, for commands that have nothing to read."""
    names = ("--version", "--help")
    programs = {name: Program((SECAGG, name)) for name in names}
    told = in_turn({**programs, _PASS: Program(EMPTY)}, rounds)
    for name in names:
        ratios = [each[name].seconds / each[_PASS].seconds for each in told]
        yield Figure.of(f"secagg {name}", _PASS, ratios)


def parse_command(made: Made, rounds: int) -> Iterator[Figure]:
    """``secagg parse`` of all reports, with everything that it writes.

    The first parse of a checkout records it in a new store. Of small inputs, one more parse of the
    same and one without a store are measured too.
    """
    run(made.first_parse())
    check(made)
    script = [sys.executable, floor.__file__, str(made.output / "findings.sarif"), *made.files]
    programs = {"parse": made.first_parse(), "floor": Program(script), _PASS: Program(EMPTY)}
    others = {}
    if made.findings <= _SMALL and not made.plain:
        others = {
            "secagg parse, once more": made.repeated_parse(),
            "secagg parse --no-store": made.parse_without_store(),
        }
    against: dict[str, list[float]] = {_FLOOR: [], _BARE_FLOOR: [], _PASS: []}
    peaks = []
    against_pass: dict[str, list[float]] = {name: [] for name in others}
    for each in in_turn({**programs, **others}, rounds):
        parse, least = each["parse"], each["floor"]
        bare, prepared = map(float, least.said.split())
        against[_FLOOR].append(parse.seconds / (least.seconds - prepared))
        against[_BARE_FLOOR].append(parse.seconds / bare)
        against[_PASS].append(parse.seconds / each[_PASS].seconds)
        peaks.append(parse.peak)
        for name, ratios in against_pass.items():
            ratios.append(each[name].seconds / each[_PASS].seconds)
    for name, ratios in against.items():
        yield Figure.of(f"secagg parse, {made.label}", name, ratios)
    for name, ratios in against_pass.items():
        yield Figure.of(f"{name}, {made.label}", _PASS, ratios)
    yield Figure.of(f"peak memory of secagg parse, {made.label}", "", peaks, "MB")


def check(made: Made) -> None:
    """Raise RuntimeError if what ``secagg parse`` counted is not what the workload holds."""
    summary = json.loads((made.output / "summary.json").read_bytes())
    truth = json.loads((made.directory / TRUTH).read_bytes())
    counts = summary["findings"]
    balance = counts["total"] + counts["merged"] + counts["suppressed"]
    if counts["unreadable"] or any(tool["status"] != "complete" for tool in summary["tools"]):
        raise RuntimeError(f"a report of {made.label} was not read completely: {counts}")
    if not balance == counts["reported"] == truth["findings"]:
        raise RuntimeError(f"the counts of {made.label} do not add up: {counts}")


def later_commands(made: Made, rounds: int) -> Iterator[Figure]:
    """``secagg report`` and ``secagg gate``, on what a scan before left behind."""
    root, store = str(made.directory / CHECKOUT), made.directory / "secagg.db"
    record_run(store, 0, make_problems(made.findings))()
    of_branch = ["--repo", _REPOSITORY, "--branch", _BRANCH]
    report = [SECAGG, "report", "--root", root, "--store", str(store), *of_branch]
    last = ["--from", str(made.output), "--store", str(made.store)]
    gate = [SECAGG, "gate", "--root", root, *last]
    programs = {"report": Program(report), "gate": Program(gate, _DONE)}
    told = in_turn({**programs, _PASS: Program(EMPTY)}, rounds)
    label = {"report": f"{made.findings:,} problems in the store", "gate": made.label}
    for name, what in label.items():
        ratios = [each[name].seconds / each[_PASS].seconds for each in told]
        yield Figure.of(f"secagg {name}, {what}", _PASS, ratios)
        peaks = [each[name].peak for each in told]
        yield Figure.of(f"peak memory of secagg {name}, {what}", "", peaks, "MB")


def growth(figures: Sequence[Figure], less: int, more: int) -> Iterator[Figure]:
    """How much memory grows with the findings, where both sizes were measured."""
    peaks = {figure.name: figure.median for figure in figures}
    one, other = (peaks.get(f"peak memory of secagg parse, {n:,} findings") for n in (less, more))
    if one is not None and other is not None:
        name = f"growth of the peak memory from {less:,} to {more:,} findings"
        yield Figure.of(name, f"peak memory, {less:,} findings", [other / one])
        yield Figure.of(name, "", [other - one], "MB")
