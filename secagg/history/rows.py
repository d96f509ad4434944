"""Find the rows of a store that secagg cannot read: broken JSON, times or states."""

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


def _check_object(value: str) -> None:
    if not isinstance(json.loads(value), dict):
        raise ValueError


def _check_counts(value: str) -> None:
    counts = json.loads(value)
    if not all(isinstance(count, int) for count in dict.values(counts)):
        raise ValueError


def _check_text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError


# A function for each column that raises for a broken value. NULL is for the table to allow.
_READERS: dict[str, dict[str, Callable[[Any], object]]] = {
    "repository": {"name": _check_text},
    "branch": {"name": _check_text},
    "tool": {"name": _check_text},
    "run": {
        "started_at": engine.from_text,
        "by_severity": _check_counts,
        "verdict": _check_text,
        "policy": _check_text,
    },
    "tool_run": {
        "tool": _check_text,
        "component": _check_text,
        "status": _check_text,
        "seconds": float,
    },
    "finding": {"identity": _check_text},
    "content": {"document": decode},
    "decision": {"state": State, "at": engine.from_text, "expires": datetime.date.fromisoformat},
    "upload": {"at": engine.from_text, "summary": _check_object},
    "audit": {"at": engine.from_text, "before": _check_object, "after": _check_object},
}


def broken_rows(connection: Connection) -> list[str]:
    """Return a sentence for each table with rows that cannot be read."""
    existing = set(inspect(connection).get_table_names())
    faults = []
    for table, readers in _READERS.items():
        if table not in existing:
            continue
        columns = {column["name"] for column in inspect(connection).get_columns(table)}
        numbers = _broken(connection, table, {k: v for k, v in readers.items() if k in columns})
        if numbers:
            first = ", ".join(map(str, numbers[:_SHOWN]))
            more = ", ..." if len(numbers) > _SHOWN else ""
            faults.append(
                f"{len(numbers)} row{'s' if len(numbers) > 1 else ''} of {table} cannot be read "
                f"({_key(table)} {first}{more})"
            )
    return faults


def _broken(
    connection: Connection, table: str, readers: dict[str, Callable[[Any], object]]
) -> list[Any]:
    names = ", ".join(f'"{name}"' for name in readers)
    rows = connection.execute(text(f'SELECT {_key(table)}, {names} FROM "{table}" ORDER BY 1'))  # noqa: S608
    return [row[0] for row in rows if not _is_readable(row[1:], readers)]


def _is_readable(values: Any, readers: dict[str, Callable[[Any], object]]) -> bool:
    try:
        for value, read in zip(values, readers.values(), strict=True):
            if value is not None:
                read(value)
    except (ValueError, TypeError, RecursionError, StoreError):
        return False
    return True


def _key(table: str) -> str:
    return "run_id" if table == "tool_run" else "id"
