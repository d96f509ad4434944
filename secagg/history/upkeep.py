"""The store's upkeep, for ``secagg db``: on a database as it is, whatever its revision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from secagg.history import backup as backups
from secagg.history import migrate
from secagg.history.engine import connect, shown, transaction, url_of
from secagg.history.migrate import Migrated
from secagg.history.revision import HEAD, revision_of
from secagg.history.rows import broken_rows
from secagg.history.validate import row_counts
from secagg.history.validate import validate as check


class Upkeep:
    """One store, opened without asking for its revision. All raise :class:`StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def where(self) -> str:
        """The path or URL, without the password."""
        return shown(self._engine.url)

    def revision(self) -> str | None:
        """The revision of its tables, None where there are none."""
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
        return migrate.upgrade(self._engine, HEAD if to == "head" else to)

    def downgrade(self, to: str) -> Migrated:
        """Down to ``to`` (``base``: no tables), with a backup before."""
        return migrate.downgrade(self._engine, to)

    def planned_sql(self, to: str, *, up: bool) -> str:
        """The SQL that :meth:`upgrade` or :meth:`downgrade` would begin with."""
        return migrate.planned_sql(self._engine, to, up=up)

    def backup(self, target: Path | None) -> Path:
        """A backup in ``target``, or beside the store; answers where."""
        if target is None:
            return backups.backup_beside(self._engine)
        backups.backup(self._engine, target)
        return target

    def restore(self, source: Path) -> None:
        """Back to what ``source`` holds."""
        backups.restore(self._engine, source)


@contextmanager
def upkeep(where: str | Path, *, create: bool = False) -> Iterator[Upkeep]:
    """The store at ``where`` (as for :func:`secagg.history.open_store`), closed afterwards."""
    engine = connect(url_of(where), create=create)
    try:
        yield Upkeep(engine)
    finally:
        engine.dispose()
