"""The last word of tools that have not looked again: what they said of a problem still holds.

A tool that fails says nothing of a problem that others still see. Shown by the others' words
alone, what is critical would turn into something less for as long as the tool fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, text

from secagg.finding import Severity
from secagg.history import Problem
from secagg.store.document import ELSEWHERE, decode

Waiting = Mapping[int, tuple[str, int]]
"""By finding: its component, and the bits of the tools that knew it and did not see it last."""

# What the newest sighting knows best: the place moves, and decisions are found by the names.
_OF_NEWEST = (
    *sorted(ELSEWHERE),
    *("identity", "uri", "line", "end_line", "commit", "image", "logical", "component", "owners"),
    *("snippet", "steps", "exception"),
)
# The policy's word, which an exception changes from one day to the next.
_JUDGED = ("action", "rule", "why")
_BATCH = 500
# Up to so many findings are looked up one by one; for more, all that a run saw is gone through.
_FEW = 1000
# A tool that fails may have seen a part. So many runs back that is looked for.
_RECENT = 10

_RUNS = "SELECT id FROM run WHERE branch_id = :branch ORDER BY started_at, key"
_LOOKED = """
SELECT c.run_id, c.component, c.tool_id FROM covered c JOIN run r ON r.id = c.run_id
WHERE r.branch_id = :branch
"""
_TOOK_PART = """
SELECT DISTINCT u.run_id, t.id FROM tool_run u JOIN tool t ON t.name = u.tool
JOIN run r ON r.id = u.run_id WHERE r.branch_id = :branch
"""
_SAID = """
SELECT s.finding_id, c.tools, c.id, c.severity FROM sighting s
JOIN content c ON c.id = s.content_id
JOIN {table} t ON t.branch_id = :branch AND t.finding_id = s.finding_id
WHERE s.run_id = :run AND t.last_run_id <> :run AND (c.tools & :missing) <> 0
  AND t.fixed_run_id IS NULL AND t.superseded_run_id IS NULL
"""


def still_said(
    connection: Connection, branch: int, waiting: Waiting, *, until: int | None, table: str
) -> dict[int, int]:
    """By finding: the content of an earlier sighting that holds on, the worst if there are several.

    A tool's last sighting holds until the tool has looked at everything in the component again.
    It is looked for where the tool did so last, and in the newest runs. ``until`` is the last
    run that counts; ``table`` has the standing after it.
    """
    runs = connection.execute(text(_RUNS), {"branch": branch}).scalars().all()
    if until is not None:
        runs = runs[: runs.index(until) + 1]
    looked = _looked(connection, branch, runs)
    worth = _worth_asking(connection, branch, runs, looked)
    left = dict(waiting)
    found: dict[int, tuple[int, int]] = {}
    for place in sorted(worth, reverse=True):
        left = _not_taken_back(left, looked, place)
        missing = 0
        for _, mask in left.values():
            missing |= mask
        missing &= worth[place]
        if not missing:
            continue
        asked = {"branch": branch, "run": runs[place], "missing": missing}
        for finding, tools, content, severity in _said(connection, table, asked, left):
            component, mask = left.get(finding, ("", 0))
            if tools & mask:
                left[finding] = component, mask & ~tools
                rank = Severity(severity).rank
                # The newest of the worst.
                if finding not in found or rank > found[finding][0]:
                    found[finding] = rank, content
    return {finding: content for finding, (_, content) in found.items()}


def _said(
    connection: Connection, table: str, asked: Mapping[str, int], left: Waiting
) -> Iterable[Any]:
    """What the run said by the tools asked for of findings of which it was not the last one."""
    statement = _SAID.format(table=table)
    if len(left) > _FEW:
        return connection.execute(text(statement), asked)
    few = text(f"{statement} AND s.finding_id IN :few").bindparams(bindparam("few", expanding=True))
    return connection.execute(few, {**asked, "few": list(left)})


def _looked(connection: Connection, branch: int, runs: Sequence[int]) -> dict[str, dict[int, int]]:
    """By component and tool (as a bit): the place of the last run in which it saw everything."""
    places = {run: place for place, run in enumerate(runs)}
    found: dict[str, dict[int, int]] = {}
    for run, component, tool in connection.execute(text(_LOOKED), {"branch": branch}):
        if run in places:
            last = found.setdefault(component, {})
            last[1 << tool] = max(places[run], last.get(1 << tool, 0))
    return found


def _worth_asking(
    connection: Connection,
    branch: int,
    runs: Sequence[int],
    looked: Mapping[str, Mapping[int, int]],
) -> dict[int, int]:
    """By place of a run: the tools (as bits) whose last sighting may be in it."""
    found: dict[int, int] = {}
    for last in looked.values():
        for tool, place in last.items():
            found[place] = found.get(place, 0) | tool
    # A tool that nobody runs any more is in none of them.
    recent = {run: place for place, run in enumerate(runs) if place >= len(runs) - _RECENT}
    for run, number in connection.execute(text(_TOOK_PART), {"branch": branch}):
        if run in recent:
            found[recent[run]] = found.get(recent[run], 0) | 1 << number
    return found


def _not_taken_back(
    waiting: Waiting, looked: Mapping[str, Mapping[int, int]], place: int
) -> dict[int, tuple[str, int]]:
    """``waiting`` without the tools that looked after ``place``: they did not see it any more."""
    after: dict[str, int] = {}
    left = {}
    for finding, (component, mask) in waiting.items():
        if component not in after:
            after[component] = 0
            for where in {component, "."}:
                for tool, last in looked.get(where, {}).items():
                    after[component] |= tool if last > place else 0
        mask &= ~after[component]
        if mask:
            left[finding] = component, mask
    return left


def hold(
    connection: Connection,
    found: list[Problem],
    earlier: Mapping[int, int],
    *,
    details: bool,
) -> None:
    """Put what was said earlier in the place of what is less, in ``found``.

    ``earlier`` has, by content, the index in ``found`` of the problem for which it holds.
    """
    statement = text("SELECT id, document FROM content WHERE id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    contents = iter(earlier)
    while batch := list(islice(contents, _BATCH)):
        for content, document in connection.execute(statement, {"ids": batch}):
            index = earlier[content]
            found[index] = _together(found[index], decode(document, details=details))


def _together(now: Problem, before: Problem) -> Problem:
    tools = tuple(sorted({*now.tools, *before.tools}))
    known_as = tuple(dict.fromkeys((*now.known_as, *before.known_as)))
    shown = now
    if before.severity.rank >= now.severity.rank:
        shown = before
        excepted = now.exception is not None or before.exception is not None
        for name in (*_OF_NEWEST, *(_JUDGED if excepted else ())):
            setattr(shown, name, getattr(now, name))
    else:
        told = {source.tool for source in now.sources}
        shown.sources += tuple(s for s in before.sources if s.tool not in told)
    shown.tools, shown.known_as = tools, known_as
    # Nobody who could say otherwise has looked again.
    shown.verified = before.verified or now.verified
    shown.kev = before.kev or now.kev
    return shown
