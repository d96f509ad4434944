"""Code: one weakness at one place of one file, whichever tools' rules found it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter

from secagg.merge.groups import (
    PREFIX,
    MergeOutcome,
    Ordinals,
    Reason,
    by_place,
    hashed,
    in_order,
    joined,
)
from secagg.merge.matching import Matching, runs
from secagg.merge.neighbours import Placed, link_neighbours, nested
from secagg.merge.rules import curated, main_weakness, one_at_a_place, parents, weaknesses
from secagg.merge.sameplace import (
    Problem,
    Spot,
    islands,
    match_places,
    match_two,
    order_of,
    own_reasons,
    problems_of,
    region,
    shared_by_two,
    told_apart,
)
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.packages.keys import SEPARATOR

PARENT = "parent-weakness"
_PREFIX = PREFIX[Kind.CODE]


def join_code(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Put groups of ``findings`` (all of them in code) into ``out``."""
    for place, in_place in by_place(findings).items():
        if len(in_place) == 1:
            finding = in_place[0]
            name = main_weakness(weaknesses(finding)) or _rule_name(finding)
            out.group(
                hashed(f"{_PREFIX}{name}{SEPARATOR}{place}{SEPARATOR}{_context(finding)}"),
                (finding,),
            )
        else:
            _join_file(place, in_place, out)


def _join_file(place: str, held: list[Finding], out: MergeOutcome) -> None:
    ordinals = Ordinals()
    for island in islands(_spots(held)):
        problems = _problems(island)
        placed: list[Placed] = []
        for spots, labels, reasons in problems:
            first = spots[0]
            name = main_weakness(labels) or _rule_name(first.finding)
            text = f"{_PREFIX}{name}{SEPARATOR}{place}{SEPARATOR}{_context_of(spots)}"
            identity = hashed(ordinals.told(text))
            members = first.members if len(spots) == 1 else [f for s in spots for f in s.members]
            group = out.group(identity, members, reasons)
            if len(problems) > 1:
                last = max([spot.last for spot in spots])
                placed.append((first.first, last, identity, group, labels))
        if placed:
            link_neighbours(placed)


def _problems(island: Sequence[Spot]) -> Sequence[Problem]:
    """What the spots of an island come down to."""
    if len(island) == 1:
        (spot,) = island
        return ((island, spot.labels, own_reasons(spot)),)
    island = nested(island, one_at_a_place)
    if len(island) == 1:
        (spot,) = island
        return ((island, spot.labels, own_reasons(spot)),)
    if len(island) == 2:
        shared = _shared(*island)
        if shared:
            return ((island, shared, _why_two),)
    return [problem for spots in _by_weakness(island) for problem in _match(spots)]


def _shared(one: Spot, other: Spot) -> frozenset[str]:
    """What two spots of one finding each are about if they are one problem; else nothing."""
    alone = len(one.members) == len(other.members) == 1
    return shared_by_two(one, other) if alone else frozenset()


def _why_two(members: Sequence[Finding]) -> Sequence[Reason]:
    """The reason of two findings that are one problem, in the order of their places."""
    one, other = [Spot(f, weaknesses(f), order_of(f)) for f in members]
    alike = match_two(one, other)
    return () if alike is None else joined(*alike, len(members))


def _by_weakness(island: Sequence[Spot]) -> Iterable[Sequence[Spot]]:
    """The spots of an island apart, where their weaknesses have nothing to do with each other."""
    alike: dict[frozenset[str], list[Spot]] = {}
    for spot in island:
        alike.setdefault(spot.labels, []).append(spot)
    if len(alike) == 1:
        return (island,)
    known = [label for labels in alike for label in labels]
    above = {parent for label in known for parent in parents(label)}
    apart = len(set(known)) == len(known) and above.isdisjoint(known)
    return alike.values() if apart else (island,)


def _match(spots: Sequence[Spot]) -> Iterable[Problem]:
    """What the spots of an island whose weaknesses may be one come down to."""
    if len(spots) == 2:
        shared = _shared(*spots)
        if shared:
            return ((spots, shared, _why_two),)
    if len(spots) == 1 or len({spot.tool for spot in spots}) == 1:
        return [([spot], spot.labels, own_reasons(spot)) for spot in spots]
    matching = match_places(spots)
    _match_parents(spots, matching)
    return problems_of(spots, matching)


def _context_of(spots: Sequence[Spot]) -> str:
    """The context of the first line on which the spots lie."""
    first = spots[0].first
    for spot in spots:
        if spot.first == first:
            for finding in spot.members:
                context = _context(finding)
                if context:
                    return context
    return ""


def _spots(held: list[Finding]) -> list[Spot]:
    """The spots of a file's findings, in the order of their places."""
    alone = {order_of(finding): finding for finding in held}
    if len(alone) == len(held) and told_apart(alone):
        return [Spot(alone[order], weaknesses(alone[order]), order) for order in sorted(alone)]
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in in_order(held):
        place = finding.location
        key: tuple[object, ...] = (finding.tool, finding.rule_id, region(place))
        if place.start_line is None:
            # Without a line only what is said tells two results of a rule apart.
            key = (*key, place.logical, message_context(finding.message))
        spot = spots.get(key)
        if spot is None:
            spots[key] = Spot(finding, weaknesses(finding), order_of(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=attrgetter("order"))


def _match_parents(spots: Sequence[Spot], matching: Matching) -> None:
    """Join what one tool calls by the parent of another's weakness, if that can only be one."""
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


def _context(finding: Finding) -> str:
    """What tells the place within its file: the hash of the line, wherever it moves to."""
    return finding.line_hash or ""


def _rule_name(finding: Finding) -> str:
    return f"{finding.tool}:{finding.rule_id}"
