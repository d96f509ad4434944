"""Cursors come back from addresses, into which anybody can write what they like."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from secagg.errors import UsageError
from secagg.history import tables as t
from secagg.report.cursors import cursor_of, values_of

_COLUMNS = (t.current_problem.c.place, t.current_problem.c.line, t.current_problem.c.score)
_VALUES: list[Any] = ["\x01src/a.py\U0010ffff", 7, 9.8]


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert values_of(cursor_of(["path"], _VALUES), ["path"], _COLUMNS) == _VALUES


@pytest.mark.parametrize(
    "values",
    [
        [7, "src/a.py", 9.8],
        ["src/a.py", "7", 9.8],
        ["src/a.py", 7.5, 9.8],
        ["src/a.py", True, 9.8],
        ["src/a.py", 2**63, 9.8],
        ["src/a.py", 7, float("inf")],
        ["src/a.py", 7, float("nan")],
        ["src/a.py", 7, None],
        ["src/a.py", 7, [9.8]],
        ["src\0a.py", 7, 9.8],
        ["src/\ud800.py", 7, 9.8],
        ["src/a.py", 7],
        ["src/a.py", 7, 9.8, 1],
        {"place": "src/a.py"},
    ],
)
def test_what_no_database_can_compare_is_refused(values: Any) -> None:
    text = json.dumps([["path"], values]).encode()
    with pytest.raises(UsageError, match="no cursor"):
        values_of(base64.urlsafe_b64encode(text).decode(), ["path"], _COLUMNS)


@pytest.mark.parametrize("cursor", ["", "%", "é", "AAAA", "W10", "W1tdLFtdXQ", "[" * 9000])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError, match="no cursor"):
        values_of(cursor, ["path"], _COLUMNS)


def test_a_cursor_of_another_order_is_refused() -> None:
    with pytest.raises(UsageError, match="no cursor"):
        values_of(cursor_of(["severity"], _VALUES), ["path"], _COLUMNS)
