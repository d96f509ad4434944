"""Spots: what one rule of one tool says of one region of one file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from secagg.finding import Finding, Location
from secagg.merge.groups import Group, NearMiss, Reason
from secagg.merge.matching import Matching, runs

SAME_START = "same-start"
SAME_COLUMNS = "overlapping-columns"
SAME_LINE = "same-line"
SAME_LINES = "overlapping-lines"

# So many following neighbours of a group are looked at to link what is nearby.
_NEIGHBOURS = 4
WHOLE_FILE = 1 << 30
# Small regions are matched before the large ones that would run several together.
_HEIGHTS = (3, 10, 40, WHOLE_FILE)


class Spot:
    """Findings that say the same of the same place: one of them, unless a tool ran twice."""

    __slots__ = ("column", "end_column", "first", "labels", "last", "members", "tool")

    def __init__(self, finding: Finding, labels: frozenset[str]) -> None:
        place = finding.location
        self.members = [finding]
        self.labels = labels
        self.tool = finding.tool
        self.first = place.start_line or 0
        self.last = max(place.end_line or self.first, self.first)
        self.column = place.start_column or 0
        single = self.last == self.first
        self.end_column = (place.end_column or 0) if single else WHOLE_FILE

    def order(self) -> tuple[int, int, int, str, str]:
        """Where it comes in its file."""
        return self.first, self.column, self.last, self.tool, self.finding.rule_id

    @property
    def finding(self) -> Finding:
        return self.members[0]


def region(place: Location) -> tuple[int | None, ...]:
    """The region of a place with what SARIF leaves out filled in (3.30.6 to 3.30.8)."""
    first = place.start_line
    return first, place.start_column or 1, place.end_line or first, place.end_column


def match_places(spots: Sequence[Spot]) -> Matching:
    """Join the spots of one file that share a label and, one of each tool, a place.

    The surest signs come first: the same start, overlapping columns, the same line, and
    overlapping lines only where there is one result of each tool.
    """
    matching = Matching([s.tool for s in spots], [s.labels for s in spots])
    if len({spot.tool for spot in spots}) == 1:
        return matching
    if len(spots) == 2:
        _match_two(matching, *spots)
        return matching
    labelled: dict[str, list[int]] = {}
    for node, spot in enumerate(spots):
        if spot.first:
            for label in spot.labels:
                labelled.setdefault(label, []).append(node)
    several = {
        label: nodes
        for label, nodes in sorted(labelled.items())
        if len({spots[node].tool for node in nodes}) > 1
    }
    for label, nodes in several.items():
        starts: dict[str, list[int]] = {}
        for node in nodes:
            if spots[node].column:
                key = f"{label} at {spots[node].first}:{spots[node].column}"
                starts.setdefault(key, []).append(node)
        matching.classes(SAME_START, starts, label=label)
    several = _apart(matching, several)
    lines = {label: _by_line(spots, nodes) for label, nodes in several.items()}
    for label, by_line in lines.items():
        for line, nodes in by_line.items():
            spans = [
                (spots[n].column, spots[n].end_column - 1, n) for n in nodes if spots[n].end_column
            ]
            for overlapping in runs(spans):
                if len(overlapping) > 1:
                    matching.one_class(SAME_COLUMNS, f"{label} at {line}", overlapping, label)
    for label, by_line in lines.items():
        keyed = {f"{label} at {line}": nodes for line, nodes in by_line.items()}
        matching.classes(SAME_LINE, keyed, label=label)
    for height in _HEIGHTS:
        several = _apart(matching, several)
        for label, nodes in several.items():
            spans = [
                (spots[n].first, spots[n].last, n)
                for n in nodes
                if spots[n].last - spots[n].first < height
            ]
            for overlapping in runs(spans):
                if len(overlapping) > 1:
                    key = f"{label} at {spots[overlapping[0]].first}"
                    matching.one_class(SAME_LINES, key, overlapping, label, strict=True)
    return matching


def _apart(matching: Matching, several: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """The labels whose nodes are not all one set yet: most are after the surest sign."""
    return {
        label: nodes
        for label, nodes in several.items()
        if len(nodes) > 1 and len({matching.root(node) for node in nodes}) > 1
    }


def _match_two(matching: Matching, one: Spot, other: Spot) -> None:
    """What :func:`match_places` does, for the two spots (of two tools) that most files have."""
    shared = one.labels & other.labels
    # Spots come in the order of their places.
    if not shared or not one.first or other.first > one.last:
        return
    rule = SAME_LINES
    if one.first == other.first:
        rule = SAME_LINE
        if one.column and one.column == other.column:
            rule = SAME_START
        elif one.end_column > other.column and other.end_column > one.column:
            rule = SAME_COLUMNS
    matching.one_class(rule, f"{min(shared)} at {one.first}", (0, 1), None)


def _by_line(spots: Sequence[Spot], nodes: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for node in nodes:
        found.setdefault(spots[node].first, []).append(node)
    return found


def reasons_of(spots: Sequence[Spot], nodes: Sequence[int], matching: Matching) -> list[Reason]:
    """Why the spots ``nodes`` of one set and their members are one group."""
    at: dict[int, int] = {}
    found = []
    start = 0
    for node in nodes:
        spot = spots[node]
        at[node] = start
        if len(spot.members) > 1:
            members = tuple(range(start, start + len(spot.members)))
            key = f"{spot.finding.rule_id} at {spot.first}"
            found.append(Reason(rule="same-rule-same-place", key=key, members=members))
        start += len(spot.members)
    if len(nodes) > 1:
        for step in matching.steps_of(nodes[0]):
            members = tuple(sorted(at[node] for node in step.nodes))
            found.append(Reason(rule=step.rule, key=step.key, members=members))
    return found


def link_neighbours(
    groups: Sequence[tuple[Group, int, int]], same: Mapping[str, frozenset[str]]
) -> None:
    """Link groups (with first and last line) of one file that overlap.

    ``same`` gives what each group (by identity) is about: those that share something were
    near misses, the others are related. A group is linked to a few neighbours only, however
    many there are.
    """
    related: dict[str, list[str]] = {}
    near: dict[str, list[NearMiss]] = {}
    for one, other in _overlapping(groups):
        shared = same[one.identity] & same[other.identity]
        if not shared:
            related.setdefault(one.identity, []).append(other.identity)
            related.setdefault(other.identity, []).append(one.identity)
            continue
        why = _why(one, other, min(shared))
        near.setdefault(one.identity, []).append(NearMiss(identity=other.identity, why=why))
        near.setdefault(other.identity, []).append(NearMiss(identity=one.identity, why=why))
    for group, _, _ in groups:
        if group.identity in related:
            group.related = (*group.related, *related[group.identity])
        if group.identity in near:
            group.near_misses = (*group.near_misses, *near[group.identity])


def _overlapping(groups: Sequence[tuple[Group, int, int]]) -> Iterator[tuple[Group, Group]]:
    ordered = sorted(groups, key=lambda item: (item[1], item[2], item[0].identity))
    for at, (group, _, last) in enumerate(ordered):
        for other, first, _ in ordered[at + 1 : at + 1 + _NEIGHBOURS]:
            if first > last:
                break
            yield group, other


def _why(one: Group, other: Group, label: str) -> str:
    tools = sorted({f.tool for f in one.members} & {f.tool for f in other.members})
    if tools:
        return f"{label} too, but {' and '.join(tools)} reports both"
    return f"{label} too, but it is unclear which of several results it is"
