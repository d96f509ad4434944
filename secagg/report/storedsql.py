"""SQL expressions over the columns of current problems, for :mod:`secagg.report.stored`."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from string import hexdigits
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal_column, not_, select

from secagg.history import current
from secagg.history import tables as t
from secagg.history.currentcolumns import EACH, OWN
from secagg.ids import SHORTEST
from secagg.model.finding import Kind
from secagg.report.standing import ShownState

_P = t.current_problem.c
_LAST = "\U0010ffff"


def begins(ids: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of the first digits of a problem's id."""
    for text in sorted(ids):
        digits = text.strip().lower().replace("-", "")
        if len(digits) >= SHORTEST and not digits.strip(hexdigits):
            yield _P.names.like(f"%{OWN}{digits}%")


def first_values(column: Any, steps: int) -> Select[*tuple[Any, ...]]:
    """Select the first values of a column that are in its index, each looked up after the last."""
    least = select(func.min(column).label("value")).where(in_index(column, True))
    step = least.cte("step", recursive=True)
    following = least.where(column > step.c.value).scalar_subquery()
    step = step.union_all(select(following).where(step.c.value.is_not(None)))
    return select(step.c.value).where(step.c.value.is_not(None)).limit(steps)


def in_index(column: Any, indexed: bool) -> ColumnElement[bool]:
    """Tell whether a text is one that PostgreSQL has in an index, or not."""
    fits: ColumnElement[bool] = func.length(column) <= literal_column(str(current.LONGEST_INDEXED))
    return fits if indexed else not_(fits)


def escaped(text: str) -> str:
    """Escape what LIKE takes for a wildcard."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def ranked(column: Any, words: Any) -> ColumnElement[int]:
    """Return the position of a word among ``words``."""
    return case({str(word): rank for rank, word in enumerate(words)}, value=column)


def sort_columns(name: str, *, owners: Any, state: Any) -> list[tuple[Any, bool]]:
    """Return the columns of a key to sort by, and whether each goes down."""
    place = [(_P.place, False), (_P.line, False), (_P.rule_id, False)]
    keys: dict[str, list[tuple[Any, bool]]] = {
        "severity": [(_P.worst, False), *place],
        "age": [(_P.first_seen, False)],
        "newest": [(_P.first_seen, True)],
        "due": [(func.coalesce(_P.due, datetime.date.max.isoformat()), False)],
        "path": place,
        "component": [(_P.component, False)],
        "kind": [(ranked(_P.kind, Kind), False)],
        "rule": [(_P.rule_id, False)],
        "package": [
            (func.coalesce(_P.package, _LAST), False),
            (func.coalesce(_P.version, ""), False),
        ],
        "owner": [(case((owners == "", f"{EACH}{_LAST}{EACH}"), else_=owners), False)],
        "tool": [(_P.tools, False)],
        "epss": [(_P.epss, True)],
        "score": [(_P.score, True)],
        "sources": [(_P.tool_count, True)],
        "state": [(ranked(state, ShownState), False)],
    }
    return keys[name]
