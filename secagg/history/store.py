"""The store: what was seen when, what was decided, and who changed what.

Alembic takes longer to load than a small report takes to read. ``migrations/head.sql`` is what
SQLite itself says of a store that the revisions have made; a test holds the two against each other.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from secagg.errors import StoreError
from secagg.history import alerts as at_github
from secagg.history import deciding, importing, reading
from secagg.history.alerts import KeptAlert
from secagg.history.document import BROKEN_HINT
from secagg.history.engine import (
    DEFAULT,
    HEAD,
    VERSION_TABLE,
    connect,
    now,
    revision_of,
    shown,
    transaction,
    url_of,
    written,
)
from secagg.history.importing import ImportedRun
from secagg.history.rows import broken_rows
from secagg.history.validate import planted
from secagg.model.problem import Problem, RunRecord, State, Triage


def note(connection: Connection, run: str, summary: str) -> None:
    """Note an upload. Raises :class:`StoreError` where no such run is recorded."""
    done = connection.execute(
        text(
            "INSERT INTO upload (run_id, at, summary) "
            "SELECT id, :at, :summary FROM run WHERE key = :run"
        ),
        {"run": run, "at": written(now()), "summary": summary},
    )
    if not done.rowcount:
        raise StoreError("no such run in the store")


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


class Store:
    """An open store. Each method is one transaction; all raise :class:`StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; a SQLite store is then one file again."""
        self._engine.dispose()

    @property
    def where(self) -> str:
        """The path or URL, without the password."""
        return shown(self._engine.url)

    def record(
        self,
        run: RunRecord,
        problems: Sequence[Problem],
        complete_tools: Iterable[tuple[str, str]],
    ) -> ImportedRun:
        """Record a scan; the same ``run.key`` a second time changes nothing.

        ``complete_tools`` are the (tool, component) that looked at everything, where ``.`` is
        the whole tree: what they knew and do not see any more is fixed, and nothing else is.
        """
        with self._write() as connection:
            return importing.record(connection, run, problems, complete_tools)

    def first_seen(
        self, repository: str, branch: str, identities: Iterable[str]
    ) -> Mapping[str, datetime.datetime]:
        """When each was first seen: on ``branch``, or else on any; unknown ones are left out.

        An identity counts as seen when it was seen under another that it is known as.
        """
        with self._read() as connection:
            return reading.first_seen(connection, repository, branch, set(identities))

    def problems(
        self,
        repository: str | None,
        branch: str | None = None,
        *,
        states: Iterable[State] = (),
        as_of: str | None = None,
        filed: Mapping[str, Triage] | None = None,
        details: bool = True,
    ) -> Iterator[Problem]:
        """Problems by severity and identity; those of all repositories and branches for None.

        ``states`` leaves only those (empty: all). ``as_of`` is a run's key: the branch as it
        stood after that run. ``filed`` are decisions by identity from elsewhere on the one
        ``repository``; on each problem the newest decision counts. Without ``details`` the fields
        of :data:`secagg.history.document.DETAILS` are empty, which takes less time.
        """
        wanted = set(states)
        with self._read() as connection:
            rows = reading.problems(connection, repository, branch, as_of, filed, details=details)
            # A generator would keep the transaction open for as long as its reader likes.
            kept = [p for p in rows if not wanted or p.state in wanted]
        return iter(kept)

    def runs(
        self, repository: str | None = None, branch: str | None = None, *, limit: int | None = None
    ) -> list[RunRecord]:
        """Recorded runs, newest first."""
        with self._read() as connection:
            return reading.runs(connection, repository, branch, limit)

    def newest_runs(self) -> list[RunRecord]:
        """Return the newest run of every branch of every repository, newest first."""
        with self._read() as connection:
            return reading.newest_runs(connection)

    def branches(self, repository: str | None = None) -> list[tuple[str, str]]:
        """Return every (repository, branch) with a run, by name."""
        with self._read() as connection:
            return reading.branches(connection, repository)

    def run(self, key: str) -> tuple[RunRecord, list[Problem]]:
        """Return a run and what it saw. Raises :class:`StoreError` for an unknown key."""
        with self._read() as connection:
            return reading.run(connection, key)

    def run_key(self, beginning: str) -> str:
        """Return the key of the only run whose key begins so.

        Raises :class:`StoreError` where there is none, and :class:`UsageError` for several.
        """
        with self._read() as connection:
            return reading.run_key(connection, beginning)

    def changes(self, keys: Iterable[str]) -> Mapping[str, ImportedRun]:
        """Return what each run changed on its branch, as the history has it now."""
        with self._read() as connection:
            return importing.changes(connection, list(keys))

    def run_of_commit(self, repository: str, commit: str) -> RunRecord | None:
        """The newest run of ``commit`` (its id, or at least 7 digits of it), on any branch."""
        with self._read() as connection:
            return reading.run_of_commit(connection, repository, commit)

    def triage(
        self, repository: str, identities: Iterable[str], decision: Triage, *, dry_run: bool = False
    ) -> list[str]:
        """Decide on ``identities`` (or beginnings of them); answers them in full.

        The decision holds on all branches of the repository. Raises :class:`UsageError` for an
        id that no problem of the repository goes by, or several (:func:`secagg.ids.resolve`).
        """
        with self._read() if dry_run else self._write() as connection:
            return deciding.decide(connection, repository, identities, decision, dry_run=dry_run)

    def undo(
        self, repository: str, identities: Iterable[str], *, who: str, dry_run: bool = False
    ) -> list[str]:
        """Take back the last decision on each; answers those that had one."""
        with self._read() if dry_run else self._write() as connection:
            return deciding.undo(connection, repository, identities, who, dry_run=dry_run)

    def take_back(self, repository: str, alert: str, *, who: str) -> list[str]:
        """Take back what was decided by dismissing ``alert``; answers those that it was about."""
        with self._write() as connection:
            return deciding.take_back(connection, repository, alert, who)

    def decisions(self, repository: str) -> dict[str, Triage]:
        """Return the decision in force on each identity that has one."""
        with self._read() as connection:
            return deciding.in_force(connection, repository)

    def said(self, repository: str) -> dict[str, list[Triage]]:
        """As :meth:`decisions`, with the newest of those made here and of those at GitHub."""
        with self._read() as connection:
            return deciding.newest_decisions(connection, repository)

    def alerts(self, repository: str) -> dict[int, KeptAlert]:
        """Return the alerts that were read from GitHub last, by number."""
        with self._read() as connection:
            return at_github.kept_alerts(connection, repository)

    def keep_alerts(self, repository: str, changed: Iterable[KeptAlert]) -> None:
        """Put ``changed`` in the place of the alerts of the same numbers."""
        with self._write() as connection:
            at_github.keep(connection, repository, changed)

    def uploaded(self, run: str, summary: str) -> None:
        """Note an upload of the run with the key ``run``; ``summary`` is JSON."""
        with self._write() as connection:
            note(connection, run, summary)

    def audit(self, *, limit: int | None = None) -> list[deciding.AuditEntry]:
        """Return the audit log, newest first."""
        with self._read() as connection:
            return deciding.entries(connection, limit)

    def _write(self) -> AbstractContextManager[Connection]:
        return self._open(reads=False)

    def _read(self) -> AbstractContextManager[Connection]:
        return self._open(reads=True)

    @contextmanager
    def _open(self, *, reads: bool) -> Iterator[Connection]:
        """A transaction. What fails for a row that is broken is the store's fault, not a bug."""
        try:
            with transaction(self._engine, reads=reads) as connection:
                yield connection
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            with transaction(self._engine, reads=True) as connection:
                wrong = broken_rows(connection)
            if not wrong:
                raise
            raise StoreError(f"in the store {self.where} {wrong[0]}", hint=BROKEN_HINT) from None


def open_store(where: str | Path | None = None, *, create: bool = True) -> Store:
    """Open the store at ``where``: a SQLAlchemy URL, a SQLite file, or the default one.

    A store that does not exist is made if ``create``. A file of an older secagg is backed up
    beside itself and upgraded; a shared database is not touched. Raises :class:`StoreError`
    for that, for a store of a newer secagg, and for one that cannot be opened.
    """
    url = url_of(where if where is not None else DEFAULT)
    engine = connect(url, create=create)
    try:
        with transaction(engine, reads=True) as connection:
            revision = revision_of(connection)
            wrong = planted(connection) if engine.dialect.name == "sqlite" else []
        if wrong:
            raise StoreError(
                f"the store {shown(engine.url)} has triggers or views that secagg did not make: "
                f"{wrong[0]}",
                hint="drop it, or bring a backup back: secagg db restore",
            )
        if revision != HEAD:
            _bring_up(engine, revision, create=create)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def _bring_up(engine: Engine, revision: str | None, *, create: bool) -> None:
    where = shown(engine.url)
    if revision is not None and revision > HEAD:
        raise StoreError(
            f"the store {where} was made by a newer secagg (revision {revision})",
            hint="update secagg",
        )
    if revision is None and not create:
        raise StoreError(f"there is no store in {where}", hint="run secagg db upgrade to make one")
    if revision is not None and engine.dialect.name != "sqlite":
        raise StoreError(
            f"the store {where} is of an older secagg (revision {revision}, not {HEAD})",
            hint="run secagg db upgrade",
        )
    if revision is None and engine.dialect.name == "sqlite":
        make_tables(engine)
        return
    from secagg.history.migrate import upgrade

    upgrade(engine, backup=revision is not None)
