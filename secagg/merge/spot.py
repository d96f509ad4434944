"""Spots: what one rule of one tool says of one region of one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from secagg.finding import Finding, Location

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

    __slots__ = ("column", "first", "labels", "last", "members", "order", "tool")

    def __init__(self, finding: Finding, labels: frozenset[str], order: Order) -> None:
        self.members = [finding]
        self.labels = labels
        self.order = order
        self.first, self.column, self.last, self.tool, _ = order

    @property
    def finding(self) -> Finding:
        return self.members[0]

    @property
    def end_column(self) -> int:
        """The column behind it, without limit where it ends on another line; 0 if not known."""
        if self.last > self.first:
            return WHOLE_FILE
        return self.finding.location.end_column or 0


def region(place: Location) -> tuple[int | None, ...]:
    """The region of a place with what SARIF leaves out filled in (3.30.6 to 3.30.8)."""
    first = place.start_line
    return first, place.start_column or 1, place.end_line or first, place.end_column


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
