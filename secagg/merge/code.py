"""Merge code findings: a group is one weakness at one place of a file, by rules of any tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from secagg.merge.groups import (
    PREFIX,
    MergeOutcome,
    Ordinals,
    Reason,
    by_place,
    hashed,
    joined,
)
from secagg.merge.matching import Matching, runs
from secagg.merge.neighbours import LocatedGroup, join_nested, link_neighbours
from secagg.merge.rules import curated, main_weakness, one_at_a_place, parents, weaknesses
from secagg.merge.sameplace import (
    Problem,
    Spot,
    are_distinct_regions,
    islands,
    make_spots,
    match_places,
    match_two,
    order_of,
    problems_of,
    reasons_of_spot,
    region,
    shared_by_two,
)
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.packages.keys import SEPARATOR

PARENT = "parent-weakness"
_PREFIX = PREFIX[Kind.CODE]


def join_code(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Add groups of ``findings`` (all of kind code) to ``out``."""
    for place, in_file in by_place(findings).items():
        if len(in_file) == 1:
            finding = in_file[0]
            name = main_weakness(weaknesses(finding)) or _rule_name(finding)
            out.group(
                hashed(f"{_PREFIX}{name}{SEPARATOR}{place}{SEPARATOR}{_line_hash(finding)}"),
                (finding,),
            )
        else:
            _join_file(place, in_file, out)


def _join_file(place: str, findings: list[Finding], out: MergeOutcome) -> None:
    ordinals = Ordinals()
    all_spots = make_spots(findings, labels=weaknesses, key=_key, are_distinct=are_distinct_regions)
    for island in islands(all_spots):
        problems = _problems(island)
        located: list[LocatedGroup] = []
        for spots, labels, reasons in problems:
            first = spots[0]
            name = main_weakness(labels) or _rule_name(first.finding)
            text = f"{_PREFIX}{name}{SEPARATOR}{place}{SEPARATOR}{_line_hash_of(spots)}"
            identity = hashed(ordinals.numbered(text))
            members = first.members if len(spots) == 1 else [f for s in spots for f in s.members]
            group = out.group(identity, members, reasons)
            if len(problems) > 1:
                last = max([spot.last for spot in spots])
                located.append((first.first, last, identity, group, labels))
        if located:
            link_neighbours(located)


def _problems(island: Sequence[Spot]) -> Sequence[Problem]:
    """Join the spots of an island into problems."""
    if len(island) == 1:
        (spot,) = island
        return ((island, spot.labels, reasons_of_spot(spot)),)
    island = join_nested(island, one_at_a_place)
    if len(island) == 1:
        (spot,) = island
        return ((island, spot.labels, reasons_of_spot(spot)),)
    if len(island) == 2:
        shared = _shared_labels(*island)
        if shared:
            return ((island, shared, _reason_of_two),)
    return [problem for spots in _by_weakness(island) for problem in _match(spots)]


def _shared_labels(one: Spot, other: Spot) -> frozenset[str]:
    """Return the weaknesses of two spots that are one problem; empty if they are not."""
    alone = len(one.members) == len(other.members) == 1
    return shared_by_two(one, other) if alone else frozenset()


def _reason_of_two(members: Sequence[Finding]) -> Sequence[Reason]:
    """Return the reason of two findings that are one problem, in the order of their places."""
    one, other = [Spot(f, weaknesses(f), order_of(f)) for f in members]
    match = match_two(one, other)
    return () if match is None else joined(*match, len(members))


def _by_weakness(island: Sequence[Spot]) -> Iterable[Sequence[Spot]]:
    """Split an island by weakness, if its weaknesses are unrelated."""
    by_labels: dict[frozenset[str], list[Spot]] = {}
    for spot in island:
        by_labels.setdefault(spot.labels, []).append(spot)
    if len(by_labels) == 1:
        return (island,)
    all_labels = [label for labels in by_labels for label in labels]
    above = {parent for label in all_labels for parent in parents(label)}
    unrelated = len(set(all_labels)) == len(all_labels) and above.isdisjoint(all_labels)
    return by_labels.values() if unrelated else (island,)


def _match(spots: Sequence[Spot]) -> Iterable[Problem]:
    """Join spots whose weaknesses may be the same into problems."""
    if len(spots) == 2:
        shared = _shared_labels(*spots)
        if shared:
            return ((spots, shared, _reason_of_two),)
    if len(spots) == 1 or len({spot.tool for spot in spots}) == 1:
        return [([spot], spot.labels, reasons_of_spot(spot)) for spot in spots]
    matching = match_places(spots)
    _match_parents(spots, matching)
    return problems_of(spots, matching)


def _line_hash_of(spots: Sequence[Spot]) -> str:
    """Return the line hash of the first line of ``spots``."""
    first = spots[0].first
    for spot in spots:
        if spot.first == first:
            for finding in spot.members:
                line_hash = _line_hash(finding)
                if line_hash:
                    return line_hash
    return ""


def _key(finding: Finding) -> tuple[object, ...]:
    """Return what two results of one tool share that are one."""
    place = finding.location
    key = (finding.tool, finding.rule_id, region(place))
    if place.start_line is None:
        # Without a line only the message tells two results of a rule apart.
        return (*key, place.logical, message_context(finding.message))
    return key


def _match_parents(spots: Sequence[Spot], matching: Matching) -> None:
    """Join weaknesses of which one is the parent of the other, if that is unambiguous."""
    by_label: dict[str, list[int]] = {}
    for node, spot in enumerate(spots):
        if spot.first:
            for label in spot.labels:
                by_label.setdefault(label, []).append(node)
    edges = [
        (parent, child) for child in by_label for parent in parents(child) if parent in by_label
    ]
    pairs: dict[tuple[int, int], str] = {}
    for parent, child in sorted(edges):
        upper = set(by_label[parent])
        nodes = [*by_label[parent], *by_label[child]]
        for run in runs([(spots[n].first, spots[n].last, n) for n in nodes]):
            above = {matching.root(n) for n in run if n in upper}
            below = {matching.root(n) for n in run if n not in upper}
            if len(above) == 1 and len(below) == 1 and above != below:
                one, other = above.pop(), below.pop()
                if not (_is_curated(spots[one]) and _is_curated(spots[other])):
                    key = f"{child} under {parent} at {spots[run[0]].first}"
                    pairs.setdefault((min(one, other), max(one, other)), key)
    chosen = Counter(node for pair in pairs for node in pair)
    for (one, other), key in pairs.items():
        if chosen[one] == 1 and chosen[other] == 1:
            matching.pair(PARENT, key, one, other)


def _is_curated(spot: Spot) -> bool:
    return curated(spot.tool, spot.finding.rule_id) is not None


def _line_hash(finding: Finding) -> str:
    """Return the hash of the finding's line, which does not change when the line moves."""
    return finding.line_hash or ""


def _rule_name(finding: Finding) -> str:
    return f"{finding.tool}:{finding.rule_id}"
