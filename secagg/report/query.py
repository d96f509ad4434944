"""Query the history: filter, sort, group, cut off."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from heapq import nsmallest

from secagg.errors import UsageError
from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report.filters import Filters, predicates, select
from secagg.report.standing import (
    ACTIVE,
    SEVERITY_LABELS,
    ShownState,
    owners_of,
    severity_label,
    severity_rank,
    standing,
)

_KINDS = {kind: rank for rank, kind in enumerate(Kind)}


_STANDINGS = {state: rank for rank, state in enumerate(ShownState)}


_LAST = "\U0010ffff"


Key = Callable[[Problem], tuple[object, ...]]


def severity_key(problem: Problem) -> tuple[object, ...]:
    """Worst first: severity, exploited in the wild, score, likelihood, kind, place."""
    return (
        -severity_rank(problem),
        not problem.severity_known,
        not problem.kev,
        not problem.verified,
        -(problem.score or 0.0),
        -(problem.epss or 0.0),
        _KINDS[problem.kind],
        *_place(problem),
    )


def _place(problem: Problem) -> tuple[object, ...]:
    return (problem.uri or problem.image or _LAST, problem.line or 0, problem.rule_id)


def _seconds(at: datetime.datetime | None) -> float:
    return at.timestamp() if at is not None else float("inf")


def _due(problem: Problem) -> tuple[object, ...]:
    return (problem.due or datetime.date.max,)


# Each in its natural direction: worst, oldest, most urgent or first in the alphabet first.
KEYS: dict[str, Key] = {
    "severity": severity_key,
    "age": lambda p: (_seconds(p.first_seen),),
    "newest": lambda p: (p.first_seen is None, -_seconds(p.first_seen) if p.first_seen else 0.0),
    "due": _due,
    "path": _place,
    "component": lambda p: (p.component or ".",),
    "kind": lambda p: (_KINDS[p.kind],),
    "rule": lambda p: (p.rule_id,),
    "package": lambda p: (p.package or _LAST, p.version or ""),
    "owner": lambda p: (owners_of(p) or (_LAST,),),
    "tool": lambda p: (p.tools,),
    "epss": lambda p: (-(p.epss or 0.0),),
    "score": lambda p: (-(p.score or 0.0),),
    "sources": lambda p: (-len(p.tools),),
}


def ordered(
    problems: Iterable[Problem],
    keys: Sequence[str],
    today: datetime.date,
    *,
    limit: int | None = None,
) -> list[Problem]:
    """``problems`` by ``keys``, the first weighing most; a key after ``-`` runs the other way.

    The first ``limit`` of them, where there is one.

    What the keys leave open is ordered worst first. Raises :class:`UsageError` for a key that
    does not exist.
    """
    if not keys and limit is not None:
        # Most often a few of many are looked at: the others need no order.
        return nsmallest(limit, problems, key=_worst_first)
    rows = sorted(problems, key=_worst_first)
    for name in reversed(keys):
        bare = name.removeprefix("-")
        key = _state_key(today) if bare == "state" else KEYS.get(bare)
        if key is None:
            key_names = ", ".join(sorted([*KEYS, "state"]))
            raise UsageError(f"cannot sort by {bare!r}", hint=f"one of {key_names}")
        # Sorting in reverse keeps the order of equal ones, too.
        rows.sort(key=key, reverse=name.startswith("-"))
    return rows[:limit]


def _worst_first(problem: Problem) -> tuple[object, ...]:
    return (*severity_key(problem), problem.identity)


def _state_key(today: datetime.date) -> Key:
    return lambda p: (_STANDINGS[standing(p, today)],)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """``limit`` cuts the rows and never the counts; ``None`` shows all.

    Where ``filters`` name no state, what is still to be done is shown: open and confirmed.
    """

    filters: Filters = field(default_factory=Filters)
    sort: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``rows`` are to be shown, in order; ``matching`` are all that the filters let through.

    ``related`` are the same without the filter on states: what was fixed is among them.
    """

    rows: list[Problem]
    matching: list[Problem]
    related: list[Problem]


def answer(query: Query, problems: Iterable[Problem], today: datetime.date) -> Answer:
    """Ask ``query`` on ``today`` (UTC)."""
    filters = replace(query.filters, states=frozenset())
    related = select(problems, predicates(filters, today))
    states = query.filters.states or ACTIVE
    matching = [problem for problem in related if standing(problem, today) in states]
    rows = ordered(matching, query.sort, today, limit=query.limit)
    return Answer(rows=rows, matching=matching, related=related)


class GroupBy(StrEnum):
    SEVERITY = "severity"
    COMPONENT = "component"
    OWNER = "owner"
    PACKAGE = "package"
    RULE = "rule"
    KIND = "kind"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Section:
    """One group. A problem with two owners or tools stands in both groups.

    ``total`` counts its problems, of which ``problems`` are to be shown.
    """

    name: str
    problems: list[Problem]
    total: int


_NAMES: dict[GroupBy, Callable[[Problem], tuple[str, ...]]] = {
    GroupBy.SEVERITY: lambda p: (severity_label(p),),
    GroupBy.COMPONENT: lambda p: (p.component or ".",),
    GroupBy.OWNER: lambda p: owners_of(p) or ("(no owner)",),
    GroupBy.PACKAGE: lambda p: (p.package or "(no package)",),
    GroupBy.RULE: lambda p: (p.rule_id,),
    GroupBy.KIND: lambda p: (str(p.kind),),
    GroupBy.TOOL: lambda p: p.tools or ("(no tool)",),
}


def sections(rows: Iterable[Problem], by: GroupBy, *, of: Iterable[Problem]) -> list[Section]:
    """Group ``rows``, which are to be shown, and count each group among all problems (``of``).

    The order of ``rows`` is kept within a group, and a group without a row is left out. The group
    with the most problems of the worst severity comes first; severities come in the ladder's
    order.
    """
    shown = _by_name(rows, by)
    every = _by_name(of, by)
    if by is GroupBy.SEVERITY:
        names = sorted(shown, key=SEVERITY_LABELS.index)
    else:
        names = sorted(shown, key=lambda name: (_weight(every[name]), name))
    return [Section(name, shown[name], len(every[name])) for name in names]


def _by_name(problems: Iterable[Problem], by: GroupBy) -> dict[str, list[Problem]]:
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        for name in dict.fromkeys(_NAMES[by](problem)):
            groups.setdefault(name, []).append(problem)
    return groups


def _weight(problems: Iterable[Problem]) -> tuple[int, ...]:
    counts = [0] * 5
    for problem in problems:
        counts[4 - severity_rank(problem)] -= 1
    return tuple(counts)
