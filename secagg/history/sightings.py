"""What each run of a branch saw, as intervals of runs: a row is written only when it changes.

A row of ``sighting`` says that every run of the branch from one run to another, in the order of the
scans, saw the finding with the same content. ``epss`` has the findings' EPSS values in the same
way, in a table of its own since they change more often. Without a last run the interval ends with
the branch's newest run, whichever that is, so that a scan like the last one writes no row at all.

A finding's intervals never overlap, and two that follow each other have different values. A branch
therefore has the same rows whatever the order of the imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    or_,
    select,
    tuple_,
    update,
)

from secagg.history import tables as t
from secagg.history.bulk import chunks, insert_rows

Value = tuple[Any, ...]
"""The columns of an interval that say what was seen."""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run and its neighbours in the order of the branch's scans; None for no neighbour."""

    branch: int
    run: int
    previous: int | None
    following: int | None


@dataclass(frozen=True, slots=True)
class Interval:
    """Runs that saw a finding with one value; without ``last``, up to the branch's newest."""

    first: int
    last: int | None
    value: Value


@dataclass(frozen=True, slots=True)
class Track:
    """A table of intervals, and the columns of its values."""

    table: Table
    values: tuple[str, ...]


SIGHTINGS = Track(t.sighting, ("content_id", "baseline"))
EPSS = Track(t.epss, ("value",))

KEY = ("branch_id", "finding_id", "from_run_id", "to_run_id")


def runs_of(connection: Connection, branch: int) -> Sequence[int]:
    """Return the ids of the branch's runs in the order of the scans."""
    statement = (
        select(t.run.c.id)
        .where(t.run.c.branch_id == branch)
        .order_by(t.run.c.started_at, t.run.c.key)
    )
    return [run for run in connection.execute(statement).scalars() if run is not None]


def newest_run(connection: Connection, branch: int) -> int | None:
    """Return the id of the branch's newest run, None if it has none."""
    statement = (
        select(t.run.c.id)
        .where(t.run.c.branch_id == branch)
        .order_by(t.run.c.started_at.desc(), t.run.c.key.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar()


def at_run(track: Track, branch: int, run: int, *columns: Any) -> Select[*tuple[Any, ...]]:
    """Return a statement that selects ``columns`` of the intervals with ``run``."""
    at, first, last = t.run.alias(), t.run.alias(), t.run.alias()
    moment = tuple_(at.c.started_at, at.c.key)
    table = track.table
    return (
        select(*columns)
        .select_from(table)
        .join(at, at.c.id == run)
        .join(first, first.c.id == table.c.from_run_id)
        .outerjoin(last, last.c.id == table.c.to_run_id)
        .where(
            table.c.branch_id == branch,
            tuple_(first.c.started_at, first.c.key) <= moment,
            or_(
                table.c.to_run_id.is_(None),
                tuple_(last.c.started_at, last.c.key) >= moment,
            ),
        )
    )


def intervals_at(
    connection: Connection, track: Track, branch: int, run: int | None
) -> dict[int, Interval]:
    """Return, by finding, the interval with ``run``; none for no run."""
    if run is None:
        return {}
    table = track.table
    columns = [table.c[name] for name in ("finding_id", "from_run_id", "to_run_id")]
    values = [table.c[name] for name in track.values]
    rows = connection.execute(at_run(track, branch, run, *columns, *values))
    return {finding: Interval(first, last, tuple(value)) for finding, first, last, *value in rows}


def append(
    connection: Connection,
    track: Track,
    place: RunPlace,
    seen: Mapping[int, Value],
    last: Mapping[int, Value],
) -> tuple[Set[int], Set[int]]:
    """Write what the branch's newest run saw, if it differs from the run before.

    ``last`` is what that run saw. Returns the findings whose intervals begin with the run, and
    those whose intervals ended before it.
    """
    opened = {finding for finding, value in seen.items() if last.get(finding) != value}
    closed = {finding for finding, value in last.items() if seen.get(finding) != value}
    table = track.table
    for some in chunks(closed):
        connection.execute(
            update(table)
            .where(
                table.c.branch_id == place.branch,
                table.c.finding_id.in_(some),
                table.c.to_run_id.is_(None),
            )
            .values(to_run_id=place.previous)
        )
    rows = ((place.branch, finding, place.run, None, *seen[finding]) for finding in sorted(opened))
    insert_rows(connection, table, (*KEY, *track.values), rows)
    return opened, closed


def insert(
    connection: Connection, track: Track, place: RunPlace, seen: Mapping[int, Value]
) -> tuple[Set[int], Mapping[int, Interval]]:
    """Write what a run saw that has later runs.

    Returns the findings whose intervals change, and the intervals with the run before.
    """
    before = intervals_at(connection, track, place.branch, place.previous)
    after = intervals_at(connection, track, place.branch, place.following)
    moved: list[tuple[int, Interval, Interval]] = []
    new: list[tuple[int, Interval]] = []
    for finding in seen.keys() | before.keys():
        changes = _placed(place, seen.get(finding), before.get(finding), after.get(finding))
        moved += [(finding, old, now) for old, now in changes if old is not None]
        new += [(finding, now) for old, now in changes if old is None]
    table = track.table
    if moved:
        connection.execute(
            update(table)
            .where(
                table.c.branch_id == place.branch,
                table.c.finding_id == bindparam("finding"),
                table.c.from_run_id == bindparam("was_first"),
            )
            .values(from_run_id=bindparam("first"), to_run_id=bindparam("last")),
            [
                {"finding": finding, "was_first": old.first, "first": now.first, "last": now.last}
                for finding, old, now in moved
            ],
        )
    rows = ((place.branch, finding, now.first, now.last, *now.value) for finding, now in new)
    insert_rows(connection, table, (*KEY, *track.values), rows)
    return {one[0] for one in moved} | {one[0] for one in new}, before


def _placed(
    place: RunPlace, value: Value | None, before: Interval | None, after: Interval | None
) -> list[tuple[Interval | None, Interval]]:
    """Return the changes of one finding's intervals: (old, new), or (None, added)."""
    previous, run, following = place.previous, place.run, place.following
    assert following is not None
    seen = [] if value is None else [(None, Interval(run, run, value))]
    if before is not None and before == after:
        if value == before.value:
            return []
        # The interval went on: the run takes it apart.
        rest = Interval(following, before.last, before.value)
        return [(before, Interval(before.first, previous, before.value)), *seen, (None, rest)]
    if value is None:
        return []
    if before is not None and before.value == value:
        return [(before, Interval(before.first, run, value))]
    if after is not None and after.value == value:
        return [(after, Interval(run, after.last, value))]
    return list(seen)
