"""Count week by week how many problems came and how many were fixed, in SQL."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from sqlalchemy import func

from secagg.history import tables as t
from secagg.report.filters import Filters
from secagg.report.standing import ShownState
from secagg.report.stored import LocalStore, StoredQuestion, StoreScope


@dataclass(slots=True, kw_only=True)
class Week:
    """A week from Monday ``start`` (UTC): the problems first seen in it, and those fixed in it."""

    start: datetime.date
    new: int = 0
    fixed: int = 0


def weeks(
    store: LocalStore, scope: StoreScope, *, today: datetime.date, number: int = 12
) -> list[Week]:
    """Return the last ``number`` weeks, the oldest first; the last one is not over."""
    monday = today - datetime.timedelta(days=today.weekday())
    starts = [monday - datetime.timedelta(weeks=n) for n in reversed(range(number))]
    by_start = {start: Week(start=start) for start in starts}
    columns = t.current_problem.c
    with store.reading() as connection:
        question = StoredQuestion(connection, scope, Filters(states=frozenset(ShownState)), today)
        for column, name in ((columns.first_seen, "new"), (columns.fixed_at, "fixed")):
            day = func.substr(column, 1, 10)
            statement = question.select(day, func.count()).where(column >= starts[0].isoformat())
            for text, count in connection.execute(statement.group_by(day)):
                at = datetime.date.fromisoformat(text)
                week = by_start.get(at - datetime.timedelta(days=at.weekday()))
                if week is not None:
                    setattr(week, name, getattr(week, name) + count)
    return list(by_start.values())
