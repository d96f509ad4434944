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

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from secagg.errors import StoreError, StoreUnavailable
from secagg.model.problem import STORE_FILE

# The newest revision of the tables.
HEAD = "0009"
VERSION_TABLE = "alembic_version"

DEFAULT = Path(STORE_FILE)
BUSY_SECONDS = 30.0
# The history must not be committed; decisions may.
_IGNORE = "*\n!.gitignore\n!triage.yaml\n"

_FORMS = "a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
# libpq's "host=... password=...", and URLs that lack a slash.
_LIKE_A_URL = re.compile(r"\bpass(?:word|file)\s*=|^[a-z+]{3,}:/?[^/\\].*@", re.IGNORECASE)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the tables, None if there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if revision is None else str(revision)


def repository_id_of(connection: Connection, name: str) -> int:
    """Return the id of a repository. Raises :class:`StoreError` if the store does not know it."""
    repository_id = connection.execute(
        text("SELECT id FROM repository WHERE name = :name"), {"name": name}
    ).scalar()
    if repository_id is None:
        raise StoreError(
            f"the store knows no repository {name}", hint="scan it first, or name it: --repo"
        )
    return int(repository_id)


def clock_of(connection: Connection) -> datetime.datetime:
    """Return the time of the database's clock in UTC; for SQLite it is this machine's clock.

    It is the same for all who write to a shared database, whatever their own clocks say.
    """
    return in_utc(connection.execute(select(func.current_timestamp())).scalar_one())


def in_utc(moment: datetime.datetime) -> datetime.datetime:
    """Return a time of the database's clock in UTC; without a zone, as in SQLite, it is that."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=datetime.UTC)
    return moment.astimezone(datetime.UTC)


def to_text(moment: datetime.datetime) -> str:
    """Write a time for the store: UTC, so that texts sort by time. Without a zone it is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (
        moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        + "Z"
    )


def from_text(text: str) -> datetime.datetime:
    """Read the time that :func:`to_text` wrote."""
    return datetime.datetime.fromisoformat(text)


def url_of(where: str | Path) -> URL:
    """Return the URL of a store: a SQLAlchemy URL, or the path of a SQLite file.

    ``postgresql://`` means psycopg 3. Raises :class:`StoreError` for any other URL.
    """
    if isinstance(where, Path) or "://" not in where:
        if _LIKE_A_URL.search(str(where)):
            # As a path it would be shown in messages, with the password in it.
            raise StoreError("the store's URL cannot be read", hint=_FORMS)
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        # The message of the exception may quote a password.
        raise StoreError("the store's URL cannot be read", hint=_FORMS) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"no store can be kept in {url.get_backend_name()}", hint=_FORMS)
    return url


def shown(url: URL) -> str:
    """Return the URL or path for messages, without the password and without parameters."""
    if url.get_backend_name() == "sqlite":
        return (url.database or ":memory:").removeprefix("file:")
    return url.set(query={}).render_as_string(hide_password=True)


def connect(url: URL, *, create: bool) -> Engine:
    """Make an engine for ``url``. Raises :class:`StoreError` without the file or the driver."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, create=create)
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=1,
            max_overflow=2,
            # PgBouncer in transaction mode gives each transaction another session, which does not
            # have the statements that were prepared in the last.
            connect_args={"prepare_threshold": None},
        )
    except (ImportError, NoSuchModuleError):
        raise StoreError(
            "the driver for PostgreSQL is not installed",
            hint="pip install 'secagg[postgres]'",
        ) from None


def _sqlite(url: URL, *, create: bool) -> Engine:
    is_read_only = False
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database), create=create)
        is_read_only = not os.access(Path(url.database).absolute().parent, os.W_OK)
    if is_read_only:
        return _read_only_engine(Path(str(url.database)))
    engine = create_engine(
        url,
        # One connection is kept until the store is closed. The last one to close moves the log into
        # the file, which takes longer than most transactions.
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _read_only_engine(path: Path) -> Engine:
    """Make an engine for a store on a read-only disk, so that reports still work.

    Otherwise SQLite would make files beside the store, and fail.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path} has changes beside it that can only be read where its directory is writable",
            hint="copy the store and its -wal file to another directory",
        )
    address = f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&immutable=1&uri=true"
    engine = create_engine(address, poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _on_connect_read_only)
    event.listen(engine, "begin", _on_begin_read_only)
    return engine


def _on_connect_read_only(raw: sqlite3.Connection, record: Any) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA trusted_schema = OFF")


def _on_begin_read_only(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _on_connect(raw: sqlite3.Connection, record: Any) -> None:
    # SQLAlchemy begins and ends the transactions, not the driver.
    raw.isolation_level = None
    raw.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    # A new file's only. A document is often a little longer than a quarter of the default page.
    raw.execute("PRAGMA page_size = 8192")
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("PRAGMA cache_size = -65536")
    # The functions that a trigger or view calls may only read and write tables.
    raw.execute("PRAGMA trusted_schema = OFF")


def _on_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    # A transaction that writes after its first read would fail if another has written meanwhile.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare_file(path: Path, *, create: bool) -> None:
    """Create the file, readable by its owner only; refuse what is not a plain file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not create:
            raise StoreError(
                f"there is no store at {path}", hint="run secagg scan first, or name one: --store"
            ) from None
        _create_file(path)
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from None
    if stat.S_ISLNK(mode) or not stat.S_ISREG(mode):
        raise StoreError(
            f"{path} is not a plain file", hint="a store is never written through a link"
        )


def _create_file(path: Path) -> None:
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
    """Give a connection in a transaction. Raises :class:`StoreError` for any error of the driver.

    The driver's message is left out: it quotes values and, at times, the URL.
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
        raise _store_error(error, engine) from None


def prepare_for_questions(connection: Connection) -> None:
    """Let PostgreSQL answer questions about many rows, until the transaction ends.

    Sums by repository and owner fit into memory, and compiling a question takes longer than the
    question itself.
    """
    if connection.dialect.name == "postgresql":
        settings = {"work_mem": "32MB", "jit": "off"}
        connection.execute(
            select(*(func.set_config(name, value, True) for name, value in settings.items()))
        )


def _store_error(error: DBAPIError, engine: Engine) -> StoreError:
    where = shown(engine.url)
    message = str(error.orig).lower()
    if "locked" in message:
        return StoreUnavailable(
            f"the store {where} is busy", hint="another process has written to it for long"
        )
    if "readonly" in message or "read-only" in message:
        return StoreError(
            f"the store {where} cannot be written", hint="its file, directory or disk is read-only"
        )
    if "full" in message or "disk i/o" in message:
        return StoreError(
            f"the store {where} cannot be written: the disk is full or fails",
            hint="nothing of this was kept; make room and run the command again",
        )
    if "malformed" in message or "not a database" in message:
        return StoreError(
            f"{where} is damaged or no SQLite file",
            hint="secagg db validate says more; secagg db restore brings a backup back",
        )
    if "connection" in message or error.connection_invalidated:
        return StoreUnavailable(
            f"the store {where} cannot be reached", hint="is the database running?"
        )
    kind = type(error.orig).__name__
    return StoreError(f"the store {where} failed ({kind})", hint="secagg db validate says more")
