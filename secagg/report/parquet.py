"""Write tables as Parquet, a file a day (``problems/day=2026-11-30/part-0.parquet``).

pyarrow is an extra (``pip install 'secagg[parquet]'``) and is imported in functions only. Within
schema version 1 columns are only ever added, at the end.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from secagg import __version__
from secagg.errors import UsageError
from secagg.model.problem import Problem, RunRecord, Triage
from secagg.model.severity import LABELS
from secagg.report.jsonformat import dumps, record
from secagg.report.parquetcolumns import (
    AUDIT,
    DECISIONS,
    PROBLEMS,
    RUNS,
    SIGHTINGS,
    TABLES,
    Table,
    column_types,
)
from secagg.secrets.lastfilter import filtered_json
from secagg.system.files import replacing

FILE_NAME = "part-0.parquet"
SCHEMA_VERSION = "1"
_BATCH = 4096

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TablePart:
    """The file of one table and one day below ``directory``."""

    directory: Path
    table: Table
    day: datetime.date

    @property
    def path(self) -> Path:
        """Return the path, with the day as Hive writes partitions."""
        return self.directory / self.table.name / f"day={self.day.isoformat()}" / FILE_NAME

    def values(self, column: str) -> set[str]:
        """Return the values in a column of text; an empty set where there is no file yet."""
        if not self.path.is_file():
            return set()
        batches = _batches(self.path, [column])
        return {str(value) for batch in batches for value in batch.column(0).to_pylist()}

    def count(self) -> int | None:
        """Return the number of rows; None where there is no file yet."""
        if not self.path.is_file():
            return None
        first = self.table.columns[0].name
        return sum(int(batch.num_rows) for batch in _batches(self.path, [first]))

    def write(
        self, rows: Iterable[Row], *, replaced: Callable[[Row], bool], by: Sequence[str]
    ) -> int:
        """Write ``rows`` in the place of those that are ``replaced``, and return how many.

        The other rows of the file stay. ``replaced`` gets the columns ``by`` of a row. The file is
        written whole or not at all, in batches. Raises :class:`UsageError` where that fails.
        """
        import pyarrow as pa
        from pyarrow import parquet

        about = {"secagg.schema": SCHEMA_VERSION, "secagg.version": __version__}
        schema = pa.schema(column_types(self.table), metadata=about)
        count = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The rows have passed the filter: it cannot look into a packed file.
            with (
                replacing(self.path, packed=True) as out,
                parquet.ParquetWriter(out, schema, compression="zstd") as writer,
            ):
                for batch in self._kept(schema, replaced, by):
                    writer.write_batch(batch)
                for chunk in _chunks(rows):
                    writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
                    count += len(chunk)
        except OSError as error:
            raise UsageError(
                f"cannot write {self.path}: {error.strerror or type(error).__name__}"
            ) from None
        return count

    def _kept(
        self, schema: Any, replaced: Callable[[Row], bool], by: Sequence[str]
    ) -> Iterator[Any]:
        """Yield the rows of the present file that stay, with null in columns that are new."""
        import pyarrow as pa

        if not self.path.is_file():
            return
        for batch in _batches(self.path):
            rows = zip(*(batch.column(name).to_pylist() for name in by), strict=True)
            stays = [not replaced(dict(zip(by, row, strict=True))) for row in rows]
            kept = batch.filter(pa.array(stays, pa.bool_()))
            columns = [
                kept.column(field.name).cast(field.type)
                if field.name in kept.schema.names
                else pa.nulls(kept.num_rows, field.type)
                for field in schema
            ]
            if kept.num_rows:
                yield pa.RecordBatch.from_arrays(columns, schema=schema)


def require_pyarrow() -> None:
    """Raise :class:`UsageError` where the extra is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError(
            "secagg export parquet needs pyarrow", hint="pip install 'secagg[parquet]'"
        ) from None


def problem_rows(problems: Iterable[Problem], today: datetime.date) -> Iterator[Row]:
    """Yield the rows of :data:`PROBLEMS`, with state and age on ``today`` (UTC)."""
    for problem in problems:
        yield _picked(
            PROBLEMS, record(problem, today) | _unapproved(problem) | _triage(problem.triage)
        )


def run_row(run: RunRecord) -> Row:
    """Return the row of :data:`RUNS` of a scan."""
    covered = [{"tool": tool, "component": component} for tool, component in run.covered]
    counts = {label: run.by_severity.get(label, 0) for label in LABELS}
    values = {field.name: getattr(run, field.name) for field in fields(run)}
    return _picked(RUNS, values | counts | {"run_key": run.key, "covered": covered})


def sighting_rows(run: RunRecord, problems: Iterable[Problem]) -> Iterator[Row]:
    """Yield the rows of :data:`SIGHTINGS` of what a scan saw."""
    of_run = {"run_key": run.key, "run_commit": run.commit, "started_at": run.started_at}
    for problem in problems:
        values = {field.name: getattr(problem, field.name) for field in fields(problem)}
        yield _picked(SIGHTINGS, values | _unapproved(problem) | of_run)


def decision_rows(repository: str, decisions: Mapping[str, Triage]) -> Iterator[Row]:
    """Yield the rows of :data:`DECISIONS`: the decision in force on each problem."""
    for identity, decision in sorted(decisions.items()):
        values = {"repository": repository, "identity": identity}
        yield _picked(DECISIONS, values | _triage(decision))


def audit_row(values: Mapping[str, Any]) -> Row:
    """Return the row of :data:`AUDIT` of an entry; its two sides become JSON."""
    sides = {
        side: None if values[side] is None else dumps(values[side]).decode()
        for side in ("before", "after")
    }
    return _picked(AUDIT, {**values, **sides})


_TRIAGE = tuple(field.name for field in fields(Triage))
_TIMES, _DAYS = (
    frozenset(column.name for table in TABLES for column in table.columns if column.kind == kind)
    for kind in ("time", "day")
)


def _triage(decision: Triage | None) -> dict[str, Any]:
    return {f"triage_{name}": getattr(decision, name, None) for name in _TRIAGE}


def _unapproved(problem: Problem) -> dict[str, Any]:
    return {"unapproved": None if problem.unapproved is None else problem.unapproved.state}


def _picked(table: Table, values: Mapping[str, Any]) -> Row:
    return {column.name: values[column.name] for column in table.columns}


def _chunks(rows: Iterable[Row]) -> Iterator[list[dict[str, Any]]]:
    """Yield ``rows`` in batches, masked, with times and days as Python has them."""
    rest = iter(rows)
    while chunk := list(islice(rest, _BATCH)):
        masked: list[dict[str, Any]] = orjson.loads(filtered_json(dumps(chunk)))
        for row in masked:
            for name, value in row.items():
                if value is not None and name in _TIMES:
                    row[name] = datetime.datetime.fromisoformat(value)
                elif value is not None and name in _DAYS:
                    row[name] = datetime.date.fromisoformat(value)
        yield masked


def _batches(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """Yield the rows of a file in batches. Raises :class:`UsageError` where it cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    file: BinaryIO
    try:
        with path.open("rb") as file, parquet.ParquetFile(file) as source:
            yield from source.iter_batches(batch_size=_BATCH, columns=columns)
    except (pa.ArrowException, KeyError) as error:
        raise UsageError(
            f"{path} is no file of this export: {type(error).__name__}",
            hint="remove it, and it is written anew",
        ) from None
