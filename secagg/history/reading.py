"""Read problems and runs from the store."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text

from secagg.errors import StoreError, UsageError
from secagg.history import carryover, deciding, replay
from secagg.history import tables as t
from secagg.history.bulk import select_in
from secagg.history.document import decode
from secagg.history.engine import from_text
from secagg.history.sightings import EPSS, SIGHTINGS, at_run, intervals_at
from secagg.history.standing import Standing
from secagg.model.approval import DecisionsMade, settle
from secagg.model.problem import Problem, RunRecord, State, ToolRunRecord, Triage
from secagg.system.dates import utc_today

NO_SUCH_RUN = "no such run in the store"
RUNS_HINT = "secagg runs lists them"

_RUNS = """
SELECT run.id, run.key, r.name, b.name, run.git_commit, run.started_at, run.verdict, run.policy,
       run.by_severity
FROM run JOIN branch b ON b.id = run.branch_id JOIN repository r ON r.id = b.repository_id
WHERE {where} ORDER BY run.started_at DESC, run.key DESC {limit}
"""
_NEWEST_RUNS = """run.id = (SELECT x.id FROM run x WHERE x.branch_id = run.branch_id
ORDER BY x.started_at DESC, x.key DESC LIMIT 1)"""


def problems(
    connection: Connection,
    repository: str | None,
    branch: str | None,
    as_of: str | None,
    file_decisions: Mapping[str, Triage] | None,
    *,
    details: bool = True,
    default_branches: bool = False,
) -> list[Problem]:
    """Return the problems of the branches, open or fixed, without superseded ones."""
    chosen = branches_of(connection, repository, branch, default_only=default_branches)
    # Identities do not name their repository, so a file's decisions are of one only.
    decisions = (file_decisions or {}) if repository is not None else {}
    then = None if as_of is None else _run_of_key(connection, as_of)
    rows: list[Problem] = []
    missing_by_branch: dict[int, dict[int, tuple[int, str, int]]] = {}
    for problem, branch_id, finding, component, missing in _problems(
        connection, then, chosen, decisions, details
    ):
        if missing:
            of_branch = missing_by_branch.setdefault(branch_id, {})
            of_branch[finding] = len(rows), component, missing
        rows.append(problem)
    until = None if then is None else then[0]
    for branch_id, of_branch in missing_by_branch.items():
        carryover.carry_over(connection, branch_id, of_branch, rows, until=until, details=details)
    rows.sort(key=lambda p: (-p.severity.rank, p.repository, p.branch, p.identity))
    return rows


def _run_of_key(connection: Connection, key: str) -> tuple[int, int]:
    """Return the ids of a run and of its branch."""
    statement = select(t.run.c.id, t.run.c.branch_id).where(t.run.c.key == key)
    row = connection.execute(statement).first()
    if row is None or row[0] is None:
        raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
    return row[0], row[1]


def _problems(
    connection: Connection,
    then: tuple[int, int] | None,
    names: Mapping[int, tuple[str, str]],
    file_decisions: Mapping[str, Triage],
    details: bool,
) -> Iterator[tuple[Problem, int, int, str, int]]:
    """Yield each problem with its branch, finding, component and missing tools (as bits).

    Missing are the tools that reported it earlier, but not in the run that saw it last. ``then`` is
    a run and its branch: the branch after that run. ``names`` are the repository and the name of
    each branch.
    """
    # Times are few. Joins would repeat them on every row.
    times: dict[int | None, datetime.datetime] = {}
    newest: dict[int, datetime.datetime] = {}
    statement = select(t.run.c.id, t.run.c.branch_id, t.run.c.started_at)
    for number, branch_id, at in select_in(
        connection, statement.order_by(t.run.c.started_at), t.run.c.branch_id, names
    ):
        times[number] = newest[branch_id] = from_text(at)
    stored_decisions = deciding.made_in(connection, {name for name, _ in names.values()})
    today = utc_today()
    rows = _standing_now(connection, names) if then is None else _standing_then(connection, then)
    for branch_id, finding, standing, document, tools in rows:
        if branch_id not in names:
            continue
        problem = decode(document, details=details)
        name, problem.branch = names[branch_id]
        problem.repository = name
        problem.epss, problem.baseline = standing.epss, standing.baseline
        problem.first_seen = times[standing.first]
        problem.last_seen = times.get(standing.last, newest[branch_id])
        problem.fixed_at = times.get(standing.fixed)
        problem.reopened_at = times.get(standing.reopened)
        stored = stored_decisions.get(name, DecisionsMade())
        if stored.by_identity or file_decisions:
            made = stored.on(problem.identity, problem.known_as, today)[-1:]
            ids = stored.names_of(problem.identity, problem.known_as) if file_decisions else ()
            filed = (file_decisions.get(one) for one in ids)
            settle(problem, in_force(deciding.newest([*made, *filed]), problem, today))
        missing = 0 if standing.fixed is not None else standing.knew & ~tools
        yield problem, branch_id, finding, standing.component, missing


# A run's id is never that.
_NEWEST = -1

_Row = tuple[int, int, Standing, str, int]
"""A branch, a finding, its standing, its document and the tools (as bits) that reported it."""


def _standing_now(connection: Connection, branches: Iterable[int]) -> Iterator[_Row]:
    """Yield the problems of the branches as they are after the newest runs."""
    statement = (
        select(
            t.standing.c.branch_id,
            t.standing.c.finding_id,
            *replay.STANDING,
            t.content.c.document,
            t.content.c.tools,
        )
        .join(t.content, t.content.c.id == t.standing.c.content_id)
        .where(t.standing.c.superseded_run_id.is_(None))
    )
    rows = select_in(connection, statement, t.standing.c.branch_id, branches)
    for branch_id, finding, *standing, document, tools in rows:
        yield branch_id, finding, replay.standing_of(standing, _NEWEST), document, tools


def _standing_then(connection: Connection, then: tuple[int, int]) -> Iterator[_Row]:
    """Yield the problems of a branch as they were after a run."""
    run, branch = then
    standings = replay.standings_after(connection, branch, run)
    by_content = {
        one.content: (finding, one) for finding, one in standings.items() if one.superseded is None
    }
    statement = select(t.content.c.id, t.content.c.document, t.content.c.tools)
    for content, document, tools in select_in(connection, statement, t.content.c.id, by_content):
        finding, standing = by_content[content]
        yield branch, finding, standing, document, tools


def in_force(decision: Triage | None, problem: Problem, today: datetime.date) -> Triage | None:
    """Return ``decision`` unless it has expired, or says "fixed" and a later scan saw it."""
    if decision is None or (decision.expires is not None and decision.expires < today):
        return None
    seen = problem.last_seen
    seen_later = decision.at is not None and seen is not None and seen > decision.at
    return None if decision.state is State.FIXED and seen_later else decision


def first_seen(
    connection: Connection, repository: str, branch: str, identities: set[str]
) -> dict[str, datetime.datetime]:
    """Return the earliest time on the branch, or else on any branch of the repository."""
    statement = (
        select(t.finding.c.identity, t.branch.c.name, t.run.c.started_at)
        .join(t.standing, t.standing.c.finding_id == t.finding.c.id)
        .join(t.branch, t.branch.c.id == t.standing.c.branch_id)
        .join(t.run, t.run.c.id == t.standing.c.first_run_id)
        .join(t.repository, t.repository.c.id == t.branch.c.repository_id)
        .where(
            t.repository.c.name == repository,
            t.finding.c.repository_id == t.repository.c.id,
        )
    )
    on_branch: dict[str, str] = {}
    on_others: dict[str, str] = {}
    rows = select_in(connection, statement, t.finding.c.identity, identities)
    for identity, name, at in rows:
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
    return _run_records(connection, connection.execute(text(statement), values).all())


def newest_runs(connection: Connection, *, default_branches: bool = False) -> list[RunRecord]:
    """Return the newest run of every branch, or of every default branch, newest first."""
    rows = connection.execute(text(_RUNS.format(where=_NEWEST_RUNS, limit=""))).all()
    if default_branches:
        chosen = set(branches_of(connection, None, None, default_only=True).values())
        rows = [row for row in rows if (row[2], row[3]) in chosen]
    return _run_records(connection, rows)


# Names of default branches, for repositories of which no scan told it.
_USUAL = ("main", "master", "trunk", "develop", "HEAD")
# How the branches of pull requests begin (:func:`secagg.pipeline.origin.origin_of`).
_PULL_REQUEST = "pull request: "


def branches_of(
    connection: Connection, repository: str | None, branch: str | None, *, default_only: bool
) -> dict[int, tuple[str, str]]:
    """Return the repository and name of each branch by its id: all for None.

    With ``default_only`` it is one for each repository: the one that a scan named as the default
    branch, else one with a usual name, else the one that was scanned last, a pull request's last.
    """
    statement = (
        select(
            t.branch.c.id,
            t.repository.c.name,
            t.branch.c.name,
            t.repository.c.default_branch,
            select(func.max(t.run.c.started_at))
            .where(t.run.c.branch_id == t.branch.c.id)
            .scalar_subquery(),
        )
        .join(t.repository, t.repository.c.id == t.branch.c.repository_id)
        .order_by(t.repository.c.name, t.branch.c.name)
    )
    if repository is not None:
        statement = statement.where(t.repository.c.name == repository)
    if branch is not None:
        statement = statement.where(t.branch.c.name == branch)
    all_branches = [tuple(row) for row in connection.execute(statement)]
    if default_only:
        by_rank = sorted(all_branches, key=_default_rank)
        first = {name: number for number, name, *_ in reversed(by_rank)}
        all_branches = [row for row in all_branches if first[row[1]] == row[0]]
    return {number: (name, branch) for number, name, branch, *_ in all_branches}


def _default_rank(row: Sequence[Any]) -> tuple[bool, int, bool, int, str]:
    """Return the sort key that puts the most likely default branch first."""
    _, _, branch, default, newest = row
    usual = _USUAL.index(branch) if branch in _USUAL else len(_USUAL)
    scanned = 0 if newest is None else -int(from_text(newest).timestamp())
    return branch != default, usual, branch.startswith(_PULL_REQUEST), scanned, branch


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
    sightings = _sightings_of(connection, row[0])
    record, rows = _run(connection, row), []
    for document, epss, baseline in sightings:
        problem = decode(document)
        problem.epss, problem.baseline = epss, baseline
        problem.repository, problem.branch = record.repository, record.branch
        rows.append(problem)
    rows.sort(key=lambda p: (-p.severity.rank, p.identity))
    return record, rows


def _sightings_of(connection: Connection, run: int) -> Iterator[Any]:
    """Yield the document, EPSS value and baseline of each problem that a run saw."""
    of_run = select(t.run.c.branch_id).where(t.run.c.id == run)
    branch = connection.execute(of_run).scalar_one()
    epss = {
        finding: interval.value[0]
        for finding, interval in intervals_at(connection, EPSS, branch, run).items()
    }
    columns = t.sighting.c.finding_id, t.content.c.document, t.sighting.c.baseline
    rows = at_run(SIGHTINGS, branch, run, *columns).join(
        t.content, t.content.c.id == t.sighting.c.content_id
    )
    for finding, document, baseline in connection.execute(rows):
        yield document, epss.get(finding), baseline


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


def _run_records(connection: Connection, rows: Sequence[Any]) -> list[RunRecord]:
    """Return the runs of ``rows``, as :data:`_RUNS` selects them, with their tools."""
    numbers = [row[0] for row in rows]
    tools: defaultdict[int, list[ToolRunRecord]] = defaultdict(list)
    columns = [t.tool_run.c[name] for name in _OF_TOOL_RUN]
    statement = select(t.tool_run.c.run_id, t.tool_run.c.gaps, *columns).order_by(
        t.tool_run.c.run_id, t.tool_run.c.number
    )
    for run, gaps, *values in select_in(connection, statement, t.tool_run.c.run_id, numbers):
        found = tuple(json.loads(gaps)) if gaps else ()
        of_tool = dict(zip(_OF_TOOL_RUN, values, strict=True))
        tools[run].append(ToolRunRecord(**of_tool, gaps=found))
    covered: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    looks = (
        select(t.covered.c.run_id, t.tool.c.name, t.covered.c.component)
        .join(t.tool, t.tool.c.id == t.covered.c.tool_id)
        .order_by(t.tool.c.name, t.covered.c.component)
    )
    for run, tool, component in select_in(connection, looks, t.covered.c.run_id, numbers):
        covered[run].append((tool, component))
    return [
        RunRecord(
            key=row[1],
            repository=row[2],
            branch=row[3],
            commit=row[4],
            started_at=from_text(row[5]),
            verdict=row[6],
            policy=row[7],
            by_severity=json.loads(row[8]),
            tools=tuple(tools[row[0]]),
            covered=tuple(covered[row[0]]),
        )
        for row in rows
    ]


_OF_TOOL_RUN = ("tool", "component", "mode", "status", "version", "seconds", "reason")


def _run(connection: Connection, row: Sequence[Any]) -> RunRecord:
    (record,) = _run_records(connection, [row])
    return record
