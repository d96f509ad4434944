"""Carry over the earlier reports of tools that have not looked again.

If a tool fails, a problem that it rated critical may still be reported by other tools with a lower
severity. Without the earlier report of the failed tool the problem would become less severe for as
long as the tool fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, text

from secagg.history import standing
from secagg.history.document import HISTORY_FIELDS, decode
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
)
# The policy's judgement, which an exception may change every day.
_JUDGEMENT_FIELDS = ("action", "rule", "why")
_BATCH = 500
# Up to this many findings are selected by id; for more, all findings of a run are read.
_FEW = 1000
# Newest runs that are searched although their tools did not look at everything.
_RECENT = 10

_COVERED = """
SELECT c.run_id, c.component, c.tool_id FROM covered c JOIN run r ON r.id = c.run_id
WHERE r.branch_id = :branch
"""
_TOOL_RUNS = """
SELECT DISTINCT u.run_id, t.id FROM tool_run u JOIN tool t ON t.name = u.tool
JOIN run r ON r.id = u.run_id WHERE r.branch_id = :branch
"""
_TOOLS = "SELECT id, name FROM tool"
_REPORTS = """
SELECT s.finding_id, c.tools, c.id, c.severity FROM sighting s
JOIN content c ON c.id = s.content_id
JOIN {table} t ON t.branch_id = :branch AND t.finding_id = s.finding_id
WHERE s.run_id = :run AND t.last_run_id <> :run AND (c.tools & :missing) <> 0
  AND t.fixed_run_id IS NULL AND t.superseded_run_id IS NULL
"""


def carried_over(
    connection: Connection, branch: int, missing: Missing, *, until: int | None, table: str
) -> dict[int, CarriedOver]:
    """Return, by finding, the earlier sighting that still holds, the worst if there are several.

    The last sighting of a tool holds until the tool has looked at everything in the component
    again. It is searched in the last run where the tool did so, and in the newest runs.
    ``until`` is the last run that counts; ``table`` has the standing after it.
    """
    runs = standing.runs_of(connection, branch)
    if until is not None:
        runs = runs[: runs.index(until) + 1]
    last_look = _last_look(connection, branch, runs)
    candidates = _candidates(connection, branch, runs, last_look)
    remaining = dict(missing)
    worst: dict[int, tuple[int, int, int]] = {}
    for position in sorted(candidates, reverse=True):
        remaining = _without_later_looks(remaining, last_look, position)
        tools = 0
        for _, mask in remaining.values():
            tools |= mask
        tools &= candidates[position]
        if not tools:
            continue
        values = {"branch": branch, "run": runs[position], "missing": tools}
        for finding, seen_by, content, severity in _reports(connection, table, values, remaining):
            component, mask = remaining.get(finding, ("", 0))
            if seen_by & mask:
                remaining[finding] = component, mask & ~seen_by
                rank = Severity(severity).rank
                if finding not in worst or rank > worst[finding][0]:
                    worst[finding] = rank, content, seen_by & mask
    return {finding: (content, tools) for finding, (_, content, tools) in worst.items()}


def _reports(
    connection: Connection, table: str, values: Mapping[str, int], remaining: Missing
) -> Iterable[Any]:
    """Select a run's sightings by the missing tools, of findings that a later run saw too."""
    statement = _REPORTS.format(table=table)
    if len(remaining) > _FEW:
        return connection.execute(text(statement), values)
    few = text(f"{statement} AND s.finding_id IN :few").bindparams(bindparam("few", expanding=True))
    return connection.execute(few, {**values, "few": list(remaining)})


def _last_look(
    connection: Connection, branch: int, runs: Sequence[int]
) -> dict[str, dict[int, int]]:
    """Return, by component and tool (as a bit), the position of its last complete run."""
    positions = {run: position for position, run in enumerate(runs)}
    by_component: dict[str, dict[int, int]] = {}
    for run, component, tool in connection.execute(text(_COVERED), {"branch": branch}):
        if run in positions:
            last = by_component.setdefault(component, {})
            last[1 << tool] = max(positions[run], last.get(1 << tool, 0))
    return by_component


def _candidates(
    connection: Connection,
    branch: int,
    runs: Sequence[int],
    last_look: Mapping[str, Mapping[int, int]],
) -> dict[int, int]:
    """Return, by position of a run, the tools (as bits) whose last sighting may be in it."""
    tools_of_run: dict[int, int] = {}
    for last in last_look.values():
        for tool, position in last.items():
            tools_of_run[position] = tools_of_run.get(position, 0) | tool
    recent = {run: position for position, run in enumerate(runs) if position >= len(runs) - _RECENT}
    for run, number in connection.execute(text(_TOOL_RUNS), {"branch": branch}):
        if run in recent:
            tools_of_run[recent[run]] = tools_of_run.get(recent[run], 0) | 1 << number
    return tools_of_run


def _without_later_looks(
    missing: Missing, last_look: Mapping[str, Mapping[int, int]], position: int
) -> dict[int, tuple[str, int]]:
    """Remove the tools that looked again after ``position``: they no longer saw the finding."""
    later: dict[str, int] = {}
    remaining = {}
    for finding, (component, mask) in missing.items():
        if component not in later:
            later[component] = 0
            for where in {component} if component.startswith("image:") else {component, "."}:
                for tool, last in last_look.get(where, {}).items():
                    later[component] |= tool if last > position else 0
        mask &= ~later[component]
        if mask:
            remaining[finding] = component, mask
    return remaining


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
    tools = {1 << number: name for number, name in connection.execute(text(_TOOLS))}
    statement = text("SELECT id, document FROM content WHERE id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    contents = iter(earlier)
    while batch := list(islice(contents, _BATCH)):
        for content, document in connection.execute(statement, {"ids": batch}):
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
    problem = now
    if before.severity.rank >= now.severity.rank:
        problem = before
        excepted = now.exception is not None or before.exception is not None
        for name in (*_NEWEST_FIELDS, *(_JUDGEMENT_FIELDS if excepted else ())):
            setattr(problem, name, getattr(now, name))
    for name, value in fields.items():
        setattr(problem, name, value)
    return problem
