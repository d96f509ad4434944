"""Connect to the store's database, read its revision, and write times as text."""

from __future__ import annotations

import datetime
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from secagg.errors import StoreError
from secagg.model.problem import STORE_FILE

HEAD = "0004"


VERSION_TABLE = "alembic_version"


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the tables; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if revision is None else str(revision)


def written(moment: datetime.datetime) -> str:
    """``moment`` as text; one without a zone is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (
        moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        + "Z"
    )


def read(text: str) -> datetime.datetime:
    """Return the moment that :func:`written` wrote."""
    return datetime.datetime.fromisoformat(text)


def now() -> datetime.datetime:
    """This moment, in UTC."""
    return datetime.datetime.now(datetime.UTC)


DEFAULT = Path(STORE_FILE)


BUSY_SECONDS = 30.0


# The history stays out of git, the decisions may go in.
_IGNORE = "*\n!.gitignore\n!triage.yaml\n"


def url_of(where: str | Path) -> URL:
    """Return the database that ``where`` names: a SQLAlchemy URL, or the path of a SQLite file.

    ``postgresql://`` means psycopg 3. Raises :class:`StoreError` for what is neither.
    """
    if isinstance(where, Path) or "://" not in where:
        if _LIKE_A_URL.search(str(where)):
            # Taken for a path it would be quoted, with the password in it.
            raise StoreError("the store's URL cannot be read", hint=_FORMS)
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        # The words of the exception may quote a password.
        raise StoreError("the store's URL cannot be read", hint=_FORMS) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"no store can be kept in {url.get_backend_name()}", hint=_FORMS)
    return url


_FORMS = "a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"


# libpq's "host=... password=...", and URLs that lack a slash.
_LIKE_A_URL = re.compile(r"\bpass(?:word|file)\s*=|^[a-z+]{3,}:/?[^/\\].*@", re.IGNORECASE)


def shown(url: URL) -> str:
    """Return the URL or path for people, without the password and without parameters."""
    if url.get_backend_name() == "sqlite":
        return (url.database or ":memory:").removeprefix("file:")
    return url.set(query={}).render_as_string(hide_password=True)


def connect(url: URL, *, create: bool) -> Engine:
    """An engine for ``url``. Raises :class:`StoreError` where there is no such file or driver."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, create=create)
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=2)
    except (ImportError, NoSuchModuleError):
        raise StoreError(
            "the driver for PostgreSQL is not installed",
            hint="pip install 'secagg[postgres]'",
        ) from None


def _sqlite(url: URL, *, create: bool) -> Engine:
    readable_only = False
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database), create=create)
        readable_only = not os.access(Path(url.database).absolute().parent, os.W_OK)
    if readable_only:
        return _unchangeable(Path(str(url.database)))
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _unchangeable(path: Path) -> Engine:
    """An engine for a store on a disk that cannot be written: it can be reported on all the same.

    SQLite makes files beside a store, and says that it cannot open it where it may not.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path} has changes beside it that can only be read where its directory is writable",
            hint="copy the store and its -wal file to another directory",
        )
    address = f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&immutable=1&uri=true"
    engine = create_engine(address, poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _on_connect_to_read)
    event.listen(engine, "begin", _on_begin_to_read)
    return engine


def _on_connect_to_read(raw: sqlite3.Connection, record: Any) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA trusted_schema = OFF")


def _on_begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _on_connect(raw: sqlite3.Connection, record: Any) -> None:
    # SQLAlchemy begins and ends the transactions, not the driver.
    raw.isolation_level = None
    raw.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("PRAGMA cache_size = -65536")
    # Nothing that a planted trigger or view calls may do more than read and write tables.
    raw.execute("PRAGMA trusted_schema = OFF")


def _on_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    # A transaction that reads first and writes later would fail where another writes meanwhile.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare_file(path: Path, *, create: bool) -> None:
    """Make the file readable by its owner only from the start; refuse what is no plain file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not create:
            raise StoreError(
                f"there is no store at {path}", hint="run secagg scan first, or name one: --store"
            ) from None
        _make(path)
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from None
    if stat.S_ISLNK(mode) or not stat.S_ISREG(mode):
        raise StoreError(
            f"{path} is not a plain file", hint="a store is never written through a link"
        )


def _make(path: Path) -> None:
    directory = path.parent
    try:
        if directory.is_symlink():
            raise StoreError(
                f"{directory} is a link", hint="a store is never written through a link"
            )
        if not directory.is_dir():
            directory.mkdir(mode=0o700, parents=True)
        if directory.name == DEFAULT.parent.name and not (directory / ".gitignore").exists():
            (directory / ".gitignore").write_text(_IGNORE)
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
        os.close(os.open(path, flags, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from None


@contextmanager
def transaction(engine: Engine, *, reads: bool = False) -> Iterator[Connection]:
    """Give a transaction: all of it is kept, or nothing. What the driver says becomes a StoreError.

    The driver's own words are left out: they quote values and, at times, the URL.
    """
    try:
        with engine.connect() as connection:
            options = {"reads": reads}
            if reads and engine.dialect.name == "postgresql":
                options["isolation_level"] = "REPEATABLE READ"  # type: ignore[assignment]
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection
    except DBAPIError as error:
        raise _explained(error, engine) from None


def _explained(error: DBAPIError, engine: Engine) -> StoreError:
    where = shown(engine.url)
    words = str(error.orig).lower()
    if "locked" in words:
        return StoreError(
            f"the store {where} is busy", hint="another process has written to it for long"
        )
    if "readonly" in words or "read-only" in words:
        return StoreError(
            f"the store {where} cannot be written", hint="its file, directory or disk is read-only"
        )
    if "full" in words or "disk i/o" in words:
        return StoreError(
            f"the store {where} cannot be written: the disk is full or fails",
            hint="nothing of this was kept; make room and run the command again",
        )
    if "malformed" in words or "not a database" in words:
        return StoreError(
            f"{where} is damaged or no SQLite file",
            hint="secagg db validate says more; secagg db restore brings a backup back",
        )
    if "connection" in words:
        return StoreError(f"the store {where} cannot be reached", hint="is the database running?")
    kind = type(error.orig).__name__
    return StoreError(f"the store {where} failed ({kind})", hint="secagg db validate says more")
