"""One secret that detectors cut differently: with its name, with the lines around, or in part.

In one text (the work tree's, or that of one commit) overlapping columns of a line are one
secret, and a match of several lines is the one secret that lies inside, if it is just one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from secagg.merge.sets import join, root
from secagg.model.finding import Finding

# A longer region says nothing of where in it the secret is.
_LONGEST = 200
_UNKNOWN_END = 1
# Each time costs as much as the first; more of them take a chain of blocks in as many commits.
_PASSES = 8

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
    around = [_Around(texts[text]) for text in sorted(texts, key=lambda text: text or "")]
    for _ in range(_PASSES):
        # What is one in one text may leave just one secret inside of a match in another.
        joined = [text.join(parent) for text in around]
        if True not in joined:
            break
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


class _Around:
    """Matches of several lines in one text, and the secrets within single lines of it."""

    def __init__(self, spans: Sequence[tuple[Span, int]]) -> None:
        self._wide = [(span, number) for span, number in spans if span[2] != span[0]]
        self._at_line: dict[int, set[int]] = {}
        if self._wide:
            for (first, _, last, _), number in spans:
                if first == last:
                    self._at_line.setdefault(first, set()).add(number)

    def join(self, parent: list[int]) -> bool:
        """Join each match of several lines with the one secret inside of it; True if any was.

        A match that is known to be one of two inside of it is not the other as well.
        """
        at_line = {
            line: {root(parent, number) for number in numbers}
            for line, numbers in self._at_line.items()
        }
        any_joined = False
        for (first, _, last, _), number in self._wide:
            lines = range(first, min(last, first + _LONGEST) + 1)
            inside = _only([at_line[line] for line in lines if line in at_line], parent)
            if inside is not None and inside != root(parent, number):
                join(parent, inside, number)
                any_joined = True
        return any_joined


def _only(lines: Iterable[Iterable[int]], parent: list[int]) -> int | None:
    """The one secret that stands on ``lines``; None if there are more of them, or none."""
    found: int | None = None
    for numbers in lines:
        for number in numbers:
            one = root(parent, number)
            if found is not None and one != found:
                return None
            found = one
    return found
