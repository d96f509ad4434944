"""Carry over the earlier reports of tools that have not looked again.

If a tool fails, a problem that it rated critical may still be reported by other tools with a lower
severity. Without the earlier report of the failed tool the problem would become less severe for as
long as the tool fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from typing import Any

from sqlalchemy import Connection, Select, select

from secagg.history import tables as t
from secagg.history.bulk import select_in
from secagg.history.document import HISTORY_FIELDS, decode
from secagg.history.replay import Runs
from secagg.model.approval import settle
from secagg.model.finding import Severity
from secagg.model.problem import Problem

Missing = Mapping[int, tuple[str, int]]
"""By finding: its component, and the bits of the tools that knew it and did not see it last."""

CarriedOver = tuple[int, int]
"""The content of an earlier sighting, and the bits of the tools whose report of it still holds."""

# Fields that are None if no tool reports them.
_FACTS = ("verified", "kev")
# Fields of the newest sighting: locations move, and decisions are found by id and component.
_NEWEST_FIELDS = (
    *sorted(HISTORY_FIELDS),
    *("identity", "uri", "line", "end_line", "commit", "image", "logical", "component", "owners"),
    *("snippet", "steps", *_FACTS),
    *("exception", "exception_state", "exception_reason", "exception_expires"),
    *("approvals_needed", "unapproved", "unapproved_in"),
)
# The policy's judgement, which an exception may change every day.
_JUDGEMENT_FIELDS = ("action", "rule", "why")


def carry_over(
    connection: Connection,
    branch: int,
    missing: Mapping[int, tuple[int, str, int]],
    problems: list[Problem],
    *,
    until: int | None,
    details: bool,
) -> None:
    """Merge what earlier runs of a branch reported into ``problems``, where it still holds.

    ``missing`` has, by finding, the index of its problem, its component, and the bits of the tools
    that knew it and did not see it last. ``until`` is the last run that counts.
    """
    if not missing:
        return
    tools_missing = {
        finding: (component, bits) for finding, (_, component, bits) in missing.items()
    }
    reports = carried_over(connection, branch, tools_missing, until=until)
    earlier = {
        content: (missing[finding][0], tools) for finding, (content, tools) in reports.items()
    }
    apply(connection, problems, earlier, details=details)


def carried_over(
    connection: Connection, branch: int, missing: Missing, *, until: int | None
) -> dict[int, CarriedOver]:
    """Return, by finding, the earlier sighting that still holds, the worst if there are several.

    The last sighting of a tool holds until the tool has looked at everything in the component
    again. ``until`` is the last run that counts.
    """
    runs = Runs(connection, branch, until)
    looks = _last_looks(connection, runs)
    sighted: defaultdict[int, list[tuple[int, int, int, str]]] = defaultdict(list)
    rows = select_in(connection, _sightings(branch), t.sighting.c.finding_id, missing)
    for finding, first, last, tools, content, severity in rows:
        if tools & missing[finding][1] and (span := runs.span(first, last)):
            sighted[finding].append((span[1], tools, content, severity))
    worst: dict[int, CarriedOver] = {}
    for finding, of_finding in sighted.items():
        component, mask = missing[finding]
        rank = -1
        for position, tools, content, severity in sorted(of_finding, reverse=True):
            mask &= ~_later_looks(looks, component, position)
            if tools & mask and Severity(severity).rank > rank:
                rank = Severity(severity).rank
                worst[finding] = content, tools & mask
            mask &= ~tools
            if not mask:
                break
    return worst


def _sightings(branch: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            t.sighting.c.finding_id,
            t.sighting.c.from_run_id,
            t.sighting.c.to_run_id,
            t.content.c.tools,
            t.content.c.id,
            t.content.c.severity,
        )
        .join(t.content, t.content.c.id == t.sighting.c.content_id)
        .where(t.sighting.c.branch_id == branch)
    )


def _last_looks(connection: Connection, runs: Runs) -> dict[str, dict[int, int]]:
    """Return, by component and tool (as a bit), the position of its last complete run."""
    by_component: dict[str, dict[int, int]] = {}
    statement = (
        select(t.covered.c.run_id, t.covered.c.component, t.covered.c.tool_id)
        .join(t.run, t.run.c.id == t.covered.c.run_id)
        .where(t.run.c.branch_id == runs.branch)
    )
    for run, component, tool in connection.execute(statement):
        if run in runs.position:
            last = by_component.setdefault(component, {})
            last[1 << tool] = max(runs.position[run], last.get(1 << tool, 0))
    return by_component


def _later_looks(looks: Mapping[str, Mapping[int, int]], component: str, position: int) -> int:
    """Return the tools (as bits) that looked again after ``position``: they saw it no more."""
    later = 0
    for where in {component} if component.startswith("image:") else {component, "."}:
        for tool, last in looks.get(where, {}).items():
            later |= tool if last > position else 0
    return later


def apply(
    connection: Connection,
    problems: list[Problem],
    earlier: Mapping[int, tuple[int, int]],
    *,
    details: bool,
) -> None:
    """Merge the earlier reports that are carried over into ``problems``.

    ``earlier`` has, by content, the index in ``problems`` of the problem, and the bits of the
    tools whose report it is.
    """
    rows = connection.execute(select(t.tool.c.id, t.tool.c.name))
    tools = {1 << number: name for number, name in rows if number is not None}
    statement = select(t.content.c.id, t.content.c.document)
    for content, document in select_in(connection, statement, t.content.c.id, earlier):
        index, mask = earlier[content]
        names = {name for bit, name in tools.items() if bit & mask}
        before = decode(document, details=details)
        problems[index] = _merged(problems[index], before, names)


def _merged(now: Problem, before: Problem, tools: Set[str]) -> Problem:
    """Merge ``before``, the earlier report of ``tools``, into ``now``; the worse one counts."""
    sources = (source for source in before.sources if source.tool in tools)
    fields: dict[str, Any] = {
        "tools": tuple(sorted({*now.tools, *tools})),
        "sources": tuple(sorted((*now.sources, *sources), key=lambda source: source.tool)),
        "known_as": tuple(dict.fromkeys((*now.known_as, *before.known_as))),
    }
    if {*before.tools} - {*now.tools} <= tools:
        # Every tool that reported it before has reported it now or has not looked again.
        fields |= {name: getattr(before, name) for name in _FACTS if getattr(now, name) is None}
    needed = max(now.approvals_needed or 1, before.approvals_needed or 1)
    problem = now
    if before.severity.rank >= now.severity.rank:
        problem = before
        excepted = now.exception is not None or before.exception is not None
        for name in (*_NEWEST_FIELDS, *(_JUDGEMENT_FIELDS if excepted else ())):
            setattr(problem, name, getattr(now, name))
    for name, value in fields.items():
        setattr(problem, name, value)
    problem.approvals_needed = needed if needed > 1 else None
    if problem.unapproved_in is None:
        settle(problem, problem.triage or problem.unapproved)
    return problem
