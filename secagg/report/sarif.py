"""SARIF 2.1.0 of the problems in the history."""

from __future__ import annotations

import io
from collections.abc import Iterator

from secagg import __version__, sarif
from secagg.model.finding import Suppression
from secagg.model.problem import Problem
from secagg.report.findings import finding_of, source_of
from secagg.report.formats import Report
from secagg.report.standing import ACTIVE, ShownState, reason_of, standing
from secagg.sarif import GroupedResult, Invocation, SarifRun


def pieces(report: Report) -> Iterator[bytes]:
    """Write one run of secagg, with one result for each problem that is not fixed."""
    run = report.overview.last_run
    results = [
        GroupedResult(
            finding=finding_of(problem, _suppressions(problem, report)),
            sources=[source_of(source, problem) for source in problem.sources],
        )
        for problem in report.answer.rows
        if standing(problem, report.today) is not ShownState.FIXED
    ]
    out = io.BytesIO()
    sarif_run = SarifRun(
        tool="secagg",
        version=__version__,
        category="report/",
        findings=results,
        invocation=Invocation(successful=run is not None and run.verdict != "incomplete"),
    )
    sarif.write(out, [sarif_run])
    yield out.getvalue()


def _suppressions(problem: Problem, report: Report) -> tuple[Suppression, ...]:
    if standing(problem, report.today) in ACTIVE:
        return ()
    reason = reason_of(problem, report.today)
    return (Suppression(source="secagg triage", justification=reason),)
