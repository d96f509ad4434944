"""Count the problems of a store in SQL: by repository, owner, severity, state, age and week."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, case, func, literal

from secagg.history import tables as t
from secagg.history.currentcolumns import names_in
from secagg.report.filters import Filters
from secagg.report.query import NO_OWNER
from secagg.report.standing import ACTIVE, SEVERITY_LABELS, WORST_FIRST, ShownState
from secagg.report.stored import LocalStore, StoredQuestion, StoreScope

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
    by_state = dict.fromkeys(map(str, ShownState), 0)
    columns = (
        *(_P.branch_id, question.owners, _P.severity, question.state, question.late),
        _age(question.today),
    )
    statement = question.select(*columns, func.count(), func.min(_P.first_seen), related=True)
    total, late = 0, 0
    severities, ages = dict.fromkeys(SEVERITY_LABELS, 0), dict.fromkeys([*AGES, OLDER], 0)
    repositories: dict[str, Count] = {}
    owned: dict[str, Count] = {}
    rows = question.connection.execute(statement.group_by(*columns))
    for branch, owners, label, state, passed, age, number, oldest in rows:
        by_state[state] += number
        if state not in question.states:
            continue
        overdue = passed and state in ACTIVE
        total += number
        late += number if overdue else 0
        severities[label] += number
        ages[age] += number
        at = datetime.datetime.fromisoformat(oldest)
        repository, _ = question.branches[branch]
        for name, counts in (
            (repository, repositories),
            *((owner, owned) for owner in names_in(owners) or (NO_OWNER,)),
        ):
            one = counts.setdefault(name, Count(name=name))
            one.total += number
            one.by_severity[label] += number
            one.overdue += number if overdue else 0
            one.oldest = at if one.oldest is None else min(one.oldest, at)
    return StoredSummary(
        total=total,
        overdue=late,
        by_severity=severities,
        by_state=by_state,
        by_age=ages,
        repositories=sorted(repositories.values(), key=worst_first),
        owners=sorted(owned.values(), key=worst_first),
    )


def _age(today: datetime.date) -> ColumnElement[str]:
    """Return the age of an open problem in words."""
    limits = [
        (_P.first_seen >= (today - datetime.timedelta(days=days)).isoformat(), name)
        for name, days in AGES.items()
    ]
    return case(*((condition, literal(name)) for condition, name in limits), else_=OLDER)
