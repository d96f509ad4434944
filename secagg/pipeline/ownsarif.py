"""Split a SARIF file by secagg, which has the runs of several tools, into a result for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from secagg.jsonio.members import text_at, value_at
from secagg.packages.components import ROOT
from secagg.parsing import Gap, ParsedReport
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import ToolResult
from secagg.sarif.producers import driver_tool
from secagg.scanners.base import Status
from secagg.system.dates import parse_time

GENERIC = "sarif"
"""The tool of a SARIF file without a parser of its own."""


def category(tool: str, component: str) -> str:
    """Return the ``automationDetails.id`` of a run; with ``/`` at its end all of it is category."""
    return f"secagg/{tool}/" + ("" if component == ROOT else f"{component}/")


def split_by_tool(results: Iterable[ToolResult]) -> Iterator[ToolResult]:
    """Yield the results, but for a SARIF file by secagg one result for each of its runs.

    Each has the tool and the component of its run, by its category; the first of a tool has its
    findings. A file that was not parsed completely stays as it is.
    """
    for result in results:
        is_complete = all(parsed.balances and not parsed.problems for parsed in result.parsed)
        if result.run.tool != GENERIC or not is_complete:
            yield result
        else:
            yield from _split(result)


def database_of(results: Sequence[ToolResult]) -> str | None:
    """Return when the database of one tool was built (RFC 3339), of several the oldest.

    A SARIF file by secagg says it of its runs. None where it is not known.
    """
    times = [result.run.database for result in results]
    for result in results:
        for parsed in result.parsed:
            times += [parse_time(value_at(run, *_DATABASE)) for run in parsed.runs]
    oldest = min((time for time in times if time is not None), default=None)
    if oldest is None:
        return None
    from secagg.report.jsonformat import rfc3339

    return rfc3339(oldest)


_DATABASE = ("properties", "secagg", "databaseBuiltAt")


def _split(result: ToolResult) -> Iterator[ToolResult]:
    our_runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    other_runs: list[Mapping[str, Any]] = []
    for parsed in result.parsed:
        for run in parsed.runs:
            key = _tool_and_component(run)
            (other_runs if key is None else our_runs.setdefault(key, [])).append(run)
    findings = [finding for parsed in result.parsed for finding in parsed.findings]
    gaps = [gap for parsed in result.parsed for gap in parsed.gaps]
    names = {tool: str(runs[0]["tool"]["driver"]["name"]) for (tool, _), runs in our_runs.items()}
    assigned: set[str] = set()
    for (tool, component), runs in our_runs.items():
        of_tool = [f for f in findings if f.tool == tool] if tool not in assigned else []
        report = ParsedReport(
            tool=tool,
            findings=of_tool,
            reported=len(of_tool),
            gaps=[gap for gap in gaps if not _is_of_another(gap, tool, names)],
            runs=runs,
        )
        assigned.add(tool)
        part = replace(result, run=replace(result.run, component=component), parsed=[report])
        if result.run.status is Status.COMPLETE:
            part.looked_for = kinds_seen(part)
        part.run.tool = tool
        yield part
    if not our_runs:
        yield result
        return
    others = [finding for finding in findings if finding.tool not in assigned]
    if others or other_runs:
        report = ParsedReport(
            tool=GENERIC, findings=others, reported=len(others), gaps=gaps, runs=other_runs
        )
        yield replace(result, parsed=[report])


def _is_of_another(gap: Gap, tool: str, names: Mapping[str, str]) -> bool:
    """Return whether the message of a gap begins with the driver's name of another tool."""
    return any(gap.message.startswith(f"{names[name]}: ") for name in names if name != tool)


def _tool_and_component(run: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the tool and component of a run by secagg; None for any other run."""
    name = text_at(run, "automationDetails", "id") or ""
    tool = driver_tool(run)
    prefix = category(tool, ROOT)
    if not name.startswith(prefix) or not name.endswith("/"):
        return None
    return tool, name.removeprefix(prefix).rstrip("/") or ROOT
