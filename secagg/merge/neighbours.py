"""Groups that overlap: rules of one tool nested in each other, and links to neighbours.

Registries have rules that find the same call in several ways. Each of them is right, and it is
one problem: what is left apart is the same rule twice, and regions that do not contain each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter

from secagg.merge.groups import Group, NearMiss
from secagg.merge.matching import join, root
from secagg.merge.rules import own_checks, whole_file_checks
from secagg.merge.sameplace import WHOLE_FILE, Spot

Labels = frozenset[str]


def nested(spots: Sequence[Spot], counting: Callable[[Labels], Labels]) -> Sequence[Spot]:
    """Make one spot of those of one tool whose regions are equal or contain each other.

    ``spots`` are in the order of their places. ``counting`` tells which of the labels that two
    spots share make them one problem. A region of several lines that holds two others which lie
    apart stays alone: it may be a function with two calls in it.
    """
    if len({spot.tool for spot in spots}) == len(spots):
        return spots
    parent = list(range(len(spots)))
    sets: dict[int, tuple[Labels, frozenset[str], frozenset[str]]] = {}
    inside = _containers(spots)
    holding: dict[int, list[int]] = {}
    for inner, outer in inside.items():
        holding.setdefault(outer, []).append(inner)
    for outer, nested_in in sorted(holding.items()):
        if len(nested_in) > 1 and not _one_statement(
            spots[outer], [spots[inner] for inner in nested_in]
        ):
            continue
        for inner in nested_in:
            one, other = root(parent, outer), root(parent, inner)
            labels, rules, subjects = sets.get(one) or _about(spots[one])
            more, other_rules, other_subjects = sets.get(other) or _about(spots[other])
            shared = counting(labels & more)
            subjects |= other_subjects
            if shared and rules.isdisjoint(other_rules) and len(subjects) < 2:
                kept = join(parent, one, other)
                sets[kept] = (labels & more, rules | other_rules, subjects)
    if not sets:
        return spots
    together: dict[int, list[Spot]] = {}
    for number, spot in enumerate(spots):
        together.setdefault(root(parent, number), []).append(spot)
    made = [
        Spot.of_parts(sorted(parts, key=_widest_first), sets[top][0])
        if len(parts) > 1
        else parts[0]
        for top, parts in together.items()
    ]
    return sorted(made, key=attrgetter("order"))


def _one_statement(outer: Spot, held: Sequence[Spot]) -> bool:
    """Whether what lies apart in ``outer`` can be parts of one statement: on a line, by rules that
    are all different."""
    rules = [rule for spot in (outer, *held) for rule in _about(spot)[1]]
    return outer.first == outer.last and len(set(rules)) == len(rules)


def _about(spot: Spot) -> tuple[Labels, frozenset[str], frozenset[str]]:
    misconfiguration = spot.finding.misconfiguration
    if misconfiguration is None:
        return spot.labels, frozenset(finding.rule_id for finding in spot.members), frozenset()
    # A check may go by ids of several versions of the tool.
    rules = frozenset(check for finding in spot.members for check in own_checks(finding))
    return (
        spot.labels,
        rules,
        frozenset([misconfiguration.resource] if misconfiguration.resource else ()),
    )


def _containers(spots: Sequence[Spot]) -> Mapping[int, int]:
    """For each spot the nearest one of its tool that holds it and shares a label; by number."""
    containers: dict[int, int] = {}
    by_label: dict[tuple[str, str], list[int]] = {}
    for number, spot in enumerate(spots):
        if spot.first:
            for label in spot.labels:
                by_label.setdefault((spot.tool, label), []).append(number)
    for numbers in by_label.values():
        if len(numbers) < 2:
            continue
        open_regions: list[int] = []
        for number in sorted(numbers, key=lambda n: (*_widest_first(spots[n]), n)):
            start, end = _start(spots[number]), _end(spots[number])
            while open_regions and not (
                _start(spots[open_regions[-1]]) <= start and end <= _end(spots[open_regions[-1]])
            ):
                open_regions.pop()
            if open_regions:
                containers.setdefault(number, open_regions[-1])
            open_regions.append(number)
    return containers


def _widest_first(spot: Spot) -> tuple[int, int, int, int, str]:
    first, column = _start(spot)
    last, behind = _end(spot)
    return first, column, -last, -behind, spot.finding.rule_id


def _start(spot: Spot) -> tuple[int, int]:
    return spot.first, spot.column or 1


def _end(spot: Spot) -> tuple[int, int]:
    """The last line and the column behind; a region without columns goes to the line's end."""
    return spot.last, spot.finding.location.end_column or WHOLE_FILE


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
