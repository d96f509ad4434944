"""Pages by keys: where a page ended, as text for an address, and the rows that come after it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from secagg.errors import UsageError
from secagg.system.patterns import lazy

_LARGEST = 2**63 - 1
# Characters that no database stores: NUL and lone surrogates.
_UNSTORABLE = lazy("[\0\ud800-\udfff]")


def cursor_of(sort: Sequence[str], values: Sequence[Any]) -> str:
    """Write the cursor after a row with ``values`` in the columns of the order ``sort``."""
    document = json.dumps([list(sort), list(values)], separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def values_of(cursor: str, sort: Sequence[str], columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    """Read the values of a cursor in the order ``sort``, one for each of ``columns``.

    Raises :class:`UsageError` where it is none: anybody can write one into an address.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of_sort, values = json.loads(text)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        of_sort, values = None, ()
    if (
        of_sort != list(sort)
        or not isinstance(values, list)
        or len(values) != len(columns)
        or not all(map(_fits, values, columns))
    ):
        raise UsageError(
            "this is no cursor of a page in this order", hint="begin with the first page"
        )
    return values


def _fits(value: Any, column: ColumnElement[Any]) -> bool:
    """Tell whether the database can compare ``column`` with ``value``."""
    kind = column.type.python_type
    if kind is str:
        return isinstance(value, str) and _UNSTORABLE.search(value) is None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (kind is float or isinstance(value, int)) and abs(value) <= _LARGEST


def beyond(order: Sequence[tuple[Any, bool]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Tell whether a row comes after the one with ``values`` in the columns of ``order``.

    Each column comes with whether it goes down.
    """
    condition: ColumnElement[bool] = false()
    for (column, down), value in reversed(list(zip(order, values, strict=True))):
        further = column < value if down else column > value
        condition = or_(further, and_(column == value, condition))
    # The same again, in a form that an index can answer.
    (column, down), value = order[0], values[0]
    return and_(column <= value if down else column >= value, condition)
