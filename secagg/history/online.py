"""Migrate a shared store while others read and write it.

A revision whose module says ``online = True`` may run so. On PostgreSQL it

- waits at most :data:`LOCK_SECONDS` for a lock, since all who come later wait behind it;
- adds columns that may be null or have a constant default, and new tables: neither writes a row;
- makes and drops indexes ``CONCURRENTLY`` in alembic's ``autocommit_block``;
- fills what is new in batches (:func:`in_batches`), each in a transaction of its own;
- can be run again after it was stopped: it says ``IF NOT EXISTS``, and fills only what is empty;
- leaves :data:`secagg.history.tables.current_problem` as it is, which is filled again only where
  all of a migration is one transaction.

SQLite has one writer at a time in any case, and migrates in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

LOCK_SECONDS = 1
"""For how long a statement of a revision waits for a lock, and others at most for the revision."""
# How often a migration that could not get a lock in time makes way for others and begins again.
_TRIES = 30
_NO_LOCK = "55P03"


def is_online(config: Config, before: str | None, to: str) -> bool:
    """Return whether all revisions from ``before`` to ``to`` may run beside readers and writers."""
    if before is None:
        return False
    scripts = ScriptDirectory.from_config(config)
    return all(
        getattr(revision.module, "online", False)
        for revision in scripts.iterate_revisions(to, before)
    )


def upgrade(engine: Engine, config: Config, to: str, *, lock: int) -> None:
    """Run the revisions up to ``to``, each in transactions of its own.

    ``lock`` is the key of the advisory lock, which lets one process migrate at a time. What a
    revision had committed when it failed stays; running it again completes it.
    """
    with engine.connect() as connection:
        connection.execute(select(func.pg_advisory_lock(lock)))
        connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.commit()
        config.attributes["connection"] = connection
        config.attributes["online"] = True
        try:
            _upgrade(connection, config, to)
        finally:
            connection.rollback()
            connection.execute(text("RESET lock_timeout"))
            connection.execute(select(func.pg_advisory_unlock(lock)))
            connection.commit()


def _upgrade(connection: Connection, config: Config, to: str) -> None:
    for attempt in range(_TRIES):
        try:
            command.upgrade(config, to)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_LOCK or attempt == _TRIES - 1:
                raise
            connection.rollback()
            time.sleep(LOCK_SECONDS)
        else:
            return


def in_batches(batch: Callable[[Connection], int], *, lasts: int = 1_000_000) -> None:
    """Call ``batch`` until it returns that it changed no row, each time in its own transaction.

    In a revision; in one transaction where the migration is not online. Raises
    :class:`RuntimeError` after ``lasts`` calls: ``batch`` changes the same rows again and again.
    """
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for _ in range(lasts):
            if not batch(connection):
                return
    raise RuntimeError("a migration's batch finds no end")
