"""The last word of tools that have not looked again: what they said of a problem still holds.

A tool that fails says nothing of a problem that others still see. Shown by the others' words
alone, what is critical would turn into something less for as long as the tool fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, text

from secagg.history import standing
from secagg.history.document import ELSEWHERE, decode
from secagg.model.finding import Severity
from secagg.model.problem import Problem

Waiting = Mapping[int, tuple[str, int]]


"""By finding: its component, and the bits of the tools that knew it and did not see it last."""


Word = tuple[int, int]


"""The content of an earlier sighting, and the bits of the tools whose word in it holds on."""


# None where no tool says whether it is so.
_FACTS = ("verified", "kev")


# What the newest sighting knows best: the place moves, and decisions are found by the names.
_OF_NEWEST = (
    *sorted(ELSEWHERE),
    *("identity", "uri", "line", "end_line", "commit", "image", "logical", "component", "owners"),
    *("snippet", "steps", *_FACTS),
    *("exception", "exception_state", "exception_reason", "exception_expires"),
)


# The policy's word, which an exception changes from one day to the next.
_JUDGED = ("action", "rule", "why")


_BATCH = 500


# Up to so many findings are looked up one by one; for more, all that a run saw is gone through.
_FEW = 1000


# A tool that fails may have seen a part. So many runs back that is looked for.
_RECENT = 10


_LOOKED = """
SELECT c.run_id, c.component, c.tool_id FROM covered c JOIN run r ON r.id = c.run_id
WHERE r.branch_id = :branch
"""


_TOOK_PART = """
SELECT DISTINCT u.run_id, t.id FROM tool_run u JOIN tool t ON t.name = u.tool
JOIN run r ON r.id = u.run_id WHERE r.branch_id = :branch
"""


_TOOLS = "SELECT id, name FROM tool"


_SAID = """
SELECT s.finding_id, c.tools, c.id, c.severity FROM sighting s
JOIN content c ON c.id = s.content_id
JOIN {table} t ON t.branch_id = :branch AND t.finding_id = s.finding_id
WHERE s.run_id = :run AND t.last_run_id <> :run AND (c.tools & :missing) <> 0
  AND t.fixed_run_id IS NULL AND t.superseded_run_id IS NULL
"""


def still_said(
    connection: Connection, branch: int, waiting: Waiting, *, until: int | None, table: str
) -> dict[int, Word]:
    """By finding: the earlier sighting that holds on, the worst if there are several.

    A tool's last sighting holds until the tool has looked at everything in the component again.
    It is looked for where the tool did so last, and in the newest runs. ``until`` is the last
    run that counts; ``table`` has the standing after it.
    """
    runs = standing.runs_of(connection, branch)
    if until is not None:
        runs = runs[: runs.index(until) + 1]
    looked = _looked(connection, branch, runs)
    worth = _worth_asking(connection, branch, runs, looked)
    left = dict(waiting)
    by_finding: dict[int, tuple[int, int, int]] = {}
    for place in sorted(worth, reverse=True):
        left = _not_taken_back(left, looked, place)
        missing = 0
        for _, mask in left.values():
            missing |= mask
        missing &= worth[place]
        if not missing:
            continue
        asked = {"branch": branch, "run": runs[place], "missing": missing}
        for finding, tools, content, severity in _reports(connection, table, asked, left):
            component, mask = left.get(finding, ("", 0))
            if tools & mask:
                left[finding] = component, mask & ~tools
                rank = Severity(severity).rank
                # The newest of the worst.
                if finding not in by_finding or rank > by_finding[finding][0]:
                    by_finding[finding] = rank, content, tools & mask
    return {finding: (content, held) for finding, (_, content, held) in by_finding.items()}


def _reports(
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
    by_component: dict[str, dict[int, int]] = {}
    for run, component, tool in connection.execute(text(_LOOKED), {"branch": branch}):
        if run in places:
            last = by_component.setdefault(component, {})
            last[1 << tool] = max(places[run], last.get(1 << tool, 0))
    return by_component


def _worth_asking(
    connection: Connection,
    branch: int,
    runs: Sequence[int],
    looked: Mapping[str, Mapping[int, int]],
) -> dict[int, int]:
    """By place of a run: the tools (as bits) whose last sighting may be in it."""
    tools_of_run: dict[int, int] = {}
    for last in looked.values():
        for tool, place in last.items():
            tools_of_run[place] = tools_of_run.get(place, 0) | tool
    # A tool that nobody runs any more is in none of them.
    recent = {run: place for place, run in enumerate(runs) if place >= len(runs) - _RECENT}
    for run, number in connection.execute(text(_TOOK_PART), {"branch": branch}):
        if run in recent:
            tools_of_run[recent[run]] = tools_of_run.get(recent[run], 0) | 1 << number
    return tools_of_run


def _not_taken_back(
    waiting: Waiting, looked: Mapping[str, Mapping[int, int]], place: int
) -> dict[int, tuple[str, int]]:
    """``waiting`` without the tools that looked after ``place``: they did not see it any more."""
    after: dict[str, int] = {}
    left = {}
    for finding, (component, mask) in waiting.items():
        if component not in after:
            after[component] = 0
            for where in {component} if component.startswith("image:") else {component, "."}:
                for tool, last in looked.get(where, {}).items():
                    after[component] |= tool if last > place else 0
        mask &= ~after[component]
        if mask:
            left[finding] = component, mask
    return left


def hold(
    connection: Connection,
    found: list[Problem],
    earlier: Mapping[int, tuple[int, int]],
    *,
    details: bool,
) -> None:
    """Put what was said earlier in the place of what is less, in ``found``.

    ``earlier`` has, by content, the index in ``found`` of the problem for which it holds, and
    the bits of the tools whose word it is.
    """
    tools = {1 << number: name for number, name in connection.execute(text(_TOOLS))}
    statement = text("SELECT id, document FROM content WHERE id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    contents = iter(earlier)
    while batch := list(islice(contents, _BATCH)):
        for content, document in connection.execute(statement, {"ids": batch}):
            index, held = earlier[content]
            names = {name for bit, name in tools.items() if bit & held}
            before = decode(document, details=details)
            found[index] = _together(found[index], before, names)


def _together(now: Problem, before: Problem, held: Set[str]) -> Problem:
    """``now``, or ``before`` where it is as bad, of which the words of the tools ``held`` hold."""
    told = (source for source in before.sources if source.tool in held)
    together: dict[str, Any] = {
        "tools": tuple(sorted({*now.tools, *held})),
        "sources": tuple(sorted((*now.sources, *told), key=lambda source: source.tool)),
        "known_as": tuple(dict.fromkeys((*now.known_as, *before.known_as))),
    }
    if {*before.tools} - {*now.tools} <= held:
        # None of those who said it then and not now has looked again.
        together |= {name: getattr(before, name) for name in _FACTS if getattr(now, name) is None}
    shown = now
    if before.severity.rank >= now.severity.rank:
        shown = before
        excepted = now.exception is not None or before.exception is not None
        for name in (*_OF_NEWEST, *(_JUDGED if excepted else ())):
            setattr(shown, name, getattr(now, name))
    for name, value in together.items():
        setattr(shown, name, value)
    return shown
