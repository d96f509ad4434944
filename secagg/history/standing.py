"""The standing of each problem on a branch: first seen, last seen, fixed, reopened.

It follows from the runs of the branch in the order of the scans (time, then key). The branch's
newest run is one more :func:`step`. A run that is imported late changes the standing of the
problems that it saw otherwise than its neighbours, or fixed: for these alone :func:`simulate` takes
the steps again, from their intervals.

In a step, what the run saw is open. What it did not see is fixed, if every tool that knew it
looked at its component. A problem that is seen under another identity (``known_as``) passes its
history on to that identity.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Seen(NamedTuple):
    """What a run saw of a finding; ``tools`` are bits."""

    component: str
    tools: int
    content: int
    baseline: str | None


@dataclass(slots=True)
class Standing:
    """The columns of :class:`secagg.history.tables.standing`, with ``last`` always a run."""

    first: int
    last: int
    component: str
    knew: int
    content: int
    baseline: str | None = None
    fixed: int | None = None
    reopened: int | None = None
    superseded: int | None = None
    epss: float | None = None


Covered = Mapping[str, int]
"""By component, the tools (as bits) that looked at everything in it."""

Intervals = Mapping[int, Sequence[tuple[int, int, Seen]]]
"""By finding, the first and last position of each interval, in order, and what was seen."""


def covering(covered: Covered, component: str) -> int:
    """Return the tools (as bits) that looked at everything in ``component``.

    Tools that looked at the whole tree (``.``) did, unless the component is an image.
    """
    whole = 0 if component.startswith("image:") else covered.get(".", 0)
    return whole | covered.get(component, 0)


def step(
    standings: dict[int, Standing],
    run: int,
    seen: Mapping[int, Seen],
    pairs: Iterable[tuple[int, int]],
    covered: Covered,
    order: Callable[[int], int],
) -> None:
    """Take the step of ``run`` in ``standings``, which are those after the run before.

    ``pairs`` are findings of which one has the other's identity too. ``order`` tells the position
    of a run among those of the branch.
    """
    for finding, sighting in seen.items():
        standing = standings.get(finding)
        if standing is None:
            standings[finding] = Standing(run, run, *sighting)
            continue
        if standing.fixed is not None:
            standing.knew, standing.reopened = sighting.tools, run
        else:
            standing.knew |= sighting.tools
        standing.last, standing.component = run, sighting.component
        standing.content, standing.baseline = sighting.content, sighting.baseline
        standing.fixed = standing.superseded = None
    _pass_history_on(standings, run, pairs, order)
    for standing in standings.values():
        unseen = standing.last != run and standing.fixed is None and standing.superseded is None
        if unseen and not standing.knew & ~covering(covered, standing.component):
            standing.fixed = run


def _pass_history_on(
    standings: Mapping[int, Standing],
    run: int,
    pairs: Iterable[tuple[int, int]],
    order: Callable[[int], int],
) -> None:
    """Pass the history of problems that are seen under another identity on to that identity."""
    former: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        for finding, gone in ((one, other), (other, one)):
            now, before = standings.get(finding), standings.get(gone)
            if now is None or before is None or now.last != run or before.last == run:
                continue
            if before.superseded is None or now.first == run:
                former[finding].add(gone)
    merged = [
        (standings[finding], _merged(standings[finding], [standings[g] for g in gone], run, order))
        for finding, gone in former.items()
    ]
    for standing, (first, reopened, knew) in merged:
        standing.first, standing.reopened, standing.knew = first, reopened, knew
    for gone in {gone for all_gone in former.values() for gone in all_gone}:
        standing = standings[gone]
        if standing.superseded is None:
            standing.superseded, standing.fixed = run, None


def _merged(
    now: Standing, former: Iterable[Standing], run: int, order: Callable[[int], int]
) -> tuple[int, int | None, int]:
    """Return the first run, the run that reopened it and the tools, with those of ``former``."""
    first, reopened, knew = now.first, now.reopened, now.knew
    for before in former:
        first = min(first, before.first, key=order)
        again = before.reopened
        if before.fixed is not None:
            again = run
        else:
            knew |= before.knew
        if again is not None and (reopened is None or order(again) > order(reopened)):
            reopened = again
    return first, reopened, knew


class Looks:
    """Which tools looked at everything in which component, by the position of the run."""

    def __init__(self, covered: Sequence[Covered]) -> None:
        self.covered = covered
        self._positions: dict[tuple[str, int], list[int]] = {}

    def first_cover(self, component: str, tools: int, start: int, end: int) -> int | None:
        """Return the first position from ``start`` to before ``end`` where all ``tools`` looked."""
        positions = self._positions.get((component, tools))
        if positions is None:
            positions = self._positions[component, tools] = [
                position
                for position, covered in enumerate(self.covered)
                if not tools & ~covering(covered, component)
            ]
        at = bisect_left(positions, start)
        return positions[at] if at < len(positions) and positions[at] < end else None


def simulate(
    intervals: Intervals,
    aliases: Collection[tuple[int, int, int]],
    looks: Looks,
    fixes: set[int] | None = None,
) -> dict[int, Standing]:
    """Return the standings that follow from ``intervals``; runs are positions from 0.

    ``aliases`` are two findings, of which one has the other's identity too, and the position from
    which on it has. The positions of all runs that fixed a finding are added to ``fixes``.
    """
    standings: dict[int, Standing] = {}
    for findings, pairs in _connected(intervals, aliases):
        together = {finding: intervals[finding] for finding in findings}
        standings |= _simulate_together(together, pairs, looks, fixes)
    return standings


def _connected(
    intervals: Intervals, aliases: Collection[tuple[int, int, int]]
) -> Iterable[tuple[list[int], list[tuple[int, int, int]]]]:
    """Yield the findings whose histories depend on each other, and the aliases between them."""
    linked = [one for one in aliases if one[0] in intervals and one[1] in intervals]
    group_of: dict[int, list[int]] = {}
    for one, other, _ in linked:
        a, b = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        if a is not b:
            a, b = (a, b) if len(a) >= len(b) else (b, a)
            a.extend(b)
            group_of.update(dict.fromkeys(b, a))
    pairs_of: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for alias in linked:
        pairs_of[id(group_of[alias[0]])].append(alias)
    for finding in intervals:
        if finding not in group_of:
            yield [finding], []
    for group in {id(group): group for group in group_of.values()}.values():
        yield group, pairs_of[id(group)]


def _simulate_together(
    intervals: Intervals,
    aliases: Sequence[tuple[int, int, int]],
    looks: Looks,
    fixes: set[int] | None,
) -> dict[int, Standing]:
    """Take the steps at which anything but a fix can happen, and look for fixes between them."""
    number = len(looks.covered)
    steps = {position for _, _, position in aliases}
    for of_finding in intervals.values():
        for first, last, _ in of_finding:
            steps |= {first, last + 1}
    positions = sorted(position for position in steps if position < number)
    standings: dict[int, Standing] = {}
    next_of = dict.fromkeys(intervals, 0)
    for position, following in zip(positions, [*positions[1:], number], strict=True):
        seen = {}
        for finding, of_finding in intervals.items():
            at = next_of[finding]
            if at < len(of_finding) and of_finding[at][1] < position:
                at = next_of[finding] = at + 1
            if at < len(of_finding) and of_finding[at][0] <= position:
                seen[finding] = of_finding[at][2]
        pairs = [(one, other) for one, other, since in aliases if since <= position]
        step(standings, position, seen, pairs, looks.covered[position], _same)
        for finding, standing in standings.items():
            if finding in seen:
                # All runs up to the next step saw it.
                standing.last = following - 1
            elif standing.fixed is None and standing.superseded is None:
                standing.fixed = looks.first_cover(
                    standing.component, standing.knew, position + 1, following
                )
            if fixes is not None and standing.fixed is not None:
                fixes.add(standing.fixed)
    return standings


def _same(position: int) -> int:
    return position
