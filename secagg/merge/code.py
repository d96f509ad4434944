"""Code: one weakness at one place of one file, whichever tools' rules found it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from secagg.context import message_context
from secagg.finding import Finding, Kind
from secagg.identity import place_of
from secagg.merge.collect import Outcome, in_order
from secagg.merge.groups import Group
from secagg.merge.identity import identity_of
from secagg.merge.matching import Matching, runs
from secagg.merge.spot import Spot, link_neighbours, match_places, reasons_of, region
from secagg.merge.weakness import curated, main_weakness, parents, weaknesses

PARENT = "parent-weakness"


def join_code(findings: Iterable[Finding], out: Outcome) -> None:
    """Put groups of ``findings`` (all of them in code) into ``out``."""
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        location = finding.location
        place = location.uri
        if place is None or location.image is not None:
            place = place_of(location)
        held = files.get(place)
        if held is None:
            files[place] = [finding]
        else:
            held.append(finding)
    for place, held in files.items():
        if len(held) == 1:
            finding = held[0]
            name = main_weakness(weaknesses(finding)) or _rule_name(finding)
            identity = identity_of(Kind.CODE, name, place, _context(finding))
            out.single(identity, finding)
        else:
            _join_file(place, held, out)


def _join_file(place: str, held: list[Finding], out: Outcome) -> None:
    spots = _spots(in_order(held))
    matching = match_places(spots)
    _match_parents(spots, matching)
    named: dict[tuple[str, str], list[list[int]]] = {}
    for nodes in matching.sets():
        first = spots[nodes[0]]
        name = main_weakness(matching.labels(nodes[0])) or _rule_name(first.finding)
        here = (f for n in nodes if spots[n].first == first.first for f in spots[n].members)
        context = next(filter(None, map(_context, here)), "")
        named.setdefault((name, context), []).append(nodes)
    placed: list[tuple[Group, int, int]] = []
    about: dict[str, frozenset[str]] = {}
    for (name, context), alike in named.items():
        for number, nodes in enumerate(alike):
            ordinal = (str(number + 1),) if number else ()
            identity = identity_of(Kind.CODE, name, place, context, *ordinal)
            members = [f for node in nodes for f in spots[node].members]
            group = out.group(identity, members, reasons_of(spots, nodes, matching))
            if spots[nodes[0]].first:
                last = max(spots[node].last for node in nodes)
                placed.append((group, spots[nodes[0]].first, last))
                about[identity] = matching.labels(nodes[0])
    if len(placed) > 1:
        link_neighbours(placed, about)


def _spots(held: Sequence[Finding]) -> list[Spot]:
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in held:
        place = finding.location
        key: tuple[object, ...] = (finding.tool, finding.rule_id, region(place))
        if place.start_line is None:
            # Without a line only what is said tells two results of a rule apart.
            key = (*key, place.logical, message_context(finding.message))
        spot = spots.get(key)
        if spot is None:
            spots[key] = Spot(finding, weaknesses(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=Spot.order)


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
    return finding.line_hash or finding.fingerprints.get("primaryLocationLineHash", "")


def _rule_name(finding: Finding) -> str:
    return f"{finding.tool}:{finding.rule_id}"
