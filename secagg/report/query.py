"""One question to the history and its answer: filter, order, cut off."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from secagg.model.problem import Problem
from secagg.report.filters import Filters, predicates, select
from secagg.report.order import ordered
from secagg.report.standing import ACTIVE, standing


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
