"""A SARIF file that secagg wrote holds the runs of several tools: each is a result of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from secagg.packages.components import ROOT
from secagg.parsing import Gap, ParsedReport
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import ToolResult
from secagg.sarif.producers import driver_tool
from secagg.scanners.base import Status

GENERIC = "sarif"
"""The tool of a SARIF file that no other parser knows better."""


def category(tool: str, component: str) -> str:
    """The ``automationDetails.id`` of a run; it ends with ``/`` so that all of it is category."""
    place = "" if component == ROOT else component + "/"
    return f"secagg/{tool}/{place}"


def by_tool(results: Iterable[ToolResult]) -> Iterator[ToolResult]:
    """Yield the results, and in place of that of a file of secagg's those of its runs.

    Each has the tool and the component of its run, by its category; the first of a tool has its
    findings. A file that was not understood whole stays as it is.
    """
    for result in results:
        if result.run.tool != GENERIC or not all(map(_is_understood, result.parsed)):
            yield result
        else:
            yield from _split(result)


def _is_understood(parsed: ParsedReport) -> bool:
    return parsed.balances and not parsed.problems


def _split(result: ToolResult) -> Iterator[ToolResult]:
    places: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    others: list[Mapping[str, Any]] = []
    for parsed in result.parsed:
        for frame in parsed.runs:
            place = _own_place(frame)
            (others if place is None else places.setdefault(place, [])).append(frame)
    findings = [finding for parsed in result.parsed for finding in parsed.findings]
    gaps = [gap for parsed in result.parsed for gap in parsed.gaps]
    names = {tool: str(frames[0]["tool"]["driver"]["name"]) for (tool, _), frames in places.items()}
    started: set[str] = set()
    for (tool, component), frames in places.items():
        own = [f for f in findings if f.tool == tool] if tool not in started else []
        made = ParsedReport(
            tool=tool,
            findings=own,
            reported=len(own),
            gaps=[gap for gap in gaps if not _is_of_another(gap, tool, names)],
            runs=frames,
        )
        started.add(tool)
        part = replace(result, run=replace(result.run, component=component), parsed=[made])
        if result.run.status is Status.COMPLETE:
            part.looked_for = kinds_seen(part)
        part.run.tool = tool
        yield part
    rest = [finding for finding in findings if finding.tool not in started]
    if rest or others or not places:
        made = ParsedReport(tool=GENERIC, findings=rest, reported=len(rest), gaps=gaps, runs=others)
        yield replace(result, parsed=[made]) if places else result


def _is_of_another(gap: Gap, tool: str, names: Mapping[str, str]) -> bool:
    """Whether a gap is that of another of the tools: its message begins with the driver's name."""
    return any(gap.message.startswith(f"{names[name]}: ") for name in names if name != tool)


def _own_place(frame: Mapping[str, Any]) -> tuple[str, str] | None:
    """The tool and the component of a run that secagg wrote; None for one of somebody else's."""
    details = frame.get("automationDetails")
    name = str(details.get("id") or "") if isinstance(details, Mapping) else ""
    tool = driver_tool(frame)
    whole = category(tool, ROOT)
    if not name.startswith(whole) or not name.endswith("/"):
        return None
    return tool, name.removeprefix(whole).rstrip("/") or ROOT
