"""Raw reports become parsed reports; one that cannot be understood makes its run failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secagg.errors import ReportError
from secagg.parsing import (
    NO_RESULTS,
    ParseContext,
    ParsedReport,
    Parser,
    RawReport,
    learn,
    parse,
)
from secagg.pipeline.outcome import ToolResult, gaps_of
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.redactor import Redactor

# An entry that nobody understands may be the worst finding of all.
_ODD_HINT = "see the notes; if the report is sound, this is a gap in secagg: please report it"


def understand(
    runs: Sequence[ToolRun],
    *,
    parsers: Mapping[str, Parser],
    context: ParseContext,
    optional: frozenset[str] = frozenset(),
) -> list[ToolResult]:
    """Learn the secrets of all reports, then parse them.

    Nothing is raised for a bad report: its run becomes failed and says why, and what the
    other reports hold is kept. ``optional`` names the tools whose failure is allowed.
    """
    redactor = context.redactor
    for run in runs:
        for report in run.reports:
            learn(report, parsers, context)
    redactor.prepare(sum(len(report.data) for run in runs for report in run.reports))
    results = []
    for run in runs:
        _mask_run(run, redactor)
        result = ToolResult(run=run, optional=run.tool in optional)
        # Taken from the list one by one: each is let go of once it has become findings.
        run.reports.reverse()
        while run.reports:
            parsed = _parse(run.reports.pop(), run, parsers, context)
            if parsed is not None:
                result.parsed.append(parsed)
                run.version = run.version or parsed.tool_version
        odd = sum(len(parsed.problems) for parsed in result.parsed)
        if odd:
            entries = "1 entry" if odd == 1 else f"{odd} entries"
            fail(run, f"{entries} of its report could not be understood", _ODD_HINT)
        result.broken = run.status is Status.FAILED
        for gap in gaps_of(result):
            if gap.fatal:
                fail(run, gap.message)
        if run.status is Status.FAILED:
            for parsed in result.parsed:
                parsed.gaps = [gap for gap in parsed.gaps if gap.message != NO_RESULTS]
        results.append(result)
    return results


def fail(run: ToolRun, reason: str, hint: str | None = None) -> None:
    """Mark ``run`` failed for ``reason``, unless it failed for another reason before."""
    if run.status is not Status.FAILED:
        run.status = Status.FAILED
        run.reason = reason
        run.hint = hint


def _mask_run(run: ToolRun, redactor: Redactor) -> None:
    """Mask what a tool said of its own run before its secrets were known."""
    run.reason = None if run.reason is None else redactor.mask(run.reason)
    run.hint = None if run.hint is None else redactor.mask(run.hint)
    for gap in run.gaps:
        gap.message = redactor.mask(gap.message)


def _parse(
    report: RawReport, run: ToolRun, parsers: Mapping[str, Parser], context: ParseContext
) -> ParsedReport | None:
    try:
        parsed = parse(report, parsers, context)
    except ReportError as error:
        fail(run, context.redactor.mask(error.message), error.hint)
        return None
    if not parsed.balances:
        fail(run, f"{report.name}: {parsed.reported} entries reported, but not all accounted for")
    return parsed
