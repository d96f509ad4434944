"""Links between groups of one file that lie on the same lines and were not merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from secagg.merge.check import whole_file_checks
from secagg.merge.groups import Group, NearMiss

# So many following neighbours of a group are looked at to link what is nearby.
_NEIGHBOURS = 4

# First and last line of a group, its identity, the group, and what it is about.
Placed = tuple[int, int, str, Group, frozenset[str]]


def link_neighbours(groups: Sequence[Placed]) -> None:
    """Link groups of one file that overlap.

    Those that are about the same were near misses, the others are related. A group is linked
    to a few neighbours only, however many there are.
    """
    for (_, _, identity, one, about), (_, _, named, other, compared) in _overlapping(groups):
        if about.isdisjoint(compared):
            one.related = (*one.related, named)
            other.related = (*other.related, identity)
            continue
        _tell(identity, one, named, other, min(about & compared))


def link_whole_file(groups: Sequence[Placed]) -> None:
    """Link groups of one file that are about the same, where one may mean the file as a whole.

    It would have joined any of them alone. Each is told of the next one only.
    """
    alike: dict[str, list[Placed]] = {}
    for placed in groups:
        for label in placed[4]:
            alike.setdefault(label, []).append(placed)
    for label, same in alike.items():
        if len(same) < 2:
            continue
        if label in whole_file_checks() or min(placed[0] for placed in same) == 0:
            for (_, _, identity, one, _), (_, _, named, other, _) in pairwise(sorted(same)):
                _tell(identity, one, named, other, label)


def _tell(identity: str, one: Group, named: str, other: Group, label: str) -> None:
    why = _why(one, other, label)
    one.near_misses = (*one.near_misses, NearMiss(identity=named, why=why))
    other.near_misses = (*other.near_misses, NearMiss(identity=identity, why=why))


def _overlapping(groups: Sequence[Placed]) -> Iterator[tuple[Placed, Placed]]:
    ordered = sorted(groups)
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 : at + 1 + _NEIGHBOURS]:
            if other[0] > one[1]:
                break
            yield one, other


def _why(one: Group, other: Group, label: str) -> str:
    tools = sorted({f.tool for f in one.members} & {f.tool for f in other.members})
    if tools:
        return f"{label} too, but {' and '.join(tools)} reports both"
    return f"{label} too, but it is unclear which of several results it is"
