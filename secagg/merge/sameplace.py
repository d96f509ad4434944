"""Match results of different tools that are at the same place of a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from secagg.merge.groups import Reason, Reasons, in_order
from secagg.merge.matching import Matching, runs
from secagg.model.finding import Finding, Location

# A line or column behind the end of any file.
WHOLE_FILE = 1 << 30

# The names of the merging rules, the surest first.
SAME_REGION = "same-region"
SAME_START = "same-start"
SAME_COLUMNS = "overlapping-columns"
SAME_LINE = "same-line"
SAME_LINES = "overlapping-lines"
OVERLAPPING_RULES = "overlapping-rules-of-one-tool"

# Lines of regions, in steps: large regions, matched first, would join several small ones.
_HEIGHTS = (3, 10, 40, WHOLE_FILE)
_NO_LABELS: frozenset[str] = frozenset()

Order = tuple[int, int, int, str, str]


def order_of(finding: Finding) -> Order:
    """Return the sort key of ``finding`` in its file: first line, column, last line, tool, rule."""
    place = finding.location
    first = place.start_line or 0
    last = place.end_line or first
    column = place.start_column or 0
    return first, column, max(first, last), finding.tool, finding.rule_id


def are_distinct_regions(orders: Collection[Order]) -> bool:
    """Tell whether different sort keys are surely different regions.

    No column and column 1 are the same (SARIF 2.1.0, 3.30.6).
    """
    columns = {order[1] for order in orders}
    return not (0 in columns and 1 in columns)


class Spot:
    """A result of a tool at a place of a file: one finding, or equal ones if the tool ran twice.

    ``labels`` are the weaknesses or checks that it can be about. ``order`` is the sort key of its
    first finding (see :func:`order_of`). ``parts`` are the results of several rules of the tool
    that were joined.
    """

    __slots__ = ("column", "first", "labels", "last", "members", "order", "parts", "tool")

    def __init__(self, finding: Finding, labels: frozenset[str], order: Order) -> None:
        self.members = [finding]
        self.labels = labels
        self.order = order
        self.first, self.column, self.last, self.tool, _ = order
        self.parts: Sequence[Spot] = ()

    @classmethod
    def of_parts(cls, parts: Sequence[Spot], labels: frozenset[str]) -> Spot:
        """Join spots of one tool; the first contains all the others."""
        outer = parts[0]
        spot = cls(outer.finding, labels, outer.order)
        spot.members = [finding for part in parts for finding in part.members]
        spot.parts = parts
        return spot

    @property
    def region(self) -> tuple[int | None, ...]:
        """The region with the defaults of SARIF filled in."""
        return region(self.finding.location)

    @property
    def finding(self) -> Finding:
        return self.members[0]

    @property
    def end_column(self) -> int:
        """The column behind the result, unlimited if it has several lines; 0 if not known."""
        if self.last > self.first:
            return WHOLE_FILE
        behind = self.finding.location.end_column or 0
        # An empty region only has a beginning.
        return behind if behind > self.column else 0


def region(place: Location) -> tuple[int | None, ...]:
    """Return the region of a place with the defaults of SARIF filled in (3.30.6 to 3.30.8)."""
    first, column, behind = place.start_line, place.start_column or 1, place.end_column
    last = place.end_line or first
    if first == last and behind is not None and behind <= column:
        # Tools without columns write an empty region: 1 to 1.
        behind = None
    return first, column, last, behind


def make_spots(
    findings: list[Finding],
    *,
    labels: Callable[[Finding], frozenset[str]],
    key: Callable[[Finding], tuple[object, ...]],
    are_distinct: Callable[[Mapping[Order, Finding]], bool],
) -> list[Spot]:
    """Make the spots of a file's findings, in the order of their places.

    Findings with one ``key`` are one spot. ``are_distinct`` tells from the findings by sort key
    that no two have one key, which saves making the keys.
    """
    by_order = {order_of(finding): finding for finding in findings}
    if len(by_order) == len(findings) and are_distinct(by_order):
        return [Spot(by_order[order], labels(by_order[order]), order) for order in sorted(by_order)]
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in in_order(findings):
        same = key(finding)
        spot = spots.get(same)
        if spot is None:
            spots[same] = Spot(finding, labels(finding), order_of(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=attrgetter("order"))


def islands(spots: Sequence[Spot]) -> Iterator[Sequence[Spot]]:
    """Yield the sets of ``spots`` (in order) whose lines overlap, directly or through others.

    A spot without a line is alone.
    """
    island: list[Spot] = []
    end = 0
    for spot in spots:
        if island and 0 < spot.first <= end:
            island.append(spot)
            end = max(end, spot.last)
            continue
        if island:
            yield island
        island = [spot]
        end = spot.last if spot.first else 0
    if island:
        yield island


# Spots that are one problem, its labels, and the reasons.
Problem = tuple[Sequence[Spot], frozenset[str], Reasons]


def shared_by_two(one: Spot, other: Spot) -> frozenset[str]:
    """Return the shared labels of two spots (in order) that are one problem; empty if not.

    For two spots the result is that of :func:`match_places`.
    """
    if not one.first or other.first > one.last or one.tool == other.tool:
        return _NO_LABELS
    return one.labels & other.labels


def match_two(one: Spot, other: Spot) -> tuple[str, str] | None:
    """Return the rule and key by which two spots (in order) are one problem, None if not."""
    shared = shared_by_two(one, other)
    if not shared:
        return None
    rule = SAME_LINES
    key = f"{min(shared)} at {one.first}"
    if one.first == other.first:
        rule = SAME_LINE
        if one.column and one.region == other.region:
            rule = SAME_REGION
            key = f"{min(shared)} at {_region_text(one)}"
        elif one.column and one.column == other.column:
            rule = SAME_START
            key = f"{key}:{one.column}"
        elif one.end_column > other.column and other.end_column > one.column:
            rule = SAME_COLUMNS
    return rule, key


def match_places(spots: Sequence[Spot]) -> Matching:
    """Join spots of different tools in one file that share a label and a place.

    The surest rules come first: the same region or start, overlapping columns, the same line;
    then overlapping lines, only if there is one result of each tool.
    """
    matching = Matching([s.tool for s in spots], [s.labels for s in spots])
    if len({spot.tool for spot in spots}) == 1:
        return matching
    if len(spots) == 2:
        match = match_two(*spots)
        if match is not None:
            matching.one_class(*match, (0, 1), None)
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
                    regions.setdefault(f"{label} at {_region_text(part)}", []).append(node)
        matching.classes(SAME_REGION, regions, label=label)
    several = _not_joined(matching, several)
    for label, nodes in several.items():
        starts: dict[str, list[int]] = {}
        for node in nodes:
            if spots[node].column:
                key = f"{label} at {spots[node].first}:{spots[node].column}"
                starts.setdefault(key, []).append(node)
        matching.classes(SAME_START, starts, label=label)
    several = _not_joined(matching, several)
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
        several = _not_joined(matching, several)
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


def _region_text(spot: Spot) -> str:
    place = spot.finding.location
    return f"{spot.first}:{spot.column}-{spot.last}:{place.end_column or ''}"


def _not_joined(matching: Matching, several: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Return the labels whose nodes are not yet one set; most are after the first rule."""
    return {
        label: nodes
        for label, nodes in several.items()
        if len(nodes) > 1 and len({matching.root(node) for node in nodes}) > 1
    }


def _by_line(spots: Sequence[Spot], nodes: Iterable[int]) -> dict[int, list[int]]:
    spots_of_line: dict[int, list[int]] = {}
    for node in nodes:
        spots_of_line.setdefault(spots[node].first, []).append(node)
    return spots_of_line


def problems_of(spots: Sequence[Spot], matching: Matching) -> list[Problem]:
    """Return the problems that matched ``spots`` are."""
    return [
        (
            [spots[node] for node in nodes],
            matching.labels(nodes[0]),
            reasons_of(spots, nodes, matching),
        )
        for nodes in matching.sets()
    ]


def reasons_of(spots: Sequence[Spot], nodes: Sequence[int], matching: Matching) -> list[Reason]:
    """Return the reasons why the spots ``nodes`` of one set are one group."""
    first_member: dict[int, int] = {}
    reasons = []
    start = 0
    for node in nodes:
        spot = spots[node]
        first_member[node] = start
        reasons += reasons_of_spot(spot, start)
        start += len(spot.members)
    if len(nodes) > 1:
        for step in matching.steps_of(nodes[0]):
            members = tuple(sorted(first_member[node] for node in step.nodes))
            reasons.append(Reason(rule=step.rule, key=step.key, members=members))
    return reasons


def reasons_of_spot(spot: Spot, start: int = 0) -> list[Reason]:
    """Return the reasons why the members of one spot, from number ``start`` on, are one."""
    if len(spot.members) == 1:
        return []
    if spot.parts:
        return _reasons_of_parts(spot, start)
    members = tuple(range(start, start + len(spot.members)))
    key = f"{spot.finding.rule_id} at {spot.first}"
    return [Reason(rule="same-rule-same-place", key=key, members=members)]


def _reasons_of_parts(spot: Spot, start: int) -> list[Reason]:
    """Return the reason of joined results of one tool: their regions contain each other."""
    reasons, firsts = [], []
    at = start
    for part in spot.parts:
        firsts.append(at)
        reasons += reasons_of_spot(part, at)
        at += len(part.members)
    key = f"{min(spot.labels)} at {spot.first}"
    return [*reasons, Reason(rule=OVERLAPPING_RULES, key=key, members=tuple(firsts))]
