"""An empty SQLite store at once: the tables that all revisions come to, without running them.

Alembic takes longer to load than a small report takes to read. ``migrations/head.sql`` is what
SQLite itself says of a store that the revisions have made; a test holds the two against each other.
"""

from __future__ import annotations

from importlib import resources

from sqlalchemy import Engine

from secagg.history.engine import transaction
from secagg.history.revision import HEAD, VERSION_TABLE, revision_of

SCRIPT = "head.sql"
# Statements hold semicolons of their own.
BETWEEN = "\n;\n"


def make_tables(engine: Engine) -> None:
    """Make the tables of :data:`HEAD` in an empty SQLite file; nothing if another was first."""
    script = (resources.files("secagg.history.migrations") / SCRIPT).read_text("utf-8")
    with transaction(engine) as connection:
        if revision_of(connection) is not None:
            return
        for statement in script.split(BETWEEN):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES (?)", (HEAD,))  # noqa: S608
