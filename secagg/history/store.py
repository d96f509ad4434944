"""Open the store and use it: record scans, read problems and runs, record decisions.

A new SQLite store is made from ``migrations/head.sql``, because importing Alembic takes longer than
reading a small report. A test checks that the file equals the result of the migrations.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Engine

from secagg.errors import StoreError
from secagg.history import alerts as github_alerts
from secagg.history import audit as audit_log
from secagg.history import current, deciding, importing, reading
from secagg.history.alerts import StoredAlert
from secagg.history.document import BROKEN_HINT
from secagg.history.engine import (
    DEFAULT,
    HEAD,
    VERSION_TABLE,
    connect,
    prepare_for_questions,
    revision_of,
    shown,
    transaction,
    url_of,
)
from secagg.history.importing import ImportedRun
from secagg.history.rows import broken_rows
from secagg.history.validate import foreign_objects
from secagg.model.access import ApiToken
from secagg.model.approval import DecisionsMade
from secagg.model.problem import Problem, RunRecord, State, Triage

SCRIPT = "head.sql"
# Between the statements of the script, which have semicolons themselves.
BETWEEN = "\n;\n"


def make_tables(engine: Engine) -> None:
    """Make the tables of :data:`HEAD` in an empty SQLite file, unless another process has."""
    script = (resources.files("secagg.history.migrations") / SCRIPT).read_text("utf-8")
    with transaction(engine) as connection:
        if revision_of(connection) is not None:
            return
        for statement in script.split(BETWEEN):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES (?)", (HEAD,))  # noqa: S608


# What reading a row raises that holds another value than secagg has written; JSON may be deep.
_BROKEN_ROW = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Store:
    """An open store. Each method is one transaction; all raise :class:`StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; a SQLite store is then one file again."""
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
        """Record a scan, unless one with this ``run.key`` is recorded already.

        ``complete_tools`` are (tool, component) where the tool looked at everything (``.`` is the
        whole tree): only problems that these tools no longer see are fixed.
        """
        with self._write() as connection:
            return importing.record(connection, run, problems, complete_tools)

    def record_untrusted(
        self,
        run: RunRecord,
        problems: Sequence[Problem],
        complete_tools: Iterable[tuple[str, str]],
        reserved_tools: Set[str],
    ) -> ImportedRun:
        """Record a scan that a job has sent, as :meth:`record` does.

        A store tells few tools apart: such scans cannot use up the places of ``reserved_tools``.
        """
        with self._write() as connection:
            return importing.record(
                connection, run, problems, complete_tools, reserved_tools=reserved_tools
            )

    def first_seen(
        self, repository: str, branch: str, identities: Iterable[str]
    ) -> Mapping[str, datetime.datetime]:
        """Return when each problem was first seen on ``branch``, or else on any branch.

        Unknown identities are left out. The time of an earlier identity of the problem counts.
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
        file_decisions: Mapping[str, Triage] | None = None,
        details: bool = True,
        default_branches: bool = False,
    ) -> Iterator[Problem]:
        """Yield problems by severity and identity, of all repositories and branches for None.

        ``states`` selects by state (empty: all). ``as_of`` is the key of a run: the branch after
        that run. ``file_decisions`` are decisions by identity from a file of ``repository``; of a
        problem's decisions the newest counts. Without ``details`` the fields of
        :data:`secagg.history.document.DETAILS` are empty, which is faster. With
        ``default_branches`` it is the default branch of each repository
        (:func:`secagg.history.reading.branches_of`).
        """
        selected = set(states)
        with self._read() as connection:
            rows = reading.problems(
                connection,
                repository,
                branch,
                as_of,
                file_decisions,
                details=details,
                default_branches=default_branches,
            )
            # Complete before the transaction ends, however slowly the caller reads.
            rows = [row for row in rows if not selected or row.state in selected]
        return iter(rows)

    def runs(
        self, repository: str | None = None, branch: str | None = None, *, limit: int | None = None
    ) -> list[RunRecord]:
        """Return recorded runs, newest first."""
        with self._read() as connection:
            return reading.runs(connection, repository, branch, limit)

    def newest_runs(self, *, default_branches: bool = False) -> list[RunRecord]:
        """Return the newest run of every (default) branch of every repository, newest first."""
        with self._read() as connection:
            return reading.newest_runs(connection, default_branches=default_branches)

    def branches(self, repository: str | None = None) -> list[tuple[str, str]]:
        """Return every (repository, branch) with a run, by name."""
        with self._read() as connection:
            return reading.branches(connection, repository)

    def run(self, key: str) -> tuple[RunRecord, list[Problem]]:
        """Return a run and its problems. Raises :class:`StoreError` for an unknown key."""
        with self._read() as connection:
            return reading.run(connection, key)

    def run_key(self, beginning: str) -> str:
        """Return the key of the only run whose key begins with ``beginning``.

        Raises :class:`StoreError` if there is none, and :class:`UsageError` if there are several.
        """
        with self._read() as connection:
            return reading.run_key(connection, beginning)

    def changes(self, keys: Iterable[str]) -> Mapping[str, ImportedRun]:
        """Return the changes of each run on its branch, by the history as it is now."""
        with self._read() as connection:
            return importing.changes(connection, list(keys))

    def run_of_commit(self, repository: str, commit: str) -> RunRecord | None:
        """Return the newest run of ``commit`` (at least 7 digits of its id), on any branch."""
        with self._read() as connection:
            return reading.run_of_commit(connection, repository, commit)

    def triage(
        self, repository: str, identities: Iterable[str], decision: Triage, *, dry_run: bool = False
    ) -> list[str]:
        """Record a decision on ``identities``, which may be shortened; return the full ones.

        The decision holds on all branches of the repository. Raises :class:`UsageError` for an
        id that no problem of the repository goes by, or several (:func:`secagg.ids.resolve`).
        """
        with self._read() if dry_run else self._write() as connection:
            full = deciding.decide(connection, repository, identities, decision, dry_run=dry_run)
            current.redecide(connection, repository, () if dry_run else full)
            return full

    def undo(
        self, repository: str, identities: Iterable[str], *, who: str, dry_run: bool = False
    ) -> list[str]:
        """Undo the newest decision on each problem, under whichever of its ids it was made.

        Returns the identities of the problems that had one.
        """
        with self._read() if dry_run else self._write() as connection:
            undone = deciding.undo(connection, repository, identities, who, dry_run=dry_run)
            touched = () if dry_run else {*undone, *undone.values()}
            current.redecide(connection, repository, touched)
            return list(undone)

    def undo_batch(
        self, repository: str, batch: str, *, who: str, dry_run: bool = False
    ) -> list[str]:
        """Take back what was decided at once (:func:`secagg.history.deciding.batch_of`)."""
        with self._read() if dry_run else self._write() as connection:
            undone = deciding.undo_batch(connection, repository, batch, who, dry_run=dry_run)
            current.redecide(connection, repository, () if dry_run else undone)
            return undone

    def undo_dismissal(self, repository: str, alert: str, *, who: str) -> list[str]:
        """Undo what was decided by dismissing ``alert``; return the identities."""
        with self._write() as connection:
            undone = deciding.undo_dismissal(connection, repository, alert, who)
            current.redecide(connection, repository, undone)
            return undone

    def decisions(self, repository: str) -> dict[str, Triage]:
        """Return the decision in force on each identity that has one."""
        with self._read() as connection:
            return deciding.in_force(connection, repository)

    def newest_decisions(self, repository: str) -> dict[str, list[Triage]]:
        """Return, by identity, the newest decision made here and the newest made at GitHub."""
        with self._read() as connection:
            return deciding.newest_decisions(connection, repository)

    def decisions_made(self, repository: str) -> DecisionsMade:
        """Return every decision that is not taken back, to be asked about problems."""
        with self._read() as connection:
            return deciding.made_in(connection, [repository]).get(repository, DecisionsMade())

    def alerts(self, repository: str) -> dict[int, StoredAlert]:
        """Return the alerts that were read from GitHub last, by number."""
        with self._read() as connection:
            return github_alerts.stored_alerts(connection, repository)

    def save_alerts(self, repository: str, changed: Iterable[StoredAlert]) -> None:
        """Add ``changed`` alerts, or replace those with the same numbers."""
        with self._write() as connection:
            github_alerts.save_alerts(connection, repository, changed)

    def audit(
        self,
        *,
        limit: int | None = None,
        subjects: Sequence[str] = (),
        repository: str | None = None,
    ) -> list[audit_log.AuditEntry]:
        """Return the audit log, newest first; that of ``subjects`` where any are named.

        With ``repository`` only what was decided in it.
        """
        with self._read() as connection:
            return audit_log.newest(connection, limit, subjects, repository)

    def add_token(self, token: ApiToken) -> None:
        """Add a token of ``secagg serve``."""
        from secagg.history import tokens as api_tokens

        with self._write() as connection:
            api_tokens.add(connection, token)

    def tokens(self, token_id: str | None = None) -> list[ApiToken]:
        """Return the tokens of ``secagg serve``, newest first, or the one with ``token_id``."""
        from secagg.history import tokens as api_tokens

        with self._read() as connection:
            return api_tokens.tokens(connection, token_id)

    def revoke_token(self, token_id: str, *, who: str) -> ApiToken:
        """Revoke a token. Raises :class:`StoreError` where none with ``token_id`` is in force."""
        from secagg.history import tokens as api_tokens

        with self._write() as connection:
            return api_tokens.revoke(connection, token_id, who)

    def note(self, entry: audit_log.AuditEntry) -> None:
        """Add ``entry``, which changes no problem, to the audit log."""
        with self._write() as connection:
            audit_log.add(connection, [entry])

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads, for :mod:`secagg.report.stored`."""
        with self._read() as connection:
            prepare_for_questions(connection)
            yield connection

    def _write(self) -> AbstractContextManager[Connection]:
        return self._open(reads=False)

    def _read(self) -> AbstractContextManager[Connection]:
        return self._open(reads=True)

    @contextmanager
    def _open(self, *, reads: bool) -> Iterator[Connection]:
        """Open a transaction. An error is the store's if a row is broken, else a bug of ours."""
        try:
            with transaction(self._engine, reads=reads) as connection:
                yield connection
        except _BROKEN_ROW:
            with transaction(self._engine, reads=True) as connection:
                faults = broken_rows(connection)
            if not faults:
                raise
            raise StoreError(f"in the store {self.where} {faults[0]}", hint=BROKEN_HINT) from None


def open_store(where: str | Path | None = None, *, create: bool = True) -> Store:
    """Open the store at ``where``: a SQLAlchemy URL, a SQLite file, or the default one.

    A store that does not exist is made if ``create``. A SQLite file of an older secagg is backed
    up beside itself and upgraded. Raises :class:`StoreError` for a shared database of an older
    secagg, for a store of a newer one, and for a store that cannot be opened.
    """
    url = url_of(where if where is not None else DEFAULT)
    engine = connect(url, create=create)
    try:
        with transaction(engine, reads=True) as connection:
            revision = revision_of(connection)
            foreign = foreign_objects(connection) if engine.dialect.name == "sqlite" else []
        if foreign:
            raise StoreError(
                f"the store {shown(engine.url)} has triggers or views that secagg did not make: "
                f"{foreign[0]}",
                hint="drop it, or bring a backup back: secagg db restore",
            )
        if revision != HEAD:
            _upgrade(engine, revision, create=create)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def _upgrade(engine: Engine, revision: str | None, *, create: bool) -> None:
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
