"""Spots: what one rule of one tool says of one region of one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from secagg.model.finding import Finding, Location

WHOLE_FILE = 1 << 30


Order = tuple[int, int, int, str, str]


def order_of(finding: Finding) -> Order:
    """Where the spot of ``finding`` comes in its file: first line, column, last line, rule."""
    place = finding.location
    first = place.start_line or 0
    last = place.end_line or first
    column = place.start_column or 0
    return first, column, max(first, last), finding.tool, finding.rule_id


def told_apart(orders: Collection[Order]) -> bool:
    """Whether different orders are different regions.

    They may not be where one has no column and another the first: they are the same (3.30.6).
    """
    columns = {order[1] for order in orders}
    return not (0 in columns and 1 in columns)


class Spot:
    """Findings that say the same of the same place: one of them, unless a tool ran twice.

    ``order`` is that of its first finding (see :func:`order_of`).
    """

    __slots__ = ("column", "first", "labels", "last", "members", "order", "parts", "tool")

    def __init__(self, finding: Finding, labels: frozenset[str], order: Order) -> None:
        self.members = [finding]
        self.labels = labels
        self.order = order
        self.first, self.column, self.last, self.tool, _ = order
        # What rules of the tool said of the same place, if several did.
        self.parts: Sequence[Spot] = ()

    @classmethod
    def of_parts(cls, parts: Sequence[Spot], labels: frozenset[str]) -> Spot:
        """Make one spot of several of one tool, the first of which holds all the others."""
        outer = parts[0]
        spot = cls(outer.finding, labels, outer.order)
        spot.members = [finding for part in parts for finding in part.members]
        spot.parts = parts
        return spot

    @property
    def region(self) -> tuple[int | None, ...]:
        """Its region with what SARIF leaves out filled in."""
        return region(self.finding.location)

    @property
    def finding(self) -> Finding:
        return self.members[0]

    @property
    def end_column(self) -> int:
        """The column behind it, without limit where it ends on another line; 0 if not known."""
        if self.last > self.first:
            return WHOLE_FILE
        behind = self.finding.location.end_column or 0
        # An empty region says no more than where something begins.
        return behind if behind > self.column else 0


def region(place: Location) -> tuple[int | None, ...]:
    """The region of a place with what SARIF leaves out filled in (3.30.6 to 3.30.8)."""
    first, column, behind = place.start_line, place.start_column or 1, place.end_column
    last = place.end_line or first
    if first == last and behind is not None and behind <= column:
        # Tools that know no columns write an empty region: 1 to 1.
        behind = None
    return first, column, last, behind


def islands(spots: Sequence[Spot]) -> Iterator[Sequence[Spot]]:
    """``spots`` (in order) of which the lines overlap, directly or through others, together.

    What has no line stands alone.
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
