"""Which revision a store is at, without loading what migrates it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

HEAD = "0004"
VERSION_TABLE = "alembic_version"


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)
