"""Revisions up and down: backed up before, validated after, and taken back if either fails."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from secagg.errors import StoreError
from secagg.history.backup import backup_beside
from secagg.history.engine import shown, transaction
from secagg.history.revision import HEAD, revision_of
from secagg.history.validate import row_counts, validate

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
    """All revisions, oldest first."""
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
