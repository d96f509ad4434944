"""Bring the standings of a branch up to date with its runs, and read those after an earlier run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from secagg.history import tables as t
from secagg.history.bulk import chunks, insert_rows, is_in, select_in
from secagg.history.sightings import Interval, RunPlace, runs_of
from secagg.history.standing import Covered, Looks, Seen, Standing, simulate, step

_COLUMNS = (
    "first_run_id",
    "last_run_id",
    "component",
    "knew",
    "content_id",
    "baseline",
    "fixed_run_id",
    "reopened_run_id",
    "superseded_run_id",
    "epss",
)
STANDING = [t.standing.c[name] for name in _COLUMNS]
"""The columns that :func:`standing_of` reads."""


# Those after the first two. dataclasses.astuple copies each value, and takes thirty times as long.
_rest = attrgetter(*[field.name for field in fields(Standing)][2:])


class Runs:
    """The runs of a branch in the order of the scans, up to the run ``until`` where it is given."""

    def __init__(self, connection: Connection, branch: int, until: int | None = None) -> None:
        self.branch = branch
        ids = runs_of(connection, branch)
        self.all = ids
        self.ids = ids if until is None else ids[: ids.index(until) + 1]
        self.position = {run: position for position, run in enumerate(self.ids)}

    def span(self, first: int, last: int | None) -> tuple[int, int] | None:
        """Return the positions of an interval, cut at the end; None where it begins after it."""
        start = self.position.get(first)
        if start is None:
            return None
        end = len(self.ids) - 1
        return start, end if last is None else self.position.get(last, end)


def advance(
    connection: Connection,
    place: RunPlace,
    seen: Mapping[int, Seen],
    epss: Mapping[int, float | None],
    unfixed: Mapping[int, Sequence[Any]],
    covered: Covered,
    *,
    opened: Set[int],
    gone: Set[int],
) -> dict[int, Standing]:
    """Take the step of the branch's newest run; return the standings that it looked at.

    ``unfixed`` are the :data:`STANDING` of all open findings after the run before. ``opened`` are
    the findings that the run saw otherwise than that run, and ``gone`` those that only that run
    saw: nothing else can have changed but fixes.
    """
    first = place.previous is None
    pairs: set[tuple[int, int]] = (
        set() if first else _pairs(connection, place.branch, opened | gone)
    )
    touched = opened | gone | {finding for pair in pairs for finding in pair}
    before = {
        finding: standing_of(row, place.previous)
        for finding, row in unfixed.items()
        if row[1] is not None or finding in touched
    }
    if not first:
        rows = select_in(
            connection,
            _standings(place.branch),
            t.standing.c.finding_id,
            touched - unfixed.keys(),
        )
        before |= {finding: standing_of(row, place.previous) for finding, *row in rows}
    standings = {finding: replace(standing) for finding, standing in before.items()}
    now = {finding: seen[finding] for finding in touched if finding in seen}
    positions: dict[int, int] = {}

    def order(run: int) -> int:
        if not positions:
            positions.update(
                {run: position for position, run in enumerate(runs_of(connection, place.branch))}
            )
        return positions[run]

    step(standings, place.run, now, pairs, covered, order)
    for finding in now:
        standings[finding].epss = epss[finding]
    # What is gone has its last run now, which is no longer the branch's newest.
    changed = {f: one for f, one in standings.items() if f in gone or one != before.get(f)}
    _delete(connection, place.branch, changed.keys() & before.keys())
    _insert(connection, place.branch, changed, newest=place.run)
    return standings


def replay(
    connection: Connection,
    place: RunPlace,
    *,
    changed: Collection[int],
    before: Mapping[int, Interval],
    seen: Collection[int],
) -> dict[int, Standing]:
    """Bring the standings up to date after a run that has later ones; return the new ones.

    ``changed`` are the findings whose intervals changed, ``before`` the intervals with the run
    before it, and ``seen`` the findings that the run saw.
    """
    runs = Runs(connection, place.branch)
    looks = Looks(_covered(connection, runs))
    at = runs.position[place.run]
    aliases = _aliases(connection, runs)
    # A run fixes what the run before had not fixed. It fixes nothing that an earlier run, which
    # looked at as much, saw as little of.
    since = _last_equal_look(looks.covered, at)
    ended = {finding for finding in before if finding not in seen}
    if since is None or since < at - 1:
        earlier = runs.ids[0 if since is None else since : at]
        statement = select(t.sighting.c.finding_id).where(t.sighting.c.branch_id == place.branch)
        ended |= {
            finding
            for (finding,) in select_in(connection, statement, t.sighting.c.to_run_id, earlier)
        }
    findings = _closure({*changed, *ended}, aliases)
    positions = simulate(
        intervals_of(connection, runs, findings), _within(aliases, findings), looks
    )
    standings = _in_runs(runs, positions)
    _set_epss(connection, runs, positions, standings)
    _delete(connection, place.branch, standings)
    _insert(connection, place.branch, standings, newest=runs.ids[-1])
    return standings


def standings_after(connection: Connection, branch: int, run: int) -> dict[int, Standing]:
    """Return the standings of the branch after ``run``, by finding."""
    runs = Runs(connection, branch, until=run)
    positions = simulate(
        intervals_of(connection, runs, None),
        _aliases(connection, runs),
        Looks(_covered(connection, runs)),
    )
    standings = _in_runs(runs, positions)
    _set_epss(connection, runs, positions, standings)
    return standings


def runs_that_fixed(connection: Connection, branch: int) -> set[int]:
    """Return every run of the branch that fixed a problem, also one that was reopened since."""
    runs = Runs(connection, branch)
    fixes: set[int] = set()
    simulate(
        intervals_of(connection, runs, None),
        _aliases(connection, runs),
        Looks(_covered(connection, runs)),
        fixes,
    )
    return {runs.ids[position] for position in fixes}


def _standings(branch: int) -> Select[*tuple[Any, ...]]:
    return select(t.standing.c.finding_id, *STANDING).where(t.standing.c.branch_id == branch)


def standing_of(row: Sequence[Any], newest: int | None) -> Standing:
    """Make a standing of :data:`STANDING`; ``newest`` is the id of the branch's newest run."""
    first, last, *rest = row
    last = newest if last is None else last
    assert last is not None
    return Standing(first, last, *rest)


def _delete(connection: Connection, branch: int, findings: Iterable[int]) -> None:
    for some in chunks(findings):
        connection.execute(
            delete(t.standing).where(
                t.standing.c.branch_id == branch, is_in(connection, t.standing.c.finding_id, some)
            )
        )


def _insert(
    connection: Connection, branch: int, standings: Mapping[int, Standing], *, newest: int
) -> None:
    insert_rows(
        connection,
        t.standing,
        ("branch_id", "finding_id", *_COLUMNS),
        (
            (
                branch,
                finding,
                one.first,
                None if one.last == newest else one.last,
                *_rest(one),
            )
            for finding, one in standings.items()
        ),
    )


def _covered(connection: Connection, runs: Runs) -> list[Covered]:
    """Return what was looked at in each run."""
    covered: list[dict[str, int]] = [{} for _ in runs.ids]
    statement = (
        select(t.covered.c.run_id, t.covered.c.component, t.covered.c.tool_id)
        .join(t.run, t.run.c.id == t.covered.c.run_id)
        .where(t.run.c.branch_id == runs.branch)
    )
    for run, component, tool in connection.execute(statement):
        position = runs.position.get(run)
        if position is not None:
            of_run = covered[position]
            of_run[component] = of_run.get(component, 0) | 1 << tool
    return list(covered)


def _last_equal_look(covered: Sequence[Covered], at: int) -> int | None:
    """Return the last position before ``at`` where as much was looked at, None if there is none."""
    now = covered[at]
    for position in range(at - 1, -1, -1):
        before = covered[position]
        if all(not tools & ~before.get(component, 0) for component, tools in now.items()):
            return position
    return None


def intervals_of(
    connection: Connection, runs: Runs, findings: Collection[int] | None
) -> dict[int, list[tuple[int, int, Seen]]]:
    """Return the intervals of ``findings``, of all for None, in positions and in order."""
    statement = (
        select(
            t.sighting.c.finding_id,
            t.sighting.c.from_run_id,
            t.sighting.c.to_run_id,
            t.content.c.component,
            t.content.c.tools,
            t.content.c.id,
            t.sighting.c.baseline,
        )
        .join(t.content, t.content.c.id == t.sighting.c.content_id)
        .where(t.sighting.c.branch_id == runs.branch)
    )
    rows: Iterable[Any] = (
        connection.execute(statement)
        if findings is None
        else select_in(connection, statement, t.sighting.c.finding_id, findings)
    )
    intervals: defaultdict[int, list[tuple[int, int, Seen]]] = defaultdict(list)
    for finding, first, last, *seen in rows:
        if span := runs.span(first, last):
            intervals[finding].append((*span, Seen(*seen)))
    for of_finding in intervals.values():
        of_finding.sort(key=lambda interval: interval[0])
    return dict(intervals)


def _aliases(connection: Connection, runs: Runs) -> list[tuple[int, int, int]]:
    """Return the aliases of the branch: both findings, and the position of the first run."""
    rows = connection.execute(_of_aliases(runs.branch))
    return [
        (finding, other, runs.position[run]) for finding, other, run in rows if run in runs.position
    ]


def _pairs(connection: Connection, branch: int, findings: Collection[int]) -> set[tuple[int, int]]:
    """Return the findings that share an identity, one of ``findings`` and another."""
    if not findings:
        return set()
    pairs: set[tuple[int, int]] = set()
    statement, other = _of_aliases(branch), _OTHER
    for of in (t.alias.c.finding_id, other.c.id):
        pairs.update((one, two) for one, two, _ in select_in(connection, statement, of, findings))
    return pairs


_OTHER = t.finding.alias()


def _of_aliases(branch: int) -> Select[*tuple[Any, ...]]:
    """Return a statement for the aliases of a branch that are findings of their own."""
    other = _OTHER
    return (
        select(t.alias.c.finding_id, other.c.id, t.alias.c.run_id)
        .join(t.branch, t.branch.c.id == t.alias.c.branch_id)
        .join(
            other,
            (other.c.repository_id == t.branch.c.repository_id)
            & (other.c.identity == t.alias.c.identity),
        )
        .where(t.alias.c.branch_id == branch, other.c.id != t.alias.c.finding_id)
    )


def _closure(findings: set[int], aliases: Collection[tuple[int, int, int]]) -> set[int]:
    """Return ``findings`` and all whose histories depend on theirs."""
    partners: defaultdict[int, list[int]] = defaultdict(list)
    for one, other, _ in aliases:
        partners[one].append(other)
        partners[other].append(one)
    reached, remaining = set(findings), list(findings)
    while remaining:
        for other in partners.get(remaining.pop(), ()):
            if other not in reached:
                reached.add(other)
                remaining.append(other)
    return reached


def _within(
    aliases: Iterable[tuple[int, int, int]], findings: Set[int]
) -> list[tuple[int, int, int]]:
    return [alias for alias in aliases if alias[0] in findings and alias[1] in findings]


def _in_runs(runs: Runs, positions: Mapping[int, Standing]) -> dict[int, Standing]:
    """Return the standings with the ids of the runs for their positions."""

    def run(position: int | None) -> int | None:
        return None if position is None else runs.ids[position]

    return {
        finding: replace(
            one,
            first=runs.ids[one.first],
            last=runs.ids[one.last],
            fixed=run(one.fixed),
            reopened=run(one.reopened),
            superseded=run(one.superseded),
        )
        for finding, one in positions.items()
    }


def _set_epss(
    connection: Connection,
    runs: Runs,
    positions: Mapping[int, Standing],
    standings: Mapping[int, Standing],
) -> None:
    """Set the EPSS value of each standing: that of the last run that saw the finding."""
    statement = select(
        t.epss.c.finding_id,
        t.epss.c.from_run_id,
        t.epss.c.to_run_id,
        t.epss.c.value,
    ).where(t.epss.c.branch_id == runs.branch)
    for finding, first, last, value in select_in(
        connection, statement, t.epss.c.finding_id, positions
    ):
        span = runs.span(first, last)
        if span and span[0] <= positions[finding].last <= span[1]:
            standings[finding].epss = value
