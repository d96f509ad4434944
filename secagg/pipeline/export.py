"""Export the store's tables by day: what is new since the last export, and today's standing.

A scan never changes once it is recorded. So a day's scans are written once, and again only for
those that came late. Problems and decisions change: their partition is the day of the export.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.errors import UsageError
from secagg.pipeline.origin import open_store_of
from secagg.report.parquet import (
    Row,
    TablePart,
    audit_row,
    decision_rows,
    problem_rows,
    require_pyarrow,
    run_row,
    sighting_rows,
)
from secagg.report.parquetcolumns import AUDIT, DECISIONS, PROBLEMS, RUNS, SIGHTINGS, Table
from secagg.system.dates import utc_now

if TYPE_CHECKING:
    from secagg.history import Store
    from secagg.model.problem import RunRecord

# Runs of a branch to read first, where only those since some day are asked for.
_FIRST_RUNS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportScope:
    """What to export: by default all branches of all repositories, and every day.

    ``store`` is a path or URL, as in :func:`open_store_of`. ``since`` is the first day (UTC) of
    scans and of the audit log.
    """

    root: Path = Path()
    store: str | None = None
    repository: str | None = None
    branch: str | None = None
    since: datetime.date | None = None

    @property
    def whole(self) -> bool:
        """Whether it is every repository and branch."""
        return self.repository is None and self.branch is None


@dataclass(slots=True)
class Written:
    """What was written of a table: partitions, and rows that are new in them."""

    table: str
    days: int = 0
    rows: int = 0

    def add(self, rows: int) -> None:
        """Count one more partition."""
        self.days += 1
        self.rows += rows


def export_parquet(
    directory: Path, scope: ExportScope, *, now: datetime.datetime | None = None
) -> list[Written]:
    """Write the tables of ``scope`` below ``directory``, and return what was written.

    Run again, it writes the same. Rows of other repositories and branches stay. Raises
    :class:`UsageError` for a repository or branch without a scan and where files cannot be
    written, and :class:`secagg.errors.StoreError`.
    """
    require_pyarrow()
    today = (now or utc_now()).date()
    with open_store_of(scope.store, scope.root, create=False) as store:
        branches = _branches(store, scope)
        written = [*_runs(store, directory, branches, scope.since)]
        written.append(_problems(store, directory, branches, scope, today))
        written.append(_decisions(store, directory, branches, scope, today))
        if scope.whole:
            # Its entries do not name the repository.
            written.append(_audit(store, directory, scope.since))
    return written


def _branches(store: Store, scope: ExportScope) -> list[tuple[str, str]]:
    recorded = store.branches()
    branches = [
        (repository, branch)
        for repository, branch in recorded
        if scope.repository in (None, repository) and scope.branch in (None, branch)
    ]
    if not branches:
        names = ", ".join(sorted({repository for repository, _ in recorded}))
        raise UsageError(
            "no scan of what is to be exported is recorded",
            hint=f"the store has {names}" if names else "run secagg scan first",
        )
    return branches


def _runs(
    store: Store,
    directory: Path,
    branches: Iterable[tuple[str, str]],
    since: datetime.date | None,
) -> Iterator[Written]:
    """Write the scans that no file has yet, with what they saw."""
    keys_by_day: dict[datetime.date, list[str]] = {}
    for repository, branch in branches:
        for run in _runs_since(store, repository, branch, since):
            keys_by_day.setdefault(run.started_at.date(), []).append(run.key)
    runs, sightings = Written(RUNS.name), Written(SIGHTINGS.name)
    for day, keys in sorted(keys_by_day.items()):
        part = TablePart(directory, RUNS, day)
        missing = set(keys) - part.values("run_key")
        if not missing:
            continue
        records: list[RunRecord] = []

        def is_missing(row: Row, missing: set[str] = missing) -> bool:
            return row["run_key"] in missing

        # The runs come last: where this is interrupted, the next export writes both again.
        rows = _sightings(store, sorted(missing), records)
        sightings.add(
            TablePart(directory, SIGHTINGS, day).write(rows, replaced=is_missing, by=_BY_RUN)
        )
        runs.add(part.write(map(run_row, records), replaced=is_missing, by=_BY_RUN))
    yield runs
    yield sightings


_BY_RUN = ("run_key",)


def _runs_since(
    store: Store, repository: str, branch: str, since: datetime.date | None
) -> list[RunRecord]:
    """Return the runs of a branch since a day; of a long history only as many as needed."""
    if since is None:
        return store.runs(repository, branch)
    limit = _FIRST_RUNS
    while True:
        runs = store.runs(repository, branch, limit=limit)
        if len(runs) < limit or runs[-1].started_at.date() < since:
            return [run for run in runs if run.started_at.date() >= since]
        limit *= 4


def _sightings(store: Store, keys: Iterable[str], records: list[RunRecord]) -> Iterator[Row]:
    """Yield what the runs saw, one run after the other, and add their records to ``records``."""
    for key in keys:
        run, problems = store.run(key)
        records.append(run)
        yield from sighting_rows(run, problems)


def _problems(
    store: Store,
    directory: Path,
    branches: list[tuple[str, str]],
    scope: ExportScope,
    today: datetime.date,
) -> Written:
    selected = set(branches)
    rows = (
        row
        for repository, branch in branches
        for row in problem_rows(store.problems(repository, branch), today)
    )
    count = TablePart(directory, PROBLEMS, today).write(
        rows,
        replaced=lambda row: scope.whole or (row["repository"], row["branch"]) in selected,
        by=("repository", "branch"),
    )
    return _one_day(PROBLEMS, count)


def _decisions(
    store: Store,
    directory: Path,
    branches: list[tuple[str, str]],
    scope: ExportScope,
    today: datetime.date,
) -> Written:
    # A decision holds on all branches of its repository.
    selected = sorted({repository for repository, _ in branches})
    rows = (
        row
        for repository in selected
        for row in decision_rows(repository, store.decisions(repository))
    )
    count = TablePart(directory, DECISIONS, today).write(
        rows,
        replaced=lambda row: scope.whole or row["repository"] in selected,
        by=("repository",),
    )
    return _one_day(DECISIONS, count)


def _audit(store: Store, directory: Path, since: datetime.date | None) -> Written:
    """Write the days of the audit log that have more entries than their files."""
    rows_by_day: dict[datetime.date, list[Row]] = {}
    for entry in reversed(store.audit()):
        if since is None or entry.at.date() >= since:
            values = {field.name: getattr(entry, field.name) for field in fields(entry)}
            rows_by_day.setdefault(entry.at.date(), []).append(audit_row(values))
    written = Written(AUDIT.name)
    for day, rows in sorted(rows_by_day.items()):
        part = TablePart(directory, AUDIT, day)
        # Entries are only ever added.
        if part.count() != len(rows):
            written.add(part.write(rows, replaced=lambda row: True, by=("at",)))
    return written


def _one_day(table: Table, rows: int) -> Written:
    return Written(table.name, days=1, rows=rows)
