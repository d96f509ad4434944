"""Record one scan in the store, in one transaction."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlmodel import col

from secagg.errors import StoreError
from secagg.history import standing
from secagg.history.document import digest, encode
from secagg.history.engine import clock_of, to_text
from secagg.history.tables import ToolRow
from secagg.model.problem import Problem, RunRecord
from secagg.system.dates import utc_now

# Tools are bits of a signed 64-bit number.
_MOST_TOOLS = 62
# Clocks differ, and a scan that has just begun is not from the future.
_CLOCK_SKEW = datetime.timedelta(minutes=10)
_INCOMING = (
    "CREATE TEMPORARY TABLE incoming (identity TEXT NOT NULL, digest TEXT NOT NULL, "
    "component TEXT NOT NULL, tools BIGINT NOT NULL, document TEXT NOT NULL, "
    "severity TEXT NOT NULL, epss DOUBLE PRECISION, baseline TEXT)"
)
_OTHER_IDENTITIES = (
    "CREATE TEMPORARY TABLE other_identity (identity TEXT NOT NULL, other TEXT NOT NULL)"
)
# ``ON CONFLICT DO NOTHING`` would use up an id for each row that is there already. No other process
# adds a row meanwhile: the import has locked the repository.
_FINDINGS = """
INSERT INTO finding (repository_id, identity)
SELECT :repository, i.identity FROM incoming i WHERE NOT EXISTS (
  SELECT 1 FROM finding f WHERE f.repository_id = :repository AND f.identity = i.identity)
"""
_CONTENTS = """
INSERT INTO content (finding_id, digest, component, tools, document, severity)
SELECT f.id, i.digest, i.component, i.tools, i.document, i.severity FROM incoming i
JOIN finding f ON f.repository_id = :repository AND f.identity = i.identity
WHERE NOT EXISTS (SELECT 1 FROM content c WHERE c.finding_id = f.id AND c.digest = i.digest)
"""
_SIGHTINGS = """
INSERT INTO sighting (run_id, finding_id, content_id, epss, baseline)
SELECT :run, f.id, c.id, i.epss, i.baseline FROM incoming i
JOIN finding f ON f.repository_id = :repository AND f.identity = i.identity
JOIN content c ON c.finding_id = f.id AND c.digest = i.digest
"""
# An alias is valid from the run that reports it, so the earliest run counts.
_ALIASES = """
INSERT INTO alias (branch_id, finding_id, identity, run_id)
SELECT DISTINCT :branch, f.id, a.other, :run FROM other_identity a
JOIN finding f ON f.repository_id = :repository AND f.identity = a.identity
WHERE true
ON CONFLICT (branch_id, finding_id, identity) DO UPDATE SET run_id = excluded.run_id
WHERE EXISTS (
  SELECT 1 FROM run n, run o WHERE n.id = excluded.run_id AND o.id = alias.run_id
  AND (n.started_at, n.key) < (o.started_at, o.key))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRun:
    """The changes of a run on its branch. ``again`` is True if it was recorded before."""

    new: int = 0
    reopened: int = 0
    fixed: int = 0
    unchanged: int = 0
    again: bool = False


def record(
    connection: Connection,
    run: RunRecord,
    problems: Sequence[Problem],
    covered: Iterable[tuple[str, str]],
) -> ImportedRun:
    """Record ``run`` and its problems, unless a run with this key is recorded already.

    ``covered`` are (tool, component) where the tool looked at everything in the component (``.``
    is the whole tree): only problems that these tools no longer see are fixed.
    """
    repository = _id(connection, "repository", name=run.repository)
    _lock(connection, repository)
    select = text("SELECT id FROM run WHERE key = :key")
    if connection.execute(select, {"key": run.key}).first() is not None:
        return ImportedRun(again=True)
    _refuse_future(connection, run)
    branch = _id(connection, "branch", repository_id=repository, name=run.branch)
    tools = {tool for problem in problems for tool in problem.tools}
    covered = set(covered)
    bits = _tool_bits(connection, tools | {tool for tool, _ in covered})
    run_id = _insert_run(connection, run, branch)
    _insert_tool_runs(connection, run, run_id, covered, bits)
    distinct = _distinct(problems)
    _fill_temporary_tables(connection, distinct, bits)
    _copy_from_temporary_tables(connection, repository, branch, run_id)
    _insert_applied_exceptions(connection, repository, run_id, distinct)
    if standing.is_newest(connection, branch, run_id):
        standing.step(connection, branch, run_id)
    else:
        standing.replay(connection, branch)
    return _counts(connection, branch, run_id)


def _refuse_future(connection: Connection, run: RunRecord) -> None:
    """Raise :class:`StoreError` for a scan from the future.

    It would stay the newest of its branch, and what later scans see would count as seen before.
    """
    now = clock_of(connection)
    started = run.started_at
    if started.tzinfo is None:
        started = started.replace(tzinfo=datetime.UTC)
    if started > now + _CLOCK_SKEW:
        raise StoreError(
            f"the scan of {run.repository} is dated in the future: it began at "
            f"{started:%Y-%m-%d %H:%M} UTC, and the store's clock says {now:%Y-%m-%d %H:%M}",
            hint="set the clock of the machine that scanned, or correct the time in the report",
        )


def _id(connection: Connection, table: str, **values: Any) -> int:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    where = " AND ".join(f"{name} = :{name}" for name in values)
    select = text(f"SELECT id FROM {table} WHERE {where}")  # noqa: S608
    row_id = connection.execute(select, values).scalar()
    if row_id is None:
        connection.execute(
            text(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"),  # noqa: S608
            values,
        )
        row_id = connection.execute(select, values).scalar_one()
    return int(row_id)


def _lock(connection: Connection, repository: int) -> None:
    """Lock the repository for one import at a time; SQLite allows only one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            # Decisions refer to the row, and need not wait for an import.
            text("SELECT id FROM repository WHERE id = :id FOR NO KEY UPDATE"),
            {"id": repository},
        )


def _tool_bits(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the bit of each tool."""
    numbers = _tool_numbers(connection)
    if unknown := sorted(set(names) - set(numbers)):
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE tool IN SHARE ROW EXCLUSIVE MODE"))
        # Another process may have added some until it gave the lock away.
        numbers = _tool_numbers(connection)
        # A database's own numbers would have gaps, and there are few.
        free = iter(sorted({*range(1, _MOST_TOOLS + 1)} - {*numbers.values()}))
        for name in (name for name in unknown if name not in numbers):
            number = next(free, None)
            if number is None:
                raise StoreError(f"the store cannot keep more than {_MOST_TOOLS} tools apart")
            connection.execute(insert(ToolRow).values(id=number, name=name))
            numbers[name] = number
    return {name: 1 << numbers[name] for name in names}


def _tool_numbers(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(col(ToolRow.name), col(ToolRow.id)))
    return {name: number for name, number in rows if number is not None}


def _insert_run(connection: Connection, run: RunRecord, branch: int) -> int:
    statement = text(
        "INSERT INTO run (key, branch_id, git_commit, started_at, verdict, policy, by_severity, "
        "recorded_at) VALUES (:key, :branch, :commit, :started, :verdict, :policy, :counts, :now) "
        "RETURNING id"
    )
    values = {
        "key": run.key,
        "branch": branch,
        "commit": run.commit,
        "started": to_text(run.started_at),
        "verdict": run.verdict,
        "policy": run.policy,
        "counts": json.dumps(run.by_severity),
        "now": to_text(utc_now()),
    }
    return int(connection.execute(statement, values).scalar_one())


def _insert_tool_runs(
    connection: Connection,
    run: RunRecord,
    run_id: int,
    covered: set[tuple[str, str]],
    bits: dict[str, int],
) -> None:
    names = ["tool", "component", "mode", "status", "version", "seconds", "reason"]
    rows = [
        {
            "run": run_id,
            "number": number,
            "gaps": json.dumps(tool.gaps) if tool.gaps else None,
            **{name: getattr(tool, name) for name in names},
        }
        for number, tool in enumerate(run.tools)
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO tool_run VALUES (:run, :number, :tool, :component, :mode, :status, "
                ":version, :seconds, :reason, :gaps)"
            ),
            rows,
        )
    if covered:
        connection.execute(
            text("INSERT INTO covered VALUES (:run, :tool, :component)"),
            [
                {"run": run_id, "tool": bits[tool].bit_length() - 1, "component": component}
                for tool, component in sorted(covered)
            ],
        )


def _distinct(problems: Sequence[Problem]) -> list[Problem]:
    """Check that each problem has its own identity, which merging guarantees."""
    by_identity = {problem.identity: problem for problem in problems}
    if len(by_identity) != len(problems):
        raise StoreError(
            "two problems of one run share an identity", hint="please report this: it is a bug"
        )
    return list(by_identity.values())


def _fill_temporary_tables(
    connection: Connection, problems: list[Problem], bits: dict[str, int]
) -> None:
    """Write the run's problems into temporary tables, in bulk."""
    for create in (_INCOMING, _OTHER_IDENTITIES):
        name = create.split()[3]
        connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
        ending = " ON COMMIT DROP" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(create + ending))
    masks: dict[tuple[str, ...], int] = {}

    def row(problem: Problem) -> tuple[Any, ...]:
        mask = masks.get(problem.tools)
        if mask is None:
            mask = masks[problem.tools] = sum({bits[tool] for tool in problem.tools})
        document = encode(problem)
        return (
            problem.identity,
            digest(document),
            _storable(problem.component or "."),
            mask,
            document,
            problem.severity.value,
            problem.epss,
            problem.baseline,
        )

    _bulk(connection, "incoming", 8, map(row, problems))
    others = (
        (problem.identity, other)
        for problem in problems
        for other in problem.known_as
        if other != problem.identity
    )
    _bulk(connection, "other_identity", 2, others)
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE incoming"))


def _storable(name: str) -> str:
    """Escape what no database stores as text: NUL and lone surrogates."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _bulk(
    connection: Connection, table: str, columns: int, rows: Iterable[tuple[Any, ...]]
) -> None:
    raw: Any = connection.connection.driver_connection
    cursor = raw.cursor()
    try:
        if connection.dialect.name == "postgresql":
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * columns)
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
    finally:
        cursor.close()


def _copy_from_temporary_tables(
    connection: Connection, repository: int, branch: int, run_id: int
) -> None:
    """Copy the run's problems from the temporary tables into the permanent ones."""
    values = {"repository": repository, "branch": branch, "run": run_id}
    for statement in (_FINDINGS, _CONTENTS, _SIGHTINGS, _ALIASES):
        connection.execute(text(statement), values)


def _insert_applied_exceptions(
    connection: Connection, repository: int, run_id: int, problems: list[Problem]
) -> None:
    rows = [
        {"run": run_id, "repository": repository, "identity": p.identity, "exception": p.exception}
        for p in problems
        if p.exception is not None
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO applied SELECT :run, id, :exception FROM finding "
                "WHERE repository_id = :repository AND identity = :identity"
            ),
            rows,
        )


def changes(connection: Connection, keys: Sequence[str]) -> dict[str, ImportedRun]:
    """Return the changes of each run on its branch; unknown keys are left out."""
    select = text("SELECT key, branch_id, id FROM run WHERE key = :key")
    rows = (connection.execute(select, {"key": key}).first() for key in keys)
    return {row[0]: _counts(connection, row[1], row[2]) for row in rows if row is not None}


def _counts(connection: Connection, branch: int, run_id: int) -> ImportedRun:
    """Count the changes of a run by the branch's history as it is now."""
    row = connection.execute(
        text(
            "SELECT COALESCE(SUM(CASE WHEN t.first_run_id = :run THEN 1 ELSE 0 END), 0), "
            "COALESCE(SUM(CASE WHEN t.reopened_run_id = :run THEN 1 ELSE 0 END), 0), "
            "COUNT(*) FROM sighting s JOIN standing t "
            "ON t.branch_id = :branch AND t.finding_id = s.finding_id WHERE s.run_id = :run"
        ),
        {"run": run_id, "branch": branch},
    ).one()
    fixed = connection.execute(
        text("SELECT COUNT(*) FROM standing WHERE branch_id = :branch AND fixed_run_id = :run"),
        {"run": run_id, "branch": branch},
    ).scalar_one()
    new, reopened, total = (int(value) for value in row)
    return ImportedRun(
        new=new, reopened=reopened, fixed=int(fixed), unchanged=total - new - reopened
    )
