"""SARIF written as a stream: some results after the other, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from secagg.jsonio.output import encoded, pieces
from secagg.model.finding import Finding
from secagg.sarif.build import adopted_result, native_result
from secagg.sarif.descriptors import RuleIndex
from secagg.sarif.frames import adopted_frame, run_frame
from secagg.sarif.model import GroupedFindings, GroupedResult, SarifRun

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(out: BinaryIO, runs: Iterable[SarifRun]) -> None:
    """Write one SARIF 2.1.0 log of ``runs`` to the binary file ``out``.

    The memory it takes grows with the number of different rules, and not with their texts. A
    run whose findings were read from several SARIF runs is written as that many, the second
    with ``2/`` after its category, and so on: indices into a run's tables hold in that run only.
    """
    out.write(encoded({"$schema": SCHEMA, "version": "2.1.0"})[:-1] + b',"runs":[')
    separator = b""
    for given in runs:
        for run in _split(given):
            out.write(separator)
            _write_run(out, run)
            separator = b","
    out.write(b"]}\n")


def _write_run(out: BinaryIO, run: SarifRun) -> None:
    if run.frame is None:
        rules = RuleIndex(_findings(run))
        frame = run_frame(run)
        # The rules come one by one as well, so what holds them is written last.
        driver = frame.pop("tool")["driver"]
        out.write(encoded(frame)[:-1] + b',"tool":{"driver":')
        out.write(encoded(driver)[:-1] + b',"rules":[')
        out.writelines(pieces(rules.descriptors()))
        out.write(b']}},"results":[')
        out.writelines(pieces(native_result(item, rules) for item in run.findings))
        out.write(b"]}")
        return
    frame = adopted_frame(run, run.frame)
    if "results" in run.frame and not any(True for _ in run.findings):
        # The tool did not look for any (3.14.23): an empty list would say that it did.
        out.write(encoded(frame))
        return
    out.write(encoded(frame)[:-1] + b',"results":[')
    out.writelines(pieces(map(adopted_result, run.findings)))
    out.write(b"]}")


def _split(run: SarifRun) -> Iterator[SarifRun]:
    """``run`` by the SARIF runs its findings were read from; native findings first."""
    if run.frame is not None or not _has_origins(run):
        yield run
        return
    parts: dict[int, tuple[Mapping[str, Any] | None, list[Finding | GroupedResult]]] = {}
    for item in run.findings:
        finding = item.finding if isinstance(item, GroupedResult) else item
        frame = None if finding.sarif is None else finding.sarif.run
        parts.setdefault(id(frame) if frame is not None else 0, (frame, []))[1].append(item)
    ordered = sorted(parts.values(), key=lambda part: part[0] is not None)
    for number, (frame, items) in enumerate(ordered, 1):
        category = run.category
        if category is not None and number > 1:
            category = f"{category}{number}/"
        yield replace(run, frame=frame, findings=items, category=category)


def _has_origins(run: SarifRun) -> bool:
    """True if findings come from SARIF; in the merged view all are written anew."""
    if run.tool == "secagg":
        return False
    return any(finding.sarif is not None for finding in _findings(run))


def _findings(run: SarifRun) -> Iterable[Finding]:
    if isinstance(run.findings, GroupedFindings):
        return run.findings.findings
    return (item.finding if isinstance(item, GroupedResult) else item for item in run.findings)
