"""Rows of a store that nobody can read: JSON, times or states in them that secagg never wrote."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, inspect, text

from secagg.errors import StoreError
from secagg.history import engine
from secagg.history.document import decode
from secagg.model.problem import State

_SHOWN = 3


def _object(value: str) -> None:
    if not isinstance(json.loads(value), dict):
        raise ValueError


def _counts(value: str) -> None:
    counts = json.loads(value)
    if not all(isinstance(count, int) for count in dict.values(counts)):
        raise ValueError


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError


# What each column must hold, besides NULL where the table allows that.
_READERS: dict[str, dict[str, Callable[[Any], object]]] = {
    "repository": {"name": _text},
    "branch": {"name": _text},
    "tool": {"name": _text},
    "run": {"started_at": engine.read, "by_severity": _counts, "verdict": _text, "policy": _text},
    "tool_run": {"tool": _text, "component": _text, "status": _text, "seconds": float},
    "finding": {"identity": _text},
    "content": {"document": decode},
    "decision": {"state": State, "at": engine.read, "expires": datetime.date.fromisoformat},
    "upload": {"at": engine.read, "summary": _object},
    "audit": {"at": engine.read, "before": _object, "after": _object},
}


def broken_rows(connection: Connection) -> list[str]:
    """Say by table which rows cannot be read; empty where all can."""
    there = set(inspect(connection).get_table_names())
    wrong = []
    for table, readers in _READERS.items():
        if table not in there:
            continue
        columns = {column["name"] for column in inspect(connection).get_columns(table)}
        numbers = _broken(connection, table, {k: v for k, v in readers.items() if k in columns})
        if numbers:
            first = ", ".join(map(str, numbers[:_SHOWN]))
            more = ", ..." if len(numbers) > _SHOWN else ""
            wrong.append(
                f"{len(numbers)} row{'s' if len(numbers) > 1 else ''} of {table} cannot be read "
                f"({_key(table)} {first}{more})"
            )
    return wrong


def _broken(
    connection: Connection, table: str, readers: dict[str, Callable[[Any], object]]
) -> list[Any]:
    names = ", ".join(f'"{name}"' for name in readers)
    rows = connection.execute(text(f'SELECT {_key(table)}, {names} FROM "{table}" ORDER BY 1'))  # noqa: S608
    return [row[0] for row in rows if not _readable(row[1:], readers)]


def _readable(values: Any, readers: dict[str, Callable[[Any], object]]) -> bool:
    try:
        for value, read in zip(values, readers.values(), strict=True):
            if value is not None:
                read(value)
    except (ValueError, TypeError, RecursionError, StoreError):
        return False
    return True


def _key(table: str) -> str:
    return "run_id" if table == "tool_run" else "id"
