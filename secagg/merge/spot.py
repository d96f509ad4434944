"""Spots: what one rule of one tool says of one region of one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg.finding import Finding, Location

WHOLE_FILE = 1 << 30


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


def order_of(finding: Finding) -> tuple[int, int, int, str, str]:
    """Where the spot of ``finding`` comes in its file (see :meth:`Spot.order`)."""
    place = finding.location
    first = place.start_line or 0
    last = place.end_line or first
    return (
        first,
        place.start_column or 0,
        max(first, last),
        finding.tool,
        finding.rule_id,
    )


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
