"""Count the problems of a store in SQL: by repository, owner, severity, state, age and week."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, not_

from secagg.history import tables as t
from secagg.history.currentcolumns import names_in
from secagg.report.filters import Filters
from secagg.report.query import NO_OWNER
from secagg.report.standing import SEVERITY_LABELS, WORST_FIRST, ShownState
from secagg.report.stored import UNDECIDED, LocalStore, StoredQuestion, StoreScope
from secagg.report.storedsql import in_index

_P = t.current_problem.c
# The days up to which a problem counts for an age.
AGES = {"up to 7 days": 7, "up to 30 days": 30, "up to 90 days": 90}
OLDER = "older"


@dataclass(slots=True, kw_only=True)
class Count:
    """The problems of a repository or an owner; ``oldest`` is when the first of them was seen."""

    name: str
    total: int = 0
    by_severity: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEVERITY_LABELS, 0))
    overdue: int = 0
    oldest: datetime.datetime | None = None


def worst_first(count: Count) -> tuple[object, ...]:
    """Return the sort key that puts what has most of the worst severity first."""
    return (*(-count.by_severity[label] for label in WORST_FIRST), count.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSummary:
    """Counts of the problems that match; ``by_state`` counts every state.

    A problem with two owners counts for both. Repositories and owners with most problems of the
    worst severity come first.
    """

    total: int
    overdue: int
    by_severity: dict[str, int]
    by_state: dict[str, int]
    by_age: dict[str, int]
    repositories: list[Count]
    owners: list[Count]


@dataclass(slots=True, kw_only=True)
class Week:
    """A week from Monday ``start`` (UTC): the problems first seen in it, and those fixed in it."""

    start: datetime.date
    new: int = 0
    fixed: int = 0


def summary(
    store: LocalStore, scope: StoreScope, filters: Filters, *, today: datetime.date
) -> StoredSummary:
    """Count the problems that match ``filters``."""
    with store.reading() as connection:
        return _summary(StoredQuestion(connection, scope, filters, today))


def weeks(
    store: LocalStore, scope: StoreScope, *, today: datetime.date, number: int = 12
) -> list[Week]:
    """Return the last ``number`` weeks, the oldest first; the last one is not over."""
    monday = today - datetime.timedelta(days=today.weekday())
    starts = [monday - datetime.timedelta(weeks=n) for n in reversed(range(number))]
    by_start = {start: Week(start=start) for start in starts}
    with store.reading() as connection:
        question = StoredQuestion(connection, scope, Filters(states=frozenset(ShownState)), today)
        for column, name in ((_P.first_seen, "new"), (_P.fixed_at, "fixed")):
            day = func.substr(column, 1, 10)
            statement = question.select(day, func.count()).where(column >= starts[0].isoformat())
            for text, count in connection.execute(statement.group_by(day)):
                at = datetime.date.fromisoformat(text)
                week = by_start.get(at - datetime.timedelta(days=at.weekday()))
                if week is not None:
                    setattr(week, name, getattr(week, name) + count)
    return list(by_start.values())


def _summary(question: StoredQuestion) -> StoredSummary:
    severities, ages = dict.fromkeys(SEVERITY_LABELS, 0), dict.fromkeys([*AGES, OLDER], 0)
    repositories: dict[str, Count] = {}
    total, late, undecided = 0, 0, 0
    # PostgreSQL answers this from an index alone.
    counts = [
        func.count().filter(condition)
        for condition in (
            UNDECIDED,
            *(_P.first_seen >= day for day in _age_limits(question.today)),
        )
    ]
    for row in _counted(question, _P.branch_id, *counts):
        branch, label, oldest, number, passed, opened, *young = row
        repository, _ = question.branches[branch]
        _add(repositories, repository, label, oldest, number, passed)
        total += number
        late += passed
        undecided += opened
        severities[label] += number
        for name, more, fewer in zip(ages, [*young, number], [0, *young], strict=True):
            ages[name] += more - fewer
    return StoredSummary(
        total=total,
        overdue=late,
        by_severity=severities,
        by_state=count_by_state(
            question, undecided if str(ShownState.OPEN) in question.states else None
        ),
        by_age=ages,
        repositories=sorted(repositories.values(), key=worst_first),
        owners=sorted(_by_owner(question).values(), key=worst_first),
    )


def _counted(
    question: StoredQuestion, group: Any, *counts: Any, where: Any = None
) -> Iterator[Any]:
    """Yield, by ``group`` and severity, the oldest, the number, the overdue ones and ``counts``."""
    overdue = func.count().filter(question.overdue)
    statement = question.select(
        *(group, _P.severity, func.min(_P.first_seen), func.count(), overdue, *counts)
    )
    if where is not None:
        statement = statement.where(where)
    yield from question.connection.execute(statement.group_by(group, _P.severity))


def _by_owner(question: StoredQuestion) -> dict[str, Count]:
    owned: dict[str, Count] = {}
    undecided = _P.decided_owner.is_(None)
    # PostgreSQL shares the work among processes only if it can tell how many owners there are, and
    # has the owners in an index unless their text is long.
    for owners, where in (
        (_P.owners, and_(undecided, in_index(_P.owners, True))),
        (_P.owners, and_(undecided, in_index(_P.owners, False))),
        (question.owners, _P.decided_owner.is_not(None)),
    ):
        for names, *counts in _counted(question, owners, where=where):
            for owner in names_in(names) or (NO_OWNER,):
                _add(owned, owner, *counts)
    return owned


def count_by_state(question: StoredQuestion, undecided: int | None) -> dict[str, int]:
    """Count the related problems by state; so many are :data:`UNDECIDED`, or None if unknown."""
    by_state = dict.fromkeys(map(str, ShownState), 0)
    # Without groups PostgreSQL shares the work among processes.
    counts = (func.count().filter(question.state == state) for state in by_state)
    counted = question.select(*counts, related=True)
    if undecided is not None:
        by_state[str(ShownState.OPEN)] = undecided
        # Few are left.
        counted = counted.where(not_(UNDECIDED))
    numbers = question.connection.execute(counted).one()
    for state, number in zip(by_state, numbers, strict=True):
        by_state[state] += number
    return by_state


def _add(
    counts: dict[str, Count], name: str, label: str, oldest: str, number: int, overdue: int
) -> None:
    one = counts.setdefault(name, Count(name=name))
    one.total += number
    one.by_severity[label] += number
    one.overdue += overdue
    at = datetime.datetime.fromisoformat(oldest)
    one.oldest = at if one.oldest is None else min(one.oldest, at)


def _age_limits(today: datetime.date) -> list[str]:
    """Return for each of :data:`AGES` the day since which a problem of that age was first seen."""
    return [(today - datetime.timedelta(days=days)).isoformat() for days in AGES.values()]
