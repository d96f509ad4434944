"""One secret that detectors cut differently: with its name, with the lines around, or in part.

In one text (the work tree's, or that of one commit) overlapping columns of a line are one
secret, and a match of several lines is the one secret that lies inside, if it is just one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from secagg.finding import Finding
from secagg.merge.sets import join, root

# A longer region says nothing of where in it the secret is.
_LONGEST = 200
_UNKNOWN_END = 1

Place = tuple[str, str]
Span = tuple[int, int, int, int]


def overlapping(known: Mapping[Place, Sequence[Finding]]) -> Iterator[list[Place]]:
    """The secrets of ``known`` (by value and file) that are one: each time two or more of them.

    The first of a list is the most exact one, by which the secret goes.
    """
    in_file: dict[str, list[Place]] = {}
    for key in known:
        in_file.setdefault(key[1], []).append(key)
    for keys in in_file.values():
        if len(keys) > 1:
            yield from _in_one_file(sorted(keys), known)


def _in_one_file(
    keys: list[Place], known: Mapping[Place, Sequence[Finding]]
) -> Iterator[list[Place]]:
    texts: dict[str | None, list[tuple[Span, int]]] = {}
    widths: dict[int, int] = {}
    for number, key in enumerate(keys):
        for finding in known[key]:
            span = _span(finding)
            if span is not None and finding.secret is not None:
                text = finding.location.commit if finding.secret.in_history else None
                texts.setdefault(text, []).append((span, number))
                width = (span[2] - span[0]) * 1000 + span[3] - span[1]
                widths[number] = min(width, widths.get(number, width))
    parent = list(range(len(keys)))
    for spans in texts.values():
        spans.sort()
        _join_columns(spans, parent)
    for spans in texts.values():
        _join_around(spans, parent)
    sets: dict[int, list[int]] = {}
    for number in range(len(keys)):
        sets.setdefault(root(parent, number), []).append(number)
    for together in sets.values():
        if len(together) > 1:
            together.sort(key=lambda number: (widths.get(number, 0), keys[number]))
            yield [keys[number] for number in together]


def _span(finding: Finding) -> Span | None:
    """First line and column, last line and the column behind; None where no column is known."""
    place = finding.location
    if place.start_line is None or place.start_column is None:
        return None
    last = max(place.end_line or place.start_line, place.start_line)
    # Of a decoded secret only the first column is known.
    end = place.end_column if place.end_column is not None else place.start_column + _UNKNOWN_END
    return place.start_line, place.start_column, last, end


def _join_columns(spans: Sequence[tuple[Span, int]], parent: list[int]) -> None:
    """Join what overlaps within a line; ``spans`` are sorted."""
    line, end, held = 0, 0, -1
    for (first, start, last, behind), number in spans:
        if last != first:
            continue
        if first == line and start < end:
            join(parent, held, number)
            end = max(end, behind)
        else:
            line, end, held = first, behind, number


def _join_around(spans: Sequence[tuple[Span, int]], parent: list[int]) -> None:
    """Join a match of several lines with the one secret inside of it."""
    wide = [(span, number) for span, number in spans if span[2] != span[0]]
    if not wide:
        return
    at_line: dict[int, set[int]] = {}
    for (first, _, last, _), number in spans:
        if first == last:
            at_line.setdefault(first, set()).add(number)
    for (first, _, last, _), number in wide:
        lines = range(first, min(last, first + _LONGEST) + 1)
        inside = {root(parent, other) for line in lines for other in at_line.get(line, ())}
        inside.discard(root(parent, number))
        if len(inside) == 1:
            join(parent, inside.pop(), number)
