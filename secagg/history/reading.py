"""Read problems and runs from the store."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from secagg.errors import StoreError, UsageError
from secagg.history import carryover, deciding, standing
from secagg.history.document import decode
from secagg.history.engine import from_text
from secagg.model.problem import Problem, RunRecord, State, ToolRunRecord, Triage
from secagg.system.dates import utc_today

NO_SUCH_RUN = "no such run in the store"
RUNS_HINT = "secagg runs lists them"

_PROBLEMS = """
SELECT t.branch_id, c.document, s.epss, s.baseline,
       t.first_run_id, t.last_run_id, t.fixed_run_id, t.reopened_run_id,
       t.finding_id, c.component, t.knew, c.tools
FROM {table} t
JOIN sighting s ON s.run_id = t.last_run_id AND s.finding_id = t.finding_id
JOIN content c ON c.id = s.content_id
WHERE t.superseded_run_id IS NULL AND t.branch_id IN (SELECT b.id FROM {branches})
"""
_BRANCHES = """branch b JOIN repository r ON r.id = b.repository_id
WHERE (CAST(:repository AS TEXT) IS NULL OR r.name = :repository)
  AND (CAST(:branch AS TEXT) IS NULL OR b.name = :branch)"""
_RUNS = """
SELECT run.id, run.key, r.name, b.name, run.git_commit, run.started_at, run.verdict, run.policy,
       run.by_severity
FROM run JOIN branch b ON b.id = run.branch_id JOIN repository r ON r.id = b.repository_id
WHERE {where} ORDER BY run.started_at DESC, run.key DESC {limit}
"""
_NEWEST = """run.id = (SELECT x.id FROM run x WHERE x.branch_id = run.branch_id
ORDER BY x.started_at DESC, x.key DESC LIMIT 1)"""


def problems(
    connection: Connection,
    repository: str | None,
    branch: str | None,
    as_of: str | None,
    file_decisions: Mapping[str, Triage] | None,
    *,
    details: bool = True,
) -> list[Problem]:
    """Return the problems of the branches, open or fixed, without superseded ones."""
    table, until = "standing", None
    if as_of is not None:
        table = "standing_then"
        until = _standing_after(connection, as_of, table)
    # Identities do not name their repository, so a file's decisions are of one only.
    decisions = (file_decisions or {}) if repository is not None else {}
    rows: list[Problem] = []
    missing_by_branch: dict[int, dict[int, tuple[str, int]]] = {}
    indices: dict[tuple[int, int], int] = {}
    for problem, branch_id, finding, component, missing in _problems(
        connection, table, repository, branch, decisions, details
    ):
        if missing:
            missing_by_branch.setdefault(branch_id, {})[finding] = component, missing
            indices[branch_id, finding] = len(rows)
        rows.append(problem)
    for branch_id, of_branch in missing_by_branch.items():
        reports = carryover.carried_over(connection, branch_id, of_branch, until=until, table=table)
        earlier = {
            content: (indices[branch_id, finding], tools)
            for finding, (content, tools) in reports.items()
        }
        carryover.apply(connection, rows, earlier, details=details)
    rows.sort(key=lambda p: (-p.severity.rank, p.repository, p.branch, p.identity))
    return rows


def _standing_after(connection: Connection, as_of: str, table: str) -> int:
    """Make a temporary table of the branch's standing after the run ``as_of``; return its id."""
    row = connection.execute(
        text("SELECT id, branch_id FROM run WHERE key = :key"), {"key": as_of}
    ).first()
    if row is None:
        raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(
        text(f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM standing WHERE 1 = 0")  # noqa: S608
    )
    connection.execute(text(f"CREATE UNIQUE INDEX {table}_key ON {table} (branch_id, finding_id)"))
    standing.replay(connection, row[1], until=row[0], table=table)
    return int(row[0])


def _problems(
    connection: Connection,
    table: str,
    repository: str | None,
    branch: str | None,
    file_decisions: Mapping[str, Triage],
    details: bool,
) -> Iterator[tuple[Problem, int, int, str, int]]:
    """Yield each problem with its branch, finding, component and missing tools (as bits).

    Missing are the tools that reported it earlier, but not in the run that saw it last.
    """
    values = {"repository": repository, "branch": branch}
    # Names and times are few. Joins would repeat them on every row.
    names = {
        number: (name, branch)
        for number, name, branch in connection.execute(
            text(f"SELECT b.id, r.name, b.name FROM {_BRANCHES}"),  # noqa: S608
            values,
        )
    }
    times = {
        number: from_text(at)
        for number, at in connection.execute(
            text(
                "SELECT id, started_at FROM run "  # noqa: S608
                f"WHERE branch_id IN (SELECT b.id FROM {_BRANCHES})"
            ),
            values,
        )
    }
    stored_decisions = {
        name: deciding.in_force(connection, name) for name in {name for name, _ in names.values()}
    }
    decided_as, today = _decided_identities(connection), utc_today()
    statement = text(_PROBLEMS.format(table=table, branches=_BRANCHES))
    for row in connection.execute(statement, values):
        branch_id, document, epss, baseline, first, last, fixed, reopened = row[:8]
        problem = decode(document, details=details)
        name, problem.branch = names[branch_id]
        problem.repository = name
        problem.epss, problem.baseline = epss, baseline
        problem.first_seen, problem.last_seen = times[first], times[last]
        problem.fixed_at, problem.reopened_at = times.get(fixed), times.get(reopened)
        stored = stored_decisions[name]
        if stored or file_decisions:
            identities = {problem.identity, *problem.known_as}
            identities.update(decided_as.get((name, problem.identity), ()))
            decisions = [
                source.get(identity)
                for identity in identities
                for source in (stored, file_decisions)
            ]
            problem.triage = _in_force(deciding.newest(decisions), problem, today)
        finding, component, knew, tools = row[8:]
        yield problem, branch_id, finding, component, 0 if fixed is not None else knew & ~tools


def _in_force(decision: Triage | None, problem: Problem, today: datetime.date) -> Triage | None:
    """Return ``decision`` unless it has expired, or says "fixed" and a later scan saw it."""
    if decision is None or (decision.expires is not None and decision.expires < today):
        return None
    seen = problem.last_seen
    seen_later = decision.at is not None and seen is not None and seen > decision.at
    return None if decision.state is State.FIXED and seen_later else decision


def _decided_identities(connection: Connection) -> dict[tuple[str, str], set[str]]:
    """Return, by repository and identity, the decided identities that include this one.

    When fewer tools run, a part of a group may remain: the decision on the whole group counts.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT r.name, a.identity, f.identity FROM decision d "
            "JOIN repository r ON r.id = d.repository_id "
            "JOIN finding f ON f.repository_id = d.repository_id AND f.identity = d.identity "
            "JOIN alias a ON a.finding_id = f.id WHERE d.undone_at IS NULL"
        )
    )
    decided: dict[tuple[str, str], set[str]] = {}
    for name, identity, whole in rows:
        decided.setdefault((name, identity), set()).add(whole)
    return decided


def first_seen(
    connection: Connection, repository: str, branch: str, identities: set[str]
) -> dict[str, datetime.datetime]:
    """Return the earliest time on the branch, or else on any branch of the repository."""
    rows = connection.execute(
        text(
            "SELECT f.identity, b.name, run.started_at FROM standing t "
            "JOIN branch b ON b.id = t.branch_id JOIN repository r ON r.id = b.repository_id "
            "JOIN finding f ON f.id = t.finding_id JOIN run ON run.id = t.first_run_id "
            "WHERE r.name = :repository"
        ),
        {"repository": repository},
    )
    on_branch: dict[str, str] = {}
    on_others: dict[str, str] = {}
    for identity, name, at in rows:
        if identity in identities:
            times = on_branch if name == branch else on_others
            times[identity] = min(at, times.get(identity, at))
    return {identity: from_text(at) for identity, at in (on_others | on_branch).items()}


def runs(
    connection: Connection, repository: str | None, branch: str | None, limit: int | None
) -> list[RunRecord]:
    """Return runs, newest first."""
    where = (
        "(CAST(:repository AS TEXT) IS NULL OR r.name = :repository) "
        "AND (CAST(:branch AS TEXT) IS NULL OR b.name = :branch)"
    )
    statement = _RUNS.format(where=where, limit="" if limit is None else "LIMIT :limit")
    values: dict[str, Any] = {"repository": repository, "branch": branch}
    if limit is not None:
        values["limit"] = limit
    return [_run(connection, row) for row in connection.execute(text(statement), values).all()]


def newest_runs(connection: Connection) -> list[RunRecord]:
    """Return the newest run of every branch, newest first."""
    rows = connection.execute(text(_RUNS.format(where=_NEWEST, limit=""))).all()
    return [_run(connection, row) for row in rows]


def branches(connection: Connection, repository: str | None) -> list[tuple[str, str]]:
    """Return every repository and branch that has a run."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT r.name, b.name FROM run JOIN branch b ON b.id = run.branch_id "
            "JOIN repository r ON r.id = b.repository_id "
            "WHERE CAST(:repository AS TEXT) IS NULL OR r.name = :repository ORDER BY 1, 2"
        ),
        {"repository": repository},
    )
    return [(name, branch) for name, branch in rows]


def run(connection: Connection, key: str) -> tuple[RunRecord, list[Problem]]:
    """Return a run and its problems as they were then."""
    statement = text(_RUNS.format(where="run.key = :key", limit=""))
    row = connection.execute(statement, {"key": key}).first()
    if row is None:
        raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
    sightings = connection.execute(
        text(
            "SELECT c.document, s.epss, s.baseline FROM sighting s "
            "JOIN content c ON c.id = s.content_id WHERE s.run_id = :run"
        ),
        {"run": row[0]},
    )
    record, rows = _run(connection, row), []
    for document, epss, baseline in sightings:
        problem = decode(document)
        problem.epss, problem.baseline = epss, baseline
        problem.repository, problem.branch = record.repository, record.branch
        rows.append(problem)
    rows.sort(key=lambda p: (-p.severity.rank, p.identity))
    return record, rows


def run_key(connection: Connection, beginning: str) -> str:
    """Return the key of the only run whose key begins with ``beginning``."""
    start = beginning.strip().lower()
    if not start or not start.isalnum():
        raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
    statement = text("SELECT key FROM run WHERE key LIKE :start ORDER BY key LIMIT 2")
    keys = connection.execute(statement, {"start": f"{start}%"}).scalars().all()
    if not keys:
        raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
    if len(keys) > 1:
        raise UsageError(f"several runs have a key that begins with {start}", hint=RUNS_HINT)
    return str(keys[0])


def run_of_commit(connection: Connection, repository: str, commit: str) -> RunRecord | None:
    """Return the newest run of a commit."""
    if len(commit) < 7 or not commit.isalnum():
        return None
    statement = _RUNS.format(
        where="r.name = :repository AND run.git_commit LIKE :commit", limit="LIMIT 1"
    )
    values = {"repository": repository, "commit": f"{commit.lower()}%"}
    row = connection.execute(text(statement), values).first()
    return None if row is None else _run(connection, row)


def _tool_run(columns: dict[str, Any]) -> ToolRunRecord:
    gaps = columns.pop("gaps")
    return ToolRunRecord(**columns, gaps=tuple(json.loads(gaps)) if gaps else ())


def _run(connection: Connection, row: Sequence[Any]) -> RunRecord:
    tools = connection.execute(
        text(
            "SELECT tool, component, mode, status, version, seconds, reason, gaps FROM tool_run "
            "WHERE run_id = :run ORDER BY number"
        ),
        {"run": row[0]},
    )
    covered = connection.execute(
        text(
            "SELECT t.name, c.component FROM covered c JOIN tool t ON t.id = c.tool_id "
            "WHERE c.run_id = :run ORDER BY 1, 2"
        ),
        {"run": row[0]},
    )
    return RunRecord(
        key=row[1],
        repository=row[2],
        branch=row[3],
        commit=row[4],
        started_at=from_text(row[5]),
        verdict=row[6],
        policy=row[7],
        by_severity=json.loads(row[8]),
        tools=tuple(_tool_run(tool._asdict()) for tool in tools),
        covered=tuple((tool, component) for tool, component in covered),
    )
