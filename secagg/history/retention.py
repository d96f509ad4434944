"""Thin out old runs, and forget branches and repositories.

A run that is thinned out leaves no gap: what its neighbours saw counts for its time. Runs that the
history of a problem names stay: those in which it was first seen, last seen, fixed or reopened. So
every problem has the same standing before and after, and a run that is imported late still finds
its place. Decisions and the audit log are not touched.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, select

from secagg.errors import StoreError
from secagg.history import audit, current, replay
from secagg.history import tables as t
from secagg.history.bulk import chunks, insert_rows, select_in
from secagg.history.engine import from_text, repository_id_of
from secagg.history.importing import lock
from secagg.history.replay import Runs
from secagg.history.sightings import EPSS, KEY, SIGHTINGS, Track
from secagg.history.standing import Intervals

# Until they are a year old one run a week is kept, from then on one a month.
_YEAR = datetime.timedelta(days=365)
_OF_RUN = (t.covered, t.tool_run, t.upload)
_OF_BRANCH = (t.sighting, t.epss, t.alias, t.standing, t.current_problem, t.current_text)

_Spans = dict[int, list[tuple[int, int, tuple[Any, ...]]]]
"""By finding, the first and last position of each interval, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many rows were removed, or would be."""

    runs: int = 0
    contents: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(runs=self.runs + other.runs, contents=self.contents + other.contents)


def repositories(connection: Connection) -> list[str]:
    """Return the names of all repositories."""
    rows = connection.execute(select(t.repository.c.name).order_by(t.repository.c.name))
    return list(rows.scalars())


def prune(connection: Connection, repository: str, before: datetime.datetime) -> Removed:
    """Thin out the runs of a repository from ``before``; return what was removed.

    The newest run of each branch stays, and so does the newest of each week, or of each month
    where it is a year older than ``before``.
    """
    number = repository_id_of(connection, repository)
    lock(connection, number)
    removed = Removed()
    for branch in _branches(connection, number):
        runs = Runs(connection, branch)
        intervals = replay.intervals_of(connection, runs, None)
        kept = _kept_by_time(connection, runs, before)
        if len(kept) < len(runs.ids):
            kept |= _kept_by_history(connection, runs, intervals)
        gone = [run for position, run in enumerate(runs.ids) if position not in kept]
        if not gone:
            continue
        remaining = sorted(kept)
        values = _thin_out(connection, runs, SIGHTINGS, remaining)
        _thin_out(connection, runs, EPSS, remaining)
        _delete_runs(connection, gone)
        unused = _unused_contents(connection, number, {value[0] for value in values})
        _delete(connection, t.content, t.content.c.id, unused)
        current.refresh(connection, branch, None)
        removed += Removed(runs=len(gone), contents=len(unused))
    return removed


def forget(connection: Connection, repository: str, branch: str | None, who: str) -> Removed:
    """Remove a branch, or all of a repository with its decisions; the audit log says so.

    Raises :class:`StoreError` for one that the store does not know.
    """
    number = repository_id_of(connection, repository)
    lock(connection, number)
    branches = _branches(connection, number, branch)
    runs = [run for one in branches for run in Runs(connection, one).ids]
    findings = select(t.finding.c.id).where(t.finding.c.repository_id == number)
    for table in _OF_BRANCH:
        _delete(connection, table, table.c.branch_id, branches)
    _delete_runs(connection, runs)
    _delete(connection, t.branch, t.branch.c.id, branches)
    remaining = _branches(connection, number)
    used = (
        select(t.standing.c.content_id)
        .where(t.standing.c.branch_id.in_(remaining))
        .union(select(t.sighting.c.content_id).where(t.sighting.c.branch_id.in_(remaining)))
    )
    contents = connection.execute(
        delete(t.content).where(t.content.c.finding_id.in_(findings), t.content.c.id.not_in(used))
    ).rowcount
    # A decision goes by the identity of its finding.
    decided = select(t.decision.c.identity).where(t.decision.c.repository_id == number)
    remaining_findings = select(t.standing.c.finding_id).where(
        t.standing.c.branch_id.in_(remaining)
    )
    rest = delete(t.finding).where(
        t.finding.c.repository_id == number, t.finding.c.id.not_in(remaining_findings)
    )
    if branch is None:
        _delete(connection, t.decision, t.decision.c.repository_id, [number])
        _delete(connection, t.alert, t.alert.c.repository_id, [number])
    else:
        rest = rest.where(t.finding.c.identity.not_in(decided))
    connection.execute(rest)
    for one in remaining:
        # A decision may have been about its problems by way of the branch that is gone.
        current.refresh(connection, one, None)
    if branch is None:
        _delete(connection, t.repository, t.repository.c.id, [number])
    subject = repository if branch is None else f"{repository} {branch}"
    audit.add(connection, [audit.change(who, "forget", subject)])
    return Removed(runs=len(runs), contents=contents)


def _branches(connection: Connection, repository: int, name: str | None = None) -> list[int]:
    """Return the ids of the repository's branches, or of the one with ``name``.

    Raises :class:`StoreError` if it has no branch of that name.
    """
    statement = select(t.branch.c.id).where(t.branch.c.repository_id == repository)
    if name is not None:
        statement = statement.where(t.branch.c.name == name)
    branches = [number for number in connection.execute(statement).scalars() if number is not None]
    if name is not None and not branches:
        raise StoreError(
            f"the store knows no branch {name} of this repository",
            hint="secagg report --all-repos lists every branch",
        )
    return branches


def _kept_by_time(connection: Connection, runs: Runs, before: datetime.datetime) -> set[int]:
    """Return the positions of runs that stay: all from ``before`` on, and then fewer."""
    statement = select(t.run.c.id, t.run.c.started_at).where(t.run.c.branch_id == runs.branch)
    times = {run: from_text(at) for run, at in connection.execute(statement)}
    newest: dict[tuple[str, int, int], int] = {}
    kept = {len(runs.ids) - 1} if runs.ids else set()
    for position, run in enumerate(runs.ids):
        at = times[run]
        if at >= before:
            kept.add(position)
        elif at >= before - _YEAR:
            newest["week", *at.isocalendar()[:2]] = position
        else:
            newest["month", at.year, at.month] = position
    return kept.union(newest.values())


def _kept_by_history(connection: Connection, runs: Runs, intervals: Intervals) -> set[int]:
    """Return the positions of the runs that a standing follows from."""
    names = [
        t.standing.c[f"{what}_run_id"]
        for what in ("first", "last", "fixed", "reopened", "superseded")
    ]
    standings = select(*names).where(t.standing.c.branch_id == runs.branch)
    named = {run for row in connection.execute(standings) for run in row}
    aliases = select(t.alias.c.run_id).where(t.alias.c.branch_id == runs.branch)
    named.update(connection.execute(aliases).scalars())
    named |= replay.runs_that_fixed(connection, runs.branch)
    kept = {runs.position[run] for run in named if run is not None}
    for of_finding in intervals.values():
        tools, end = None, -1
        for first, last, seen in of_finding:
            # It was not seen before, or another tool saw it, or in another component.
            if first != end + 1 or tools != seen[:2]:
                kept |= {end, end + 1, first}
            tools, end = seen[:2], last
        kept |= {end, end + 1}
    return kept & {*runs.position.values()}


def _thin_out(
    connection: Connection, runs: Runs, track: Track, kept: Sequence[int]
) -> set[tuple[Any, ...]]:
    """Leave only the positions ``kept`` of the intervals; return the values that have gone."""
    table = track.table
    columns = [table.c[name] for name in (*KEY[1:], *track.values)]
    rows = connection.execute(select(*columns).where(table.c.branch_id == runs.branch))
    intervals: defaultdict[int, list[tuple[int, int, tuple[Any, ...]]]] = defaultdict(list)
    for finding, first, last, *value in rows:
        if span := runs.span(first, last):
            intervals[finding].append((*span, tuple(value)))
    gone: set[tuple[Any, ...]] = set()
    thinner: _Spans = {}
    for finding, of_finding in intervals.items():
        of_finding.sort(key=lambda interval: interval[0])
        merged = _thinned(of_finding, kept)
        if merged != of_finding:
            thinner[finding] = merged
            gone |= {value for *_, value in of_finding} - {value for *_, value in merged}
    for some in chunks(thinner):
        connection.execute(
            delete(table).where(table.c.branch_id == runs.branch, table.c.finding_id.in_(some))
        )
    insert_rows(connection, table, (*KEY, *track.values), _rows_of(runs, thinner))
    return gone


def _thinned(
    intervals: Sequence[tuple[int, int, tuple[Any, ...]]], kept: Sequence[int]
) -> list[tuple[int, int, tuple[Any, ...]]]:
    """Return one finding's intervals, in order, cut to the positions ``kept``.

    What follows another among these and has the same value is one interval with it.
    """
    thinner: list[tuple[int, int, tuple[Any, ...]]] = []
    for first, last, value in intervals:
        start, end = bisect_left(kept, first), bisect_right(kept, last) - 1
        if start > end:
            continue
        if thinner and thinner[-1][2] == value and bisect_left(kept, thinner[-1][1]) + 1 == start:
            thinner[-1] = thinner[-1][0], kept[end], value
        else:
            thinner.append((kept[start], kept[end], value))
    return thinner


def _rows_of(runs: Runs, spans: _Spans) -> Iterator[tuple[Any, ...]]:
    newest = len(runs.ids) - 1
    for finding, of_finding in spans.items():
        for first, last, value in of_finding:
            until = None if last == newest else runs.ids[last]
            yield runs.branch, finding, runs.ids[first], until, *value


def _unused_contents(
    connection: Connection, repository: int, contents: Collection[int]
) -> set[int]:
    """Return those of ``contents`` that no sighting and no standing of the repository shows."""
    statement = select(t.content.c.finding_id)
    of = select_in(connection, statement, t.content.c.id, contents)
    findings = {finding for (finding,) in of}
    branches = _branches(connection, repository)
    used: set[int] = set()
    for table in (t.sighting, t.standing):
        shown = select(table.c.content_id).where(table.c.branch_id.in_(branches))
        rows = select_in(connection, shown, table.c.finding_id, findings)
        used.update(content for (content,) in rows)
    return {*contents} - used


def _delete_runs(connection: Connection, runs: Collection[int]) -> None:
    for table in _OF_RUN:
        _delete(connection, table, table.c.run_id, runs)
    _delete(connection, t.run, t.run.c.id, runs)


def _delete(connection: Connection, table: Table, of: Any, values: Collection[int]) -> None:
    for some in chunks(values):
        connection.execute(delete(table).where(of.in_(some)))
