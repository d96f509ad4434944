"""What merging costs, as a share of what reading and writing the JSON costs.

``python -m bench.merging --findings 100000 --seed 1`` makes a workload, parses and normalizes it
as ``secagg parse`` does, and prints: whether the groups are the truth, the time of the merge over
the floor (``orjson.loads`` of all reports and ``orjson.dumps`` of them again, in this process),
how it grows when there are ten times as many findings, and what 100,000 findings on one line
cost. Medians of five; processor time, so that other work on the machine counts less. The floor is
given twice: as a program gets it, and with the garbage collector off, which is the harder measure.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from bench.floor import LINES
from bench.stages import Pass
from bench.truth import compare
from bench.workload import Workload, make_workload
from secagg.merge import merge
from secagg.model.finding import Finding, Kind, Location, Severity, replace
from secagg.model.identity import set_identities

REPEATS = 5


def parse(workload: Workload) -> list[Finding]:
    """The findings that secagg's parsers make of a workload's reports, normalized."""
    way = Pass(workload.reports)
    way.read()
    way.normalize()
    return way.findings


def floor(workload: Workload) -> float:
    """Seconds to decode all reports and to encode them again."""

    def decode_and_encode() -> None:
        documents: list[Any] = []
        for name, data in workload.reports.items():
            lines = data.splitlines() if name == LINES else [data]
            documents += [orjson.loads(line) for line in lines]
        for document in documents:
            orjson.dumps(document)

    return _median(decode_and_encode)


def times_ten(findings: Sequence[Finding]) -> list[Finding]:
    """The same repository ten times, each in a directory of its own."""
    copied = [
        replace(finding, location=replace(finding.location, uri=f"r{n}/{finding.location.uri}"))
        for n in range(10)
        for finding in findings
    ]
    set_identities(copied, None)
    return copied


def on_one_line(count: int) -> list[Finding]:
    """What three tools could say of a minified file: ``count`` findings on its only line."""
    tools = ("codeql", "semgrep", "snyk")
    return [
        Finding(
            tool=tools[n % 3],
            kind=Kind.CODE,
            rule_id=f"rule-{n % 7}",
            severity=Severity.HIGH,
            title="made",
            cwes=(("CWE-79", "CWE-89", "CWE-74")[n % 3],),
            location=Location(
                uri="app.min.js",
                start_line=1,
                end_line=1,
                start_column=n + 1,
                end_column=n + 1 + n % 50,
            ),
        )
        for n in range(count)
    ]


def _merging(findings: Sequence[Finding]) -> float:
    return _median(lambda: merge(findings))


def _median(action: Callable[[], object]) -> float:
    taken = []
    for _ in range(REPEATS):
        gc.collect()
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def measure(workload: Workload) -> dict[str, float | int | bool]:
    """All figures for one workload."""
    findings = parse(workload)
    comparison = compare(merge(findings), [sorted(p.sightings) for p in workload.problems])
    cost = _merging(findings)
    with_collector = floor(workload)
    gc.disable()
    try:
        without_collector = floor(workload)
    finally:
        gc.enable()
    grown = _merging(times_ten(findings))
    return {
        "reported": workload.findings,
        "findings": len(findings),
        "problems": comparison.problems,
        "groups": comparison.groups,
        "exact": comparison.exact,
        "microseconds_a_finding": round(cost / len(findings) * 1e6, 2),
        "share_of_floor": round(cost / with_collector, 3),
        "share_of_floor_without_collector": round(cost / without_collector, 3),
        "growth_times_ten": round(grown / cost, 2),
        "one_line_over_workload": round(_merging(on_one_line(len(findings))) / cost, 2),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.merging", description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name, value in measure(make_workload(given.findings, given.seed)).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
