"""Back up and restore the store: SQLite by its own backup, PostgreSQL as a zip of its tables."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from secagg.errors import StoreError
from secagg.history.engine import VERSION_TABLE, revision_of, shown, transaction
from secagg.history.tables import TABLES
from secagg.system.dates import utc_now
from secagg.system.files import part_of

_MARK = b"secagg store backup 1\n"
# Each after those that it refers to; the last was dropped by revision 0006.
_TABLES = (*TABLES, "applied")


def backup_beside(engine: Engine) -> Path:
    """Make a backup beside the store's file, or in the working directory; return its path."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%S%f")
    database = engine.url.database or "store"
    if engine.dialect.name == "sqlite":
        target = Path(f"{database}.{stamp}.backup")
    else:
        target = Path(f"secagg-{Path(database).name}.{stamp}.backup")
    backup(engine, target)
    return target


def backup(engine: Engine, target: Path) -> None:
    """Write the whole store to the new file ``target``, readable by its owner only.

    The store may be in use meanwhile. Raises :class:`StoreError` if ``target`` exists.
    """
    with _new_file(target) as part:
        if engine.dialect.name == "sqlite":
            _save_sqlite(engine, part)
        else:
            with transaction(engine, reads=True) as connection:
                _save_tables(connection, part)


def restore(engine: Engine, source: Path) -> None:
    """Replace the store by the backup ``source``; everything recorded since is lost.

    Raises :class:`StoreError` for a file that is no backup; the store does not change then.
    """
    if not source.is_file():
        raise StoreError(f"there is no backup at {source}")
    if engine.dialect.name == "sqlite":
        # The file is replaced while nobody has it open.
        engine.dispose()
        _load_sqlite(engine, source)
    else:
        with transaction(engine) as connection:
            _load_tables(connection, source)


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file that is renamed to ``target`` once it is complete."""
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} exists already", hint="name a file that does not exist")
    try:
        with part_of(target) as part:
            yield part
            part.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from None


def _save_sqlite(engine: Engine, part: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(str(engine.url.database))) as store,
            closing(sqlite3.connect(part)) as copy,
        ):
            store.execute("PRAGMA busy_timeout = 30000")
            store.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"the backup failed ({type(error).__name__})") from None


def _load_sqlite(engine: Engine, source: Path) -> None:
    target = Path(str(engine.url.database))
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as backup:
            if backup.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise StoreError(f"{source} is damaged")
            tables = backup.execute("SELECT name FROM sqlite_master").fetchall()
            if (VERSION_TABLE,) not in tables:
                raise StoreError(f"{source} is no backup of a store")
        _replace_file(target, source)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{source} could not be restored ({type(error).__name__})",
            hint="is the store in use, or the file no backup?",
        ) from None


def _replace_file(target: Path, source: Path) -> None:
    """Replace ``target`` by a copy of ``source``, while no other process has ``target`` open."""
    with part_of(target) as part:
        shutil.copyfile(source, part)
        with closing(sqlite3.connect(target, isolation_level=None)) as store:
            store.execute("PRAGMA busy_timeout = 30000")
            try:
                # Moves the log into the file, and fails while others have it open.
                store.execute("PRAGMA journal_mode = DELETE")
                store.execute("BEGIN EXCLUSIVE")
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise
                # The store is damaged, which is what backups are for.
            for log in ("-wal", "-shm"):
                target.with_name(target.name + log).unlink(missing_ok=True)
            part.replace(target)


def _save_tables(connection: Connection, part: Path) -> None:
    """Write a zip file with each table in PostgreSQL's COPY format, all in one transaction.

    Equal stores have equal backups: rows are in the order of their keys, and members have no time.
    """
    raw: Any = connection.connection.driver_connection
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(_member("about"), _MARK + (revision_of(connection) or "").encode())
        existing = set(inspect(connection).get_table_names())
        with raw.cursor() as cursor:
            for table in (name for name in _TABLES if name in existing):
                # In a store of an older revision the key may be another one.
                primary = inspect(connection).get_pk_constraint(table)["constrained_columns"]
                key = ", ".join(primary)
                with (
                    # The size of a table is not known before it is written.
                    file.open(_member(table), "w", force_zip64=True) as out,
                    cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY {key}) TO STDOUT") as copy,  # noqa: S608
                ):
                    for data in copy:
                        out.write(data)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # Its time is always 1980-01-01.
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _load_tables(connection: Connection, source: Path) -> None:
    raw: Any = connection.connection.driver_connection
    try:
        with zipfile.ZipFile(source) as file, raw.cursor() as cursor:
            about = file.read("about")
            if not about.startswith(_MARK):
                raise StoreError(f"{source} is no backup of a store")
            if about.removeprefix(_MARK).decode() != revision_of(connection):
                raise StoreError(
                    f"{source} is of another revision than {shown(connection.engine.url)}",
                    hint="bring the store to that revision first: secagg db downgrade",
                )
            cursor.execute("ALTER TABLE audit DISABLE TRIGGER audit_guard")
            # A store of an older revision does not have all tables.
            tables = [name for name in _TABLES if name in file.namelist()]
            cursor.execute("TRUNCATE " + ", ".join(tables))
            for table in tables:
                with file.open(table) as data, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    while block := data.read(1 << 20):
                        copy.write(block)
                _set_sequence(connection, table)
            cursor.execute("ALTER TABLE audit ENABLE TRIGGER audit_guard")
    except (zipfile.BadZipFile, KeyError):
        raise StoreError(f"{source} is no backup of a store") from None


def _set_sequence(connection: Connection, table: str) -> None:
    columns = connection.execute(
        text("SELECT 1 FROM information_schema.columns WHERE table_name = :t AND column_name='id'"),
        {"t": table},
    ).first()
    if columns is not None:
        connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608
                f"COALESCE((SELECT MAX(id) FROM {table}), 0) + 1, false)"
            )
        )
