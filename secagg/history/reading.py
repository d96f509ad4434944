"""Questions to the store."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from secagg.errors import StoreError, UsageError
from secagg.history import deciding, lastword, standing
from secagg.history.document import decode
from secagg.history.engine import now, read
from secagg.model.problem import Problem, RunRecord, State, ToolRunRecord, Triage

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


def problems(
    connection: Connection,
    repository: str | None,
    branch: str | None,
    as_of: str | None,
    filed: Mapping[str, Triage] | None,
    *,
    details: bool = True,
) -> list[Problem]:
    """Problems that stand on the branches asked for, superseded ones left out."""
    table, until = "standing", None
    if as_of is not None:
        table = "standing_then"
        until = _standing_after(connection, as_of, table)
    # An identity says nothing of the repository.
    elsewhere = (filed or {}) if repository is not None else {}
    rows: list[Problem] = []
    unheard: dict[int, dict[int, tuple[str, int]]] = {}
    places: dict[tuple[int, int], int] = {}
    for problem, where, finding, component, missing in _problems(
        connection, table, repository, branch, elsewhere, details
    ):
        if missing:
            unheard.setdefault(where, {})[finding] = component, missing
            places[where, finding] = len(rows)
        rows.append(problem)
    for where, waiting in unheard.items():
        last_reports = lastword.still_said(connection, where, waiting, until=until, table=table)
        earlier = {
            content: (places[where, f], tool_mask)
            for f, (content, tool_mask) in last_reports.items()
        }
        lastword.hold(connection, rows, earlier, details=details)
    rows.sort(key=lambda p: (-p.severity.rank, p.repository, p.branch, p.identity))
    return rows


def _standing_after(connection: Connection, as_of: str, table: str) -> int:
    """The standing of the branch after the run ``as_of``, in a temporary table; that run's id."""
    row = connection.execute(
        text("SELECT id, branch_id FROM run WHERE key = :key"), {"key": as_of}
    ).first()
    if row is None:
        raise StoreError("no such run in the store", hint=RUNS_HINT)
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
    filed: Mapping[str, Triage],
    details: bool,
) -> Iterator[tuple[Problem, int, int, str, int]]:
    """Each problem with its branch, its finding, its component, and the tools that knew it (as
    bits) and did not see it when it was seen last."""
    asked = {"repository": repository, "branch": branch}
    # Names and times are few and looked up here: joins would repeat them on every row.
    names = {
        number: (name, branch)
        for number, name, branch in connection.execute(
            text(f"SELECT b.id, r.name, b.name FROM {_BRANCHES}"),  # noqa: S608
            asked,
        )
    }
    times = {
        number: read(at)
        for number, at in connection.execute(
            text(
                "SELECT id, started_at FROM run "  # noqa: S608
                f"WHERE branch_id IN (SELECT b.id FROM {_BRANCHES})"
            ),
            asked,
        )
    }
    decided = {
        name: deciding.in_force(connection, name) for name in {name for name, _ in names.values()}
    }
    linked, today = _links(connection), now().date()
    statement = text(_PROBLEMS.format(table=table, branches=_BRANCHES))
    for row in connection.execute(statement, asked):
        where, document, epss, baseline, first, last, fixed, reopened = row[:8]
        problem = decode(document, details=details)
        name, problem.branch = names[where]
        problem.repository = name
        problem.epss, problem.baseline = epss, baseline
        problem.first_seen, problem.last_seen = times[first], times[last]
        problem.fixed_at, problem.reopened_at = times.get(fixed), times.get(reopened)
        made = decided[name]
        if made or filed:
            identities = {problem.identity, *problem.known_as}
            identities.update(linked.get((name, problem.identity), ()))
            decisions_of_row = [
                decisions.get(one) for one in identities for decisions in (made, filed)
            ]
            problem.triage = _holding(deciding.newest(decisions_of_row), problem, today)
        finding, component, knew, tools = row[8:]
        yield problem, where, finding, component, 0 if fixed is not None else knew & ~tools


def _holding(made: Triage | None, problem: Problem, today: datetime.date) -> Triage | None:
    """``made`` unless its day is over, or a later scan has seen what it calls fixed."""
    if made is None or (made.expires is not None and made.expires < today):
        return None
    seen = problem.last_seen
    disproved = made.at is not None and seen is not None and seen > made.at
    return None if made.state is State.FIXED and disproved else made


def _links(connection: Connection) -> dict[tuple[str, str], set[str]]:
    """By repository and identity: the identities that were known as this one and are decided on.

    A decision on the whole holds for what is left of it when fewer tools run.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT r.name, a.identity, f.identity FROM decision d "
            "JOIN repository r ON r.id = d.repository_id "
            "JOIN finding f ON f.repository_id = d.repository_id AND f.identity = d.identity "
            "JOIN alias a ON a.finding_id = f.id WHERE d.undone_at IS NULL"
        )
    )
    links: dict[tuple[str, str], set[str]] = {}
    for name, identity, whole in rows:
        links.setdefault((name, identity), set()).add(whole)
    return links


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
    here: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    for identity, name, at in rows:
        if identity in identities:
            dates = here if name == branch else elsewhere
            dates[identity] = min(at, dates.get(identity, at))
    return {identity: read(at) for identity, at in (elsewhere | here).items()}


_RUNS = """
SELECT run.id, run.key, r.name, b.name, run.git_commit, run.started_at, run.verdict, run.policy,
       run.by_severity
FROM run JOIN branch b ON b.id = run.branch_id JOIN repository r ON r.id = b.repository_id
WHERE {where} ORDER BY run.started_at DESC, run.key DESC {limit}
"""


def runs(
    connection: Connection, repository: str | None, branch: str | None, limit: int | None
) -> list[RunRecord]:
    """Runs, newest first."""
    where = (
        "(CAST(:repository AS TEXT) IS NULL OR r.name = :repository) "
        "AND (CAST(:branch AS TEXT) IS NULL OR b.name = :branch)"
    )
    statement = _RUNS.format(where=where, limit="" if limit is None else "LIMIT :limit")
    values: dict[str, Any] = {"repository": repository, "branch": branch}
    if limit is not None:
        values["limit"] = limit
    return [_run(connection, row) for row in connection.execute(text(statement), values).all()]


_NEWEST = """run.id = (SELECT x.id FROM run x WHERE x.branch_id = run.branch_id
ORDER BY x.started_at DESC, x.key DESC LIMIT 1)"""


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
        raise StoreError("no such run in the store", hint=RUNS_HINT)
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
    """Return the key of the only run whose key begins so."""
    start = beginning.strip().lower()
    if not start or not start.isalnum():
        raise StoreError("no such run in the store", hint=RUNS_HINT)
    statement = text("SELECT key FROM run WHERE key LIKE :start ORDER BY key LIMIT 2")
    keys = connection.execute(statement, {"start": f"{start}%"}).scalars().all()
    if not keys:
        raise StoreError("no such run in the store", hint=RUNS_HINT)
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
        started_at=read(row[5]),
        verdict=row[6],
        policy=row[7],
        by_severity=json.loads(row[8]),
        tools=tuple(_tool_run(tool._asdict()) for tool in tools),
        covered=tuple((tool, component) for tool, component in covered),
    )
