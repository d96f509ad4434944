"""Write and select many rows at once, each database in its fastest way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Table,
    any_,
    bindparam,
    func,
    select,
)

_Value = TypeVar("_Value")

# As many rows as are written by one statement, and values as are looked up by one.
_AT_ONCE = 1000
_LISTED = 20_000


def chunks(values: Iterable[_Value], size: int = _AT_ONCE) -> Iterator[list[_Value]]:
    """Yield ``values`` in lists of at most ``size``, by default as many as one statement writes."""
    remaining = iter(values)
    while chunk := list(islice(remaining, size)):
        yield chunk


def select_in(
    connection: Connection, statement: Select[*tuple[Any, ...]], of: Any, values: Iterable[Any]
) -> Iterator[Any]:
    """Yield the rows of ``statement`` whose column ``of`` is one of ``values``."""
    for chunk in chunks(values, _LISTED):
        yield from connection.execute(statement.where(is_in(connection, of, chunk)))


def is_in(connection: Connection, of: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that the column ``of`` is one of ``values``: numbers or texts.

    They are one parameter, an array or a list in JSON, so that the statement is the same for any
    number of them.
    """
    if connection.dialect.name == "postgresql":
        listed = bindparam(None, list(values), ARRAY(of.type), unique=True)
        return cast(ColumnElement[bool], of == any_(listed))
    rows = func.json_each(json.dumps(list(values))).table_valued("value")
    return cast(ColumnElement[bool], of.in_(select(rows.c.value)))


def new_ids(connection: Connection, table: Table, number: int) -> list[int]:
    """Return ``number`` ids for new rows of ``table``, whose key is ``id``.

    In SQLite a transaction that writes is the only one, so the next numbers are free.
    """
    if not number:
        return []
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        rows = select(func.nextval(sequence)).select_from(func.generate_series(1, number))
        return list(connection.execute(rows).scalars())
    last = connection.execute(select(func.max(table.c.id))).scalar()
    return list(range((last or 0) + 1, (last or 0) + 1 + number))


def insert_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert ``rows``, the values of ``columns`` of each; in PostgreSQL by COPY."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    rows = chain((first,), rows)
    names = ", ".join(columns)
    raw: Any = connection.connection.driver_connection
    cursor = raw.cursor()
    try:
        if connection.dialect.name == "postgresql":
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(columns))
            statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
            cursor.executemany(statement, rows)
    finally:
        cursor.close()
