"""Bring the store to another revision: backed up before, validated after."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from secagg.errors import StoreError
from secagg.history import backup as backups
from secagg.history.backup import backup_beside
from secagg.history.engine import HEAD, connect, revision_of, shown, transaction, url_of
from secagg.history.rows import broken_rows
from secagg.history.validate import row_counts, validate
from secagg.history.validate import validate as check

_SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """From which revision to which; ``backup`` is the file made before, if there was need."""

    before: str | None
    after: str | None
    backup: Path | None = None


def upgrade(
    engine: Engine, to: str = HEAD, *, backup: bool = True, scripts: Path = _SCRIPTS
) -> Migrated:
    """Bring the tables to the revision ``to``, in one transaction.

    Raises :class:`StoreError`, after which the store is as it was, where a revision fails, the
    result does not validate, or rows were lost.
    """
    return _migrate(engine, to, up=True, backup=backup, scripts=scripts)


def downgrade(
    engine: Engine, to: str, *, backup: bool = True, scripts: Path = _SCRIPTS
) -> Migrated:
    """Bring the tables back to ``to`` (``base``: remove them all), in one transaction."""
    return _migrate(engine, to, up=False, backup=backup, scripts=scripts)


def planned_sql(engine: Engine, to: str, *, up: bool) -> str:
    """What would be executed, for people; revisions that move data say more when they run."""
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


def _migrate(engine: Engine, to: str, *, up: bool, backup: bool, scripts: Path) -> Migrated:
    with transaction(engine, reads=True) as connection:
        before = revision_of(connection)
    saved = None
    if backup and before is not None:
        saved = backup_beside(engine)
    try:
        with transaction(engine) as connection:
            now = revision_of(connection)
            if now != before:
                # Another process was faster.
                return Migrated(before=before, after=now, backup=saved)
            _run(connection, to, up=up, scripts=scripts)
            after = revision_of(connection)
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(
            f"the store {shown(engine.url)} could not be brought to revision {to} "
            f"({type(error).__name__}); it is as it was, at {before or 'none'}",
            hint=f"a backup is in {saved}" if saved else None,
        ) from None
    return Migrated(before=before, after=after, backup=saved)


def _run(connection: Connection, to: str, *, up: bool, scripts: Path) -> None:
    counts = row_counts(connection)
    config = _config(scripts)
    config.attributes["connection"] = connection
    (command.upgrade if up else command.downgrade)(config, to)
    if to == "base":
        return
    wrong = validate(connection)
    left = row_counts(connection)
    wrong += [
        f"{name} had {count} rows and has {left[name]}"
        for name, count in counts.items()
        if name in left and left[name] != count
    ]
    if wrong:
        raise StoreError(
            f"after the migration {wrong[0]}; the store is as it was",
            hint="please report this: it is a bug",
        )


def _config(scripts: Path, out: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=out, stdout=io.StringIO())
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


class Upkeep:
    """One store, opened without asking for its revision. All raise :class:`StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def where(self) -> str:
        """The path or URL, without the password."""
        return shown(self._engine.url)

    def revision(self) -> str | None:
        """Return the revision of its tables, None where there are none."""
        with transaction(self._engine, reads=True) as connection:
            return revision_of(connection)

    def row_counts(self) -> dict[str, int]:
        """Rows by table."""
        with transaction(self._engine, reads=True) as connection:
            return row_counts(connection)

    def validate(self) -> list[str]:
        """Sentences on what is wrong; empty where all is well."""
        with transaction(self._engine, reads=True) as connection:
            return check(connection) or broken_rows(connection)

    def upgrade(self, to: str) -> Migrated:
        """Up to ``to`` (``head``: the newest), with a backup before."""
        return upgrade(self._engine, HEAD if to == "head" else to)

    def downgrade(self, to: str) -> Migrated:
        """Down to ``to`` (``base``: no tables), with a backup before."""
        return downgrade(self._engine, to)

    def planned_sql(self, to: str, *, up: bool) -> str:
        """Return the SQL that :meth:`upgrade` or :meth:`downgrade` would begin with."""
        return planned_sql(self._engine, to, up=up)

    def backup(self, target: Path | None) -> Path:
        """Return a backup in ``target``, or beside the store; answers where."""
        if target is None:
            return backups.backup_beside(self._engine)
        backups.backup(self._engine, target)
        return target

    def restore(self, source: Path) -> None:
        """Back to what ``source`` holds."""
        backups.restore(self._engine, source)


@contextmanager
def upkeep(where: str | Path, *, create: bool = False) -> Iterator[Upkeep]:
    """Give the store at ``where`` (as for :func:`secagg.history.open_store`), closed afterwards."""
    engine = connect(url_of(where), create=create)
    try:
        yield Upkeep(engine)
    finally:
        engine.dispose()
