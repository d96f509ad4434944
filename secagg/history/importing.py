"""Record one scan in the store, in one transaction."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, select, text, update

from secagg.errors import StoreError
from secagg.history import current, replay, sightings
from secagg.history import tables as t
from secagg.history.bulk import select_in
from secagg.history.contents import Known, WrittenProblem, write_aliases, write_contents
from secagg.history.engine import in_utc, to_text
from secagg.history.sightings import EPSS, SIGHTINGS, RunPlace, at_run
from secagg.history.standing import Standing
from secagg.model.problem import Problem, RunRecord
from secagg.system.dates import utc_now

# Tools are bits of a signed 64-bit number.
_MOST_TOOLS = 62
# Of these so many may have a name that is not reserved, if only some names are.
_MOST_OTHER_TOOLS = 10
# Clocks differ, and a scan that has just begun is not from the future.
_CLOCK_SKEW = datetime.timedelta(minutes=10)


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
    *,
    reserved_tools: Set[str] | None = None,
) -> ImportedRun:
    """Record ``run`` and its problems, unless a run with this key is recorded already.

    ``covered`` are (tool, component) where the tool looked at everything in the component (``.``
    is the whole tree): only problems that these tools no longer see are fixed. With
    ``reserved_tools`` a run brings few names of other tools, so that these keep their places.
    """
    repository, now = _locked_repository(connection, run.repository, run.default_branch)
    recorded, branch, previous, following = _neighbours(connection, repository, run)
    if recorded is not None:
        return ImportedRun(again=True)
    _refuse_future(run, now)
    if branch is None:
        branch = _insert_branch(connection, repository, run.branch)
    tools = {tool for problem in problems for tool in problem.tools}
    covered = set(covered)
    bits = _tool_bits(connection, tools | {tool for tool, _ in covered}, reserved_tools)
    run_id = _insert_run(connection, run, branch)
    _insert_tool_runs(connection, run, run_id, covered, bits)
    place = RunPlace(branch, run_id, previous, following)
    if following is None:
        return _record_newest(connection, repository, place, problems, bits, covered)
    return _record_late(connection, repository, place, problems, bits)


def _record_newest(
    connection: Connection,
    repository: int,
    place: RunPlace,
    problems: Sequence[Problem],
    bits: Mapping[str, int],
    covered: Iterable[tuple[str, str]],
) -> ImportedRun:
    """Record what the branch's newest run saw: what has changed since the run before."""
    known: dict[str, Known] = {}
    last: dict[int, tuple[Any, ...]] = {}
    last_epss: dict[int, tuple[Any, ...]] = {}
    unfixed: dict[int, Sequence[Any]] = {}
    for row in _unfixed(connection, place):
        identity, digest, finding, _, last_run, _, _, content, baseline, _, _, _, epss = row
        unfixed[finding] = row[3:]
        if last_run is None:
            known[identity] = Known(finding, content, digest)
            last[finding] = content, baseline
            if epss is not None:
                last_epss[finding] = (epss,)
    written = write_contents(connection, repository, problems, bits, known)
    opened, closed = sightings.append(connection, SIGHTINGS, place, _values(written), last)
    changed_epss = sightings.append(connection, EPSS, place, _epss(written), last_epss)
    # The standings of what is opened are written below.
    _set_epss(connection, place, written, (changed_epss[0] | changed_epss[1]) - opened)
    write_aliases(connection, place, [written[finding] for finding in opened])
    standings = replay.advance(
        connection,
        place,
        {finding: one.seen for finding, one in written.items()},
        {finding: one.problem.epss for finding, one in written.items()},
        unfixed,
        _bits_by_component(covered, bits),
        opened=opened,
        gone=closed - written.keys(),
    )
    changed = {
        f for f, one in standings.items() if place.run in (one.last, one.fixed, one.superseded)
    }
    changed |= opened | closed | changed_epss[0] | changed_epss[1]
    current.after_import(connection, place.branch, changed, opened, written)
    return _changes(place.run, standings, written)


def _record_late(
    connection: Connection,
    repository: int,
    place: RunPlace,
    problems: Sequence[Problem],
    bits: Mapping[str, int],
) -> ImportedRun:
    """Record what a run saw that has later ones: what differs from the runs beside it."""
    written = write_contents(connection, repository, problems, bits, {})
    changed, before = sightings.insert(connection, SIGHTINGS, place, _values(written))
    sightings.insert(connection, EPSS, place, _epss(written))
    write_aliases(connection, place, [written[f] for f in changed if f in written])
    standings = replay.replay(connection, place, changed=changed, before=before, seen=written)
    current.after_import(connection, place.branch, standings, changed, written)
    return _changes(place.run, standings, written)


def _locked_repository(
    connection: Connection, name: str, default_branch: str | None
) -> tuple[int, datetime.datetime]:
    """Lock the repository, which is added if it is new; return its id, and the database's time.

    ``default_branch`` is written unless it is None.
    """
    statement = (
        select(t.repository.c.id, t.repository.c.default_branch, func.current_timestamp())
        .where(t.repository.c.name == name)
        .with_for_update(key_share=True)
    )
    row = connection.execute(statement).first()
    if row is None:
        # Another process may add it at the same time.
        added = text("INSERT INTO repository (name) VALUES (:name) ON CONFLICT DO NOTHING")
        connection.execute(added, {"name": name})
        row = connection.execute(statement).one()
    number, stored_default, now = row
    if default_branch not in (None, stored_default):
        connection.execute(
            update(t.repository)
            .where(t.repository.c.id == number)
            .values(default_branch=default_branch)
        )
    return number, in_utc(now)


_NEIGHBOURS = text(
    """
SELECT (SELECT id FROM run WHERE key = :key), b.id,
  (SELECT id FROM run WHERE branch_id = b.id AND (started_at, key) < (:started, :key)
   ORDER BY started_at DESC, key DESC LIMIT 1),
  (SELECT id FROM run WHERE branch_id = b.id AND (started_at, key) > (:started, :key)
   ORDER BY started_at, key LIMIT 1)
FROM (SELECT 1) one LEFT JOIN branch b ON b.repository_id = :repository AND b.name = :branch
"""
)


def _neighbours(connection: Connection, repository: int, run: RunRecord) -> Any:
    """Return the ids of the run itself if it is recorded, its branch, and the runs beside it."""
    values = {
        "key": run.key,
        "started": to_text(run.started_at),
        "repository": repository,
        "branch": run.branch,
    }
    return connection.execute(_NEIGHBOURS, values).one()


def _insert_branch(connection: Connection, repository: int, name: str) -> int:
    statement = text(
        "INSERT INTO branch (repository_id, name) VALUES (:repository, :name) RETURNING id"
    )
    values = {"repository": repository, "name": name}
    return int(connection.execute(statement, values).scalar_one())


def _unfixed(connection: Connection, place: RunPlace) -> Iterator[Any]:
    """Yield what the run before saw, and what is open though it did not see it.

    The rows are an identity, the digest of a content, a finding, and :data:`replay.STANDING`.
    """
    if place.previous is None:
        return
    rows = connection.execute(
        select(t.finding.c.identity, t.content.c.digest, t.standing.c.finding_id, *replay.STANDING)
        .join(t.finding, t.finding.c.id == t.standing.c.finding_id)
        .join(t.content, t.content.c.id == t.standing.c.content_id)
        .where(
            t.standing.c.branch_id == place.branch,
            t.standing.c.fixed_run_id.is_(None),
            t.standing.c.superseded_run_id.is_(None),
        )
    )
    for some in rows.partitions(1000):
        yield from some


def _bits_by_component(
    covered: Iterable[tuple[str, str]], bits: Mapping[str, int]
) -> dict[str, int]:
    """Return, by component, the tools (as bits) that looked at everything in it."""
    by_component: dict[str, int] = {}
    for tool, component in covered:
        by_component[component] = by_component.get(component, 0) | bits[tool]
    return by_component


def _values(written: Mapping[int, WrittenProblem]) -> dict[int, tuple[Any, ...]]:
    return {finding: (one.seen.content, one.seen.baseline) for finding, one in written.items()}


def _epss(written: Mapping[int, WrittenProblem]) -> dict[int, tuple[Any, ...]]:
    return {f: (one.problem.epss,) for f, one in written.items() if one.problem.epss is not None}


def _set_epss(
    connection: Connection,
    place: RunPlace,
    written: Mapping[int, WrittenProblem],
    changed: Set[int],
) -> None:
    """Set the EPSS values in the standings of what is seen again."""
    rows = [
        {"finding": finding, "value": written[finding].problem.epss}
        for finding in changed
        if finding in written
    ]
    if rows:
        connection.execute(
            update(t.standing)
            .where(
                t.standing.c.branch_id == place.branch,
                t.standing.c.finding_id == bindparam("finding"),
            )
            .values(epss=bindparam("value")),
            rows,
        )


def _changes(
    run: int, standings: Mapping[int, Standing], seen: Mapping[int, WrittenProblem]
) -> ImportedRun:
    """Count the changes of a run. No standing but ``standings`` can name it."""
    new = sum(one.first == run for finding, one in standings.items() if finding in seen)
    reopened = sum(one.reopened == run for finding, one in standings.items() if finding in seen)
    fixed = sum(one.fixed == run for one in standings.values())
    return ImportedRun(
        new=new, reopened=reopened, fixed=fixed, unchanged=len(seen) - new - reopened
    )


def _refuse_future(run: RunRecord, now: datetime.datetime) -> None:
    """Raise :class:`StoreError` for a scan from the future; ``now`` is the database's time.

    It would stay the newest of its branch, and what later scans see would count as seen before.
    """
    started = run.started_at
    if started.tzinfo is None:
        started = started.replace(tzinfo=datetime.UTC)
    if started > now + _CLOCK_SKEW:
        raise StoreError(
            f"the scan of {run.repository} is dated in the future: it began at "
            f"{started:%Y-%m-%d %H:%M} UTC, and the store's clock says {now:%Y-%m-%d %H:%M}",
            hint="set the clock of the machine that scanned, or correct the time in the report",
        )


def lock(connection: Connection, repository: int) -> None:
    """Lock the repository for one import at a time; SQLite allows only one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            # Decisions refer to the row, and need not wait for an import.
            select(t.repository.c.id)
            .where(t.repository.c.id == repository)
            .with_for_update(key_share=True)
        )


def _tool_bits(
    connection: Connection, names: Iterable[str], reserved: Set[str] | None
) -> dict[str, int]:
    """Return the bit of each tool."""
    numbers = _tool_numbers(connection)
    if unknown := sorted(set(names) - set(numbers)):
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE tool IN SHARE ROW EXCLUSIVE MODE"))
        # Another process may have added some until it gave the lock away.
        numbers = _tool_numbers(connection)
        if reserved is not None:
            _refuse_other_tools(numbers.keys(), unknown, reserved)
        # A database's own numbers would have gaps, and there are few.
        free = iter(sorted({*range(1, _MOST_TOOLS + 1)} - {*numbers.values()}))
        for name in (name for name in unknown if name not in numbers):
            number = next(free, None)
            if number is None:
                raise StoreError(f"the store cannot keep more than {_MOST_TOOLS} tools apart")
            connection.execute(insert(t.tool).values(id=number, name=name))
            numbers[name] = number
    return {name: 1 << numbers[name] for name in names}


def _refuse_other_tools(existing: Set[str], names: Iterable[str], reserved: Set[str]) -> None:
    """Raise :class:`StoreError` if new ``names`` would take the places of ``reserved`` ones."""
    new = sorted({*names} - existing - reserved)
    places = min(_MOST_OTHER_TOOLS, _MOST_TOOLS - len(reserved))
    if new and len(existing - reserved) + len(new) > places:
        raise StoreError(
            f"the store has no place for the tool {new[0][:100]!r}, which secagg does not know",
            hint="name it under tools: in the settings of secagg serve",
        )


def _tool_numbers(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(t.tool.c.name, t.tool.c.id))
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


def changes(connection: Connection, keys: Sequence[str]) -> dict[str, ImportedRun]:
    """Return the changes of each run on its branch; unknown keys are left out."""
    runs = select(t.run.c.key, t.run.c.branch_id, t.run.c.id)
    rows = list(select_in(connection, runs, t.run.c.key, keys))
    return {key: _counts(connection, branch, run) for key, branch, run in rows}


def _counts(connection: Connection, branch: int, run_id: int) -> ImportedRun:
    """Count the changes of a run by the branch's history as it is now."""
    rows = at_run(
        SIGHTINGS,
        branch,
        run_id,
        func.count(),
        func.coalesce(func.sum(case((t.standing.c.first_run_id == run_id, 1), else_=0)), 0),
        func.coalesce(func.sum(case((t.standing.c.reopened_run_id == run_id, 1), else_=0)), 0),
    ).join(
        t.standing,
        and_(
            t.standing.c.branch_id == t.sighting.c.branch_id,
            t.standing.c.finding_id == t.sighting.c.finding_id,
        ),
    )
    total, new, reopened = (int(value) for value in connection.execute(rows).one())
    fixed = connection.execute(
        select(func.count()).where(
            t.standing.c.branch_id == branch, t.standing.c.fixed_run_id == run_id
        )
    ).scalar_one()
    return ImportedRun(new=new, reopened=reopened, fixed=fixed, unchanged=total - new - reopened)
