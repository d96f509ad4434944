"""Which results of different tools lie at the same place: the surest signs first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from secagg.merge.groups import Reason, Reasons
from secagg.merge.matching import Matching, runs
from secagg.merge.spot import WHOLE_FILE, Spot

SAME_REGION = "same-region"
SAME_START = "same-start"
SAME_COLUMNS = "overlapping-columns"
SAME_LINE = "same-line"
SAME_LINES = "overlapping-lines"
OVERLAPPING_RULES = "overlapping-rules-of-one-tool"

# Small regions are matched before the large ones that would run several together.
_HEIGHTS = (3, 10, 40, WHOLE_FILE)
_NO_LABELS: frozenset[str] = frozenset()


# Spots that are one problem, what it can be about, and why they are one.
Problem = tuple[Sequence[Spot], frozenset[str], Reasons]


def shared_by_two(one: Spot, other: Spot) -> frozenset[str]:
    """The labels that two spots, in the order of their places, share if they are one problem.

    It is what :func:`match_places` comes down to for two; empty where it would not join them.
    """
    if not one.first or other.first > one.last or one.tool == other.tool:
        return _NO_LABELS
    return one.labels & other.labels


def match_two(one: Spot, other: Spot) -> tuple[str, str] | None:
    """The rule and key by which two spots, in the order of their places, are one problem."""
    shared = shared_by_two(one, other)
    if not shared:
        return None
    rule = SAME_LINES
    key = f"{min(shared)} at {one.first}"
    if one.first == other.first:
        rule = SAME_LINE
        if one.column and one.column == other.column:
            rule = SAME_START
            key = f"{key}:{one.column}"
        elif one.end_column > other.column and other.end_column > one.column:
            rule = SAME_COLUMNS
    return rule, key


def match_places(spots: Sequence[Spot]) -> Matching:
    """Join the spots of one file that share a label and, one of each tool, a place.

    The surest signs come first: the same region or start, overlapping columns, the same line, and
    overlapping lines only where there is one result of each tool.
    """
    matching = Matching([s.tool for s in spots], [s.labels for s in spots])
    if len({spot.tool for spot in spots}) == 1:
        return matching
    if len(spots) == 2:
        alike = match_two(*spots)
        if alike is not None:
            matching.one_class(*alike, (0, 1), None)
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
        regions: dict[str, list[int]] = {}
        for node in nodes:
            for part in spots[node].parts or (spots[node],):
                if part.column:
                    regions.setdefault(f"{label} at {_written(part)}", []).append(node)
        matching.classes(SAME_REGION, regions, label=label)
    several = _apart(matching, several)
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


def _written(spot: Spot) -> str:
    place = spot.finding.location
    return f"{spot.first}:{spot.column}-{spot.last}:{place.end_column or ''}"


def _apart(matching: Matching, several: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """The labels whose nodes are not all one set yet: most are after the surest sign."""
    return {
        label: nodes
        for label, nodes in several.items()
        if len(nodes) > 1 and len({matching.root(node) for node in nodes}) > 1
    }


def _by_line(spots: Sequence[Spot], nodes: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for node in nodes:
        found.setdefault(spots[node].first, []).append(node)
    return found


def problems_of(spots: Sequence[Spot], matching: Matching) -> list[Problem]:
    """What ``spots`` come down to, once they are matched."""
    return [
        (
            [spots[node] for node in nodes],
            matching.labels(nodes[0]),
            reasons_of(spots, nodes, matching),
        )
        for nodes in matching.sets()
    ]


def reasons_of(spots: Sequence[Spot], nodes: Sequence[int], matching: Matching) -> list[Reason]:
    """Why the spots ``nodes`` of one set and their members are one group."""
    at: dict[int, int] = {}
    found = []
    start = 0
    for node in nodes:
        spot = spots[node]
        at[node] = start
        found += own_reasons(spot, start)
        start += len(spot.members)
    if len(nodes) > 1:
        for step in matching.steps_of(nodes[0]):
            members = tuple(sorted(at[node] for node in step.nodes))
            found.append(Reason(rule=step.rule, key=step.key, members=members))
    return found


def own_reasons(spot: Spot, start: int = 0) -> list[Reason]:
    """Why the members of one spot, the first of them member ``start``, are one."""
    if len(spot.members) == 1:
        return []
    if spot.parts:
        return _reasons_of_parts(spot, start)
    members = tuple(range(start, start + len(spot.members)))
    key = f"{spot.finding.rule_id} at {spot.first}"
    return [Reason(rule="same-rule-same-place", key=key, members=members)]


def _reasons_of_parts(spot: Spot, start: int) -> list[Reason]:
    """Why what several rules of one tool say is one: their regions contain each other."""
    found, firsts = [], []
    at = start
    for part in spot.parts:
        firsts.append(at)
        found += own_reasons(part, at)
        at += len(part.members)
    key = f"{min(spot.labels)} at {spot.first}"
    return [*found, Reason(rule=OVERLAPPING_RULES, key=key, members=tuple(firsts))]
