"""secagg's stages on one made workload, each against the floor of the same round.

The floor (:mod:`bench.floor`) is taken in this process, without start-up and reading files.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.floor import decode
from bench.measure import Figure, timed
from bench.workload import FILES
from secagg import policy
from secagg.decisions.index import AllExceptions
from secagg.decisions.load import load_exceptions
from secagg.merge import MergedSet, merge
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.packages.components import Component
from secagg.parsing import ParseContext, RawReport, installed_parsers, learn, parse
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.sarifruns import sarif_runs
from secagg.policy import judge
from secagg.sarif import write
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.redactor import Redactor

FLOOR = "floor without start-up and reading"
EXCEPTIONS = 200
STAGES = ("read", "normalize", "merge", "judge", "write")


class Pass:
    """One way through all stages."""

    def __init__(self, inputs: dict[str, bytes]) -> None:
        self.inputs = inputs
        self.redactor = Redactor(b"a key that is only for measuring")
        self.results: list[ToolResult] = []
        self.merged = MergedSet()
        self.output = b""

    def read(self) -> None:
        """Raw reports to findings."""
        parsers = installed_parsers()
        context = ParseContext(redactor=self.redactor)
        reports = [RawReport(name=name, data=data) for name, data in self.inputs.items()]
        for report in reports:
            learn(report, parsers, context)
        self.redactor.prepare(sum(map(len, self.inputs.values())))
        for report in reports:
            parsed = parse(report, parsers, context)
            run = ToolRun(tool=parsed.tool, status=Status.COMPLETE, mode=report.name)
            self.results.append(ToolResult(run=run, parsed=[parsed]))

    def normalize(self) -> None:
        """Give every finding its identity."""
        set_identities(self.findings, None)

    def merge(self) -> None:
        """Findings to groups."""
        self.merged = merge(self.findings)

    @property
    def findings(self) -> list[Finding]:
        """What was read, of all reports."""
        return [f for result in self.results for parsed in result.parsed for f in parsed.findings]

    def judge(self) -> None:
        """Groups to a decision by the default policy."""
        self.decision = judge(policy.load("default"), self.merged, runs=[])

    def judge_strictly(self) -> None:
        """Groups to a decision by the strict policy, with exceptions."""
        exceptions = _excepted(self.merged)
        judge(policy.load("strict"), self.merged, runs=[], exceptions=exceptions)

    def write(self) -> None:
        """Findings to SARIF."""
        outcome = Outcome(
            results=self.results,
            merged=self.merged,
            decision=self.decision,
            components=[Component(".").path],
            started_at=datetime.now(UTC).isoformat(),
        )
        out = io.BytesIO()
        write(out, sarif_runs(outcome))
        self.output = out.getvalue()


def measure(directory: Path, label: str, rounds: int) -> Iterator[Figure]:
    """Figures for the workload in ``directory``."""
    inputs = {name: (directory / name).read_bytes() for name in FILES}
    ratios: dict[str, list[float]] = {stage: [] for stage in STAGES}
    whole: list[float] = []
    converting: list[float] = []
    strictly: list[float] = []
    first = Pass(inputs)
    for stage in STAGES:
        getattr(first, stage)()
    output = orjson.loads(first.output)
    del first
    for _ in range(rounds):
        floor, _ = timed(lambda: _floor(inputs, output))
        way = Pass(inputs)
        seconds = {stage: timed(getattr(way, stage))[0] for stage in STAGES}
        for stage in STAGES:
            ratios[stage].append(seconds[stage] / floor)
        converting.append(sum(seconds[s] for s in ("read", "normalize", "write")) / floor)
        whole.append(sum(seconds.values()) / floor)
        strictly.append(timed(way.judge_strictly)[0] / seconds["read"])
        del way
    for stage in STAGES:
        yield Figure.of(f"{stage}, {label}", FLOOR, ratios[stage])
    strict = f"judge by strict with {EXCEPTIONS} exceptions, {label}"
    yield Figure.of(strict, "read", strictly)
    yield Figure.of(f"read + normalize + write, {label}", FLOOR, converting)
    yield Figure.of(f"all stages, {label}", FLOOR, whole)


def _excepted(merged: MergedSet) -> AllExceptions:
    """So many exceptions as a repository would write them: by id, package, path and rule."""
    today = datetime.now(UTC).date()
    step = max(1, len(merged.groups) // EXCEPTIONS)
    entries = []
    for number, group in enumerate(merged.groups[::step][:EXCEPTIONS]):
        finding = group.representative
        keys = {"id": group.identity}
        if number % 4 == 1 and finding.package is not None and finding.package.purl is not None:
            keys = {"purl": finding.package.purl}
        elif number % 4 == 2 and finding.location.uri is not None:
            keys = {"path": finding.location.uri, "rule": finding.rule_id}
        elif number % 4 == 3 and finding.location.uri is not None:
            keys = {"path": f"{finding.location.uri.partition('/')[0]}/**", "rule": "bench-*"}
        said = {"reason": "bench", "owner": "bench", "created": str(today), "expires": str(today)}
        entries.append(keys | said)
    file = orjson.dumps({"exceptions": entries})
    return load_exceptions(
        Path(), today=today, read=lambda path: file if path == "secagg-exceptions.yaml" else None
    )


def _floor(inputs: dict[str, bytes], output: object) -> None:
    for name, data in inputs.items():
        decode(name, data)
    orjson.dumps(output)
