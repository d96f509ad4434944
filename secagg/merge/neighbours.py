"""Join nested results of one tool, and link groups that overlap.

Registries have several rules that find the same call. Their results are one problem if one region
contains the other; results of the same rule, and regions beside each other, stay apart.
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
# First and last line of a group, its identity, the group, and its labels.
LocatedGroup = tuple[int, int, str, Group, frozenset[str]]
# Following groups that a group is compared with.
_NEIGHBOURS = 4


def join_nested(spots: Sequence[Spot], counting: Callable[[Labels], Labels]) -> Sequence[Spot]:
    """Join spots of one tool whose regions are equal or contain each other.

    ``spots`` are in the order of their places. ``counting`` selects the shared labels by which two
    spots are one problem. A region of several lines that contains two separate regions stays
    alone: it may be a function with two calls.
    """
    if len({spot.tool for spot in spots}) == len(spots):
        return spots
    parent = list(range(len(spots)))
    sets: dict[int, tuple[Labels, frozenset[str], frozenset[str]]] = {}
    inner_spots: dict[int, list[int]] = {}
    for inner, outer in _containers(spots).items():
        inner_spots.setdefault(outer, []).append(inner)
    for outer, inner_ones in sorted(inner_spots.items()):
        if len(inner_ones) > 1 and not _may_be_one_statement(
            spots[outer], [spots[inner] for inner in inner_ones]
        ):
            continue
        for inner in inner_ones:
            one, other = root(parent, outer), root(parent, inner)
            labels, rules, subjects = sets.get(one) or _about(spots[one])
            other_labels, other_rules, other_subjects = sets.get(other) or _about(spots[other])
            shared = counting(labels & other_labels)
            subjects |= other_subjects
            if shared and rules.isdisjoint(other_rules) and len(subjects) < 2:
                joined_root = join(parent, one, other)
                sets[joined_root] = (labels & other_labels, rules | other_rules, subjects)
    if not sets:
        return spots
    by_root: dict[int, list[Spot]] = {}
    for number, spot in enumerate(spots):
        by_root.setdefault(root(parent, number), []).append(spot)
    joined = [
        Spot.of_parts(sorted(parts, key=_widest_first), sets[top][0])
        if len(parts) > 1
        else parts[0]
        for top, parts in by_root.items()
    ]
    return sorted(joined, key=attrgetter("order"))


def _may_be_one_statement(outer: Spot, inner: Sequence[Spot]) -> bool:
    """Tell whether regions in ``outer`` may be one statement: on one line, by different rules."""
    rules = [rule for spot in (outer, *inner) for rule in _about(spot)[1]]
    return outer.first == outer.last and len(set(rules)) == len(rules)


def _about(spot: Spot) -> tuple[Labels, frozenset[str], frozenset[str]]:
    """Return the labels, rules and resources of a spot."""
    misconfiguration = spot.finding.misconfiguration
    if misconfiguration is None:
        return spot.labels, frozenset(finding.rule_id for finding in spot.members), frozenset()
    # A check may have ids of several versions of the tool.
    rules = frozenset(check for finding in spot.members for check in own_checks(finding))
    return (
        spot.labels,
        rules,
        frozenset([misconfiguration.resource] if misconfiguration.resource else ()),
    )


def _containers(spots: Sequence[Spot]) -> Mapping[int, int]:
    """Return, for each spot, the smallest one of its tool that contains it and shares a label."""
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
    """Return the last line and the column behind it; without a column, the end of the line."""
    return spot.last, spot.finding.location.end_column or WHOLE_FILE


def link_neighbours(groups: Sequence[LocatedGroup]) -> None:
    """Link groups of one file that overlap, each with a few neighbours only.

    Groups with a shared label are near misses of each other, the others are related.
    """
    for (_, _, _, one, labels), (_, _, _, other, other_labels) in _overlapping(groups):
        if labels.isdisjoint(other_labels):
            one.related = (*one.related, other.identity)
            other.related = (*other.related, one.identity)
            continue
        _add_near_miss(one, other, min(labels & other_labels))


def link_whole_file(groups: Sequence[LocatedGroup]) -> None:
    """Link groups of one label in a file as near misses, if one may mean the whole file.

    That one would have joined any of the others, had it been the only one. Each is linked with the
    next one only.
    """
    by_label: dict[str, list[LocatedGroup]] = {}
    for located in groups:
        for label in located[4]:
            by_label.setdefault(label, []).append(located)
    for label, same in by_label.items():
        if len(same) < 2:
            continue
        if label in whole_file_checks() or min(located[0] for located in same) == 0:
            for (_, _, _, one, _), (_, _, _, other, _) in pairwise(sorted(same)):
                _add_near_miss(one, other, label)


def _add_near_miss(one: Group, other: Group, label: str) -> None:
    why = _why(one, other, label)
    one.near_misses = (*one.near_misses, NearMiss(identity=other.identity, why=why))
    other.near_misses = (*other.near_misses, NearMiss(identity=one.identity, why=why))


def _overlapping(groups: Sequence[LocatedGroup]) -> Iterator[tuple[LocatedGroup, LocatedGroup]]:
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
