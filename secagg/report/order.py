"""In which order problems are shown. Equal ones always come in the same order: by identity."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest

from secagg.errors import UsageError
from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report.standing import ShownState, owners_of, severity_rank, standing

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
    found = sorted(problems, key=_worst_first)
    for name in reversed(keys):
        bare = name.removeprefix("-")
        key = _state_key(today) if bare == "state" else KEYS.get(bare)
        if key is None:
            known = ", ".join(sorted([*KEYS, "state"]))
            raise UsageError(f"cannot sort by {bare!r}", hint=f"one of {known}")
        # Sorting in reverse keeps the order of equal ones, too.
        found.sort(key=key, reverse=name.startswith("-"))
    return found[:limit]


def _worst_first(problem: Problem) -> tuple[object, ...]:
    return (*severity_key(problem), problem.identity)


def _state_key(today: datetime.date) -> Key:
    return lambda p: (_STANDINGS[standing(p, today)],)
