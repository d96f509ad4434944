"""Migrate the store to another revision of its tables, with a backup before and a check after."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from secagg.errors import StoreError
from secagg.history import backup as backups
from secagg.history import current, online, retention
from secagg.history.backup import backup_beside
from secagg.history.engine import HEAD, clock_of, connect, revision_of, shown, transaction, url_of
from secagg.history.retention import Removed
from secagg.history.rows import broken_rows
from secagg.history.validate import row_counts, validate
from secagg.history.validate import validate as check

_SCRIPTS = Path(__file__).parent / "migrations"
# Revision 0006 checks itself that no row of these is lost: several of the old become one.
_CONVERTED = frozenset({"sighting"})
# The revision that made the tables of current problems.
_WITH_CURRENT = "0008"
# The key of an advisory lock: "secagg" in ASCII.
_MIGRATION_LOCK = 0x736563616767


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The revisions before and after; ``backup`` is the file that was made before, if any."""

    before: str | None
    after: str | None
    backup: Path | None = None


def upgrade(
    engine: Engine, to: str = HEAD, *, backup: bool = True, scripts: Path = _SCRIPTS
) -> Migration:
    """Migrate the tables up to the revision ``to``, in one transaction.

    Raises :class:`StoreError` if a revision fails, the result is not valid, or rows are lost; the
    store does not change then.
    """
    return _migrate(engine, to, up=True, backup=backup, scripts=scripts)


def downgrade(
    engine: Engine, to: str, *, backup: bool = True, scripts: Path = _SCRIPTS
) -> Migration:
    """Migrate the tables down to ``to`` (``base``: remove them all), in one transaction."""
    return _migrate(engine, to, up=False, backup=backup, scripts=scripts)


def planned_sql(engine: Engine, to: str, *, up: bool) -> str:
    """Return the SQL of a migration, for people. Revisions that move data execute more."""
    with transaction(engine, reads=True) as connection:
        before = revision_of(connection) or "base"
    out = io.StringIO()
    config = _config(_SCRIPTS, out)
    config.attributes["dialect"] = engine.dialect.name
    run = command.upgrade if up else command.downgrade
    run(config, f"{before}:{to}", sql=True)
    return out.getvalue()


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    script = ScriptDirectory.from_config(_config(_SCRIPTS))
    return [revision.revision for revision in script.walk_revisions()][::-1]


def _migrate(engine: Engine, to: str, *, up: bool, backup: bool, scripts: Path) -> Migration:
    with transaction(engine, reads=True) as connection:
        before = revision_of(connection)
    backup_file = None
    if backup and before is not None:
        backup_file = backup_beside(engine)
    is_shared = up and engine.dialect.name == "postgresql"
    try:
        if is_shared and online.is_online(_config(scripts), before, to):
            after = _run_online(engine, to, scripts)
            return Migration(before=before, after=after, backup=backup_file)
        with transaction(engine) as connection:
            _lock(connection)
            current = revision_of(connection)
            if current != before:
                # Another process has migrated it meanwhile.
                return Migration(before=before, after=current, backup=backup_file)
            _run(connection, to, up=up, scripts=scripts)
            after = revision_of(connection)
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(
            f"the store {shown(engine.url)} could not be brought to revision {to} "
            f"({type(error).__name__}); it is as it was, at {_kept(engine, before)}",
            hint=f"a backup is in {backup_file}" if backup_file else None,
        ) from None
    return Migration(before=before, after=after, backup=backup_file)


def _kept(engine: Engine, before: str | None) -> str:
    """Return the revision that a migration which failed has left."""
    with transaction(engine, reads=True) as connection:
        return revision_of(connection) or before or "none"


def _run_online(engine: Engine, to: str, scripts: Path) -> str | None:
    """Migrate beside readers and writers, who need not wait for the check of the result."""
    online.upgrade(engine, _config(scripts), to, lock=_MIGRATION_LOCK)
    with transaction(engine, reads=True) as connection:
        faults = validate(connection)
        if faults:
            raise StoreError(
                f"after the migration {faults[0]}",
                hint="please report this: it is a bug, and the backup has what was there before",
            )
        return revision_of(connection)


def _lock(connection: Connection) -> None:
    """Lock the store for one migration at a time; SQLite allows only one writer anyway.

    Many may open an empty database at once, and each finds no tables in it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def _run(connection: Connection, to: str, *, up: bool, scripts: Path) -> None:
    counts = row_counts(connection)
    config = _config(scripts)
    config.attributes["connection"] = connection
    (command.upgrade if up else command.downgrade)(config, to)
    if to == "base":
        return
    if up and (revision_of(connection) or "") >= _WITH_CURRENT:
        # It follows from the other tables, so no revision need know how.
        current.rebuild(connection)
        current.make_search_indexes(connection)
    faults = validate(connection)
    counts_after = row_counts(connection)
    faults += [
        f"{name} had {count} rows and has {counts_after[name]}"
        for name, count in counts.items()
        if name in counts_after and counts_after[name] != count and name not in _CONVERTED
    ]
    if faults:
        raise StoreError(
            f"after the migration {faults[0]}; the store is as it was",
            hint="please report this: it is a bug",
        )


def _config(scripts: Path, out: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=out, stdout=io.StringIO())
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


class Maintenance:
    """A store of any revision, open for maintenance. All methods raise :class:`StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def where(self) -> str:
        """The path or URL, without the password."""
        return shown(self._engine.url)

    def revision(self) -> str | None:
        """Return the revision of its tables, None if there are none."""
        with transaction(self._engine, reads=True) as connection:
            return revision_of(connection)

    def row_counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        with transaction(self._engine, reads=True) as connection:
            return row_counts(connection)

    def validate(self) -> list[str]:
        """Return a sentence for each fault of the store."""
        with transaction(self._engine, reads=True) as connection:
            return check(connection) or broken_rows(connection)

    def upgrade(self, to: str) -> Migration:
        """Migrate up to ``to`` (``head``: the newest), with a backup before."""
        return upgrade(self._engine, HEAD if to == "head" else to)

    def downgrade(self, to: str) -> Migration:
        """Migrate down to ``to`` (``base``: no tables), with a backup before."""
        return downgrade(self._engine, to)

    def planned_sql(self, to: str, *, up: bool) -> str:
        """Return the SQL of :meth:`upgrade` or :meth:`downgrade`, for people."""
        return planned_sql(self._engine, to, up=up)

    def backup(self, target: Path | None) -> Path:
        """Make a backup in ``target``, or beside the store; return its path."""
        if target is None:
            return backups.backup_beside(self._engine)
        backups.backup(self._engine, target)
        return target

    def prune(self, keep: datetime.timedelta, *, dry_run: bool = False) -> Removed:
        """Thin out the runs that are older than ``keep``, one repository at a time."""
        removed = Removed()
        with transaction(self._engine, reads=True) as connection:
            before, names = clock_of(connection) - keep, retention.repositories(connection)
        for name in names:
            with transaction(self._engine) as connection, connection.begin_nested() as work:
                removed += retention.prune(connection, name, before)
                if dry_run:
                    work.rollback()
        if not dry_run and removed != Removed():
            self._compact()
        return removed

    def forget(
        self, repository: str, branch: str | None, *, who: str, dry_run: bool = False
    ) -> Removed:
        """Remove a repository with its decisions, or one branch of it."""
        with transaction(self._engine) as connection, connection.begin_nested() as work:
            removed = retention.forget(connection, repository, branch, who)
            if dry_run:
                work.rollback()
        if not dry_run:
            self._compact()
        return removed

    def _compact(self) -> None:
        """Give the room of deleted rows back to the disk; PostgreSQL uses it again by itself."""
        if self._engine.dialect.name == "sqlite":
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("VACUUM")

    def restore(self, source: Path) -> None:
        """Replace the store by the backup ``source``."""
        backups.restore(self._engine, source)


@contextmanager
def maintenance(where: str | Path, *, create: bool = False) -> Iterator[Maintenance]:
    """Open the store at ``where`` (as for :func:`secagg.history.open_store`) and close it."""
    engine = connect(url_of(where), create=create)
    try:
        yield Maintenance(engine)
    finally:
        engine.dispose()
