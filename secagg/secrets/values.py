"""Find and mask the known values of secrets in texts, in all their forms and encodings.

Secrets are first covered: each of their characters is replaced by one that is in no text. So spans
stay valid while several checks work on one text. In the end each run of covers becomes a mask.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from threading import Lock

from secagg.secrets.encodings import (
    PART,
    SHORTEST_WITHIN_A_WORD,
    breaks,
    decodings,
    is_distinctive,
    parts_of,
    runs_in,
)
from secagg.secrets.patterns import MASK, secret_spans
from secagg.secrets.search import ANCHOR, SearchResult, SecretSearch, TextView

# Characters of a value that is searched for. A shorter one is a part of too many texts.
_SHORTEST = 6
# Characters of the beginning of a value, in a text that is cut off, that are masked. An anchor is
# enough if it is two fifths of the value.
_SHORTEST_START = 16
# A new search takes in the earlier ones with less than so many times its values.
_GROWTH = 4
# Characters of a value that is searched for over line ends: a shorter one may match by chance.
_SHORTEST_BROKEN = 10
# Pieces that are searched for one by one.
_FEW = 16
# How often each character of a text is compared with broken values, on average.
_MOST_COMPARED = 200
# How deep base64 or hexadecimal may be nested in base64.
_DEEPEST = 3

# Covers a character of a secret; it is no character of any text (Unicode, 23.7).
_COVER = "\ufdd0"

# Words that scanners report as secrets and that are none.
_COMMON = frozenset(
    """
    password passwd passphrase secret secrets token tokens apikey api_key api-key example changeme
    default username localhost postgres redacted private public string undefined
    """.split()  # noqa: SIM905 - a list of words reads better as words
)


class KnownValues:
    """A growing set of secret values, and the search for them and for the shapes of secrets.

    New values get a search of their own, which takes in the small searches before it: so learning
    and masking may alternate without building a large search each time.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._waiting: list[str] = []
        self._searches: list[tuple[SecretSearch, list[str]]] = []
        # Another thread masks the progress. A value is always in one of the two lists above.
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: str) -> bool:
        """Add ``value``, unless it is too short or too common; return whether it is new."""
        if len(value) < _SHORTEST or value in self._values or value.lower() in _COMMON:
            return False
        with self._lock:
            self._values.add(value)
            self._waiting.append(value)
        return True

    def compact(self, size: int) -> None:
        """Build one search for all values, for ``size`` bytes of text."""
        with self._lock:
            values = list(self._values)
            self._searches = [(SecretSearch(values, size=size), values)]
            self._waiting.clear()

    def search(
        self, data: bytes, *, is_json: bool = False, known_only: bool = False
    ) -> SearchResult | None:
        """Search ``data`` as :meth:`SecretSearch.search` does, for all values."""
        result: SearchResult | None = None
        for search, _ in self._current():
            other = search.search(data, is_json=is_json, known_only=known_only)
            if other is not None and result is not None:
                other = SearchResult(
                    result.shapes,
                    result.forms + other.forms,
                    result.parts + other.parts,
                    other.encoded or result.encoded,
                    other.viewed or result.viewed,
                )
            result = other or result
        return result

    def places(self, data: bytes) -> list[int]:
        """Return where in ``data`` a known value, or an encoded form of it, may begin."""
        lists = (search.places(data) for search, _ in self._current())
        return sorted({place for places in lists for place in places})

    def mask(self, text: str, *, shapes: bool = True) -> str:
        """Mask every known value and every shape of a secret in ``text``; itself if there is none.

        A known value may be a part of a longer secret: covers keep the shape of the longer one.
        """
        covered = self._covered(text, shapes=shapes)
        return text if covered is text else _covers().sub(MASK, covered)

    def lines(self, text: str) -> set[int]:
        """Return the numbers, from 1, of the lines of ``text`` with a part of a secret."""
        numbers: set[int] = set()
        line = 1
        done = 0
        for match in _covers().finditer(self._covered(text, shapes=True)):
            start, end = match.span()
            line += text.count("\n", done, start)
            last = line + text.count("\n", start, end)
            numbers.update(range(line, last + 1))
            line, done = last, end
        return numbers

    def _covered(self, text: str, *, shapes: bool) -> str:
        """Cover every secret in ``text``; return ``text`` itself if there is none."""
        result = self.search(text.encode("utf-8", "surrogatepass"), known_only=not shapes)
        if result is None:
            return text
        covered = self._cover_result(text, result, 0, shapes)
        if result.viewed:
            view = TextView.of(text).unescaped().joined()
            covered_view = self._cover_result(view.text, result, 0, shapes)
            covered = _cover(covered, view.spans(_covered_places(view.text, covered_view)))
        return covered

    def _cover_result(self, text: str, result: SearchResult, depth: int, with_shapes: bool) -> str:
        """Cover what ``result`` says of ``text``, which comes from ``depth`` levels of base64."""
        covered = text
        if result.forms:
            covered = _cover_broken(covered, result.forms)
            covered = _cover_forms(covered, result.forms)
        if result.parts:
            covered = _cover_parts(covered, result.parts)
        if result.encoded and depth < _DEEPEST:
            runs = runs_in(covered)
            hiding = [(a, b) for a, b in runs if self._hides(covered[a:b], depth, with_shapes)]
            covered = _cover(covered, hiding)
        return _cover(covered, secret_spans(text, result.shapes))

    def _current(self) -> list[tuple[SecretSearch, list[str]]]:
        if self._waiting or not self._searches:
            with self._lock:
                searches, values = list(self._searches), list(self._waiting)
                while searches and len(searches[-1][1]) < _GROWTH * len(values):
                    values += searches.pop()[1]
                self._searches = [*searches, (SecretSearch(values), values)]
                self._waiting.clear()
        return self._searches

    def _hides(self, run: str, depth: int, with_shapes: bool) -> bool:
        """Tell whether ``run`` is base64 or hexadecimal of something with a secret in it."""
        for data in decodings(run):
            # All values and shapes are longer, and most runs of a table are short ids.
            if len(data) < _SHORTEST:
                continue
            result = self.search(data, known_only=not with_shapes)
            if result is None:
                continue
            decoded = data.decode("utf-8", "replace")
            # Shapes match random bytes by chance.
            result = result._replace(shapes=result.shapes if data.isascii() else ())
            if self._cover_result(decoded, result, depth + 1, with_shapes) != decoded:
                return True
        return False


@cache
def _covers() -> re.Pattern[str]:
    return re.compile(f"{_COVER}+")


def _cover(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Cover all ``spans``, which may overlap, in one pass over ``text``."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        start = max(start, done)
        if start < end:
            pieces += (text[done:start], _COVER * (end - start))
            done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _cover_broken(text: str, forms: Iterable[str]) -> str:
    """Cover values that are broken by white space or an escaped line end."""
    if not breaks().search(text):
        return text
    joined = (breaks().sub("", form) for form in set(forms))
    long = {form for form in joined if len(form) >= _SHORTEST_BROKEN and is_distinctive(form)}
    return _cover(text, _broken_spans(text, long))


def _broken_spans(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``forms``, which have no breaks, that have breaks within ``text``."""
    joined = breaks().sub("", text)
    # Before which character of ``joined`` each break is, and what is left out up to there.
    places: list[int] = []
    left_out = [0]
    for match in breaks().finditer(text):
        places.append(match.start() - left_out[-1])
        left_out.append(left_out[-1] + len(match[0]))
    for start, end in _whole_spans(joined, forms):
        first, last = bisect_right(places, start), bisect_left(places, end)
        if first < last:
            yield start + left_out[first], end + left_out[last]


def _whole_spans(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``forms`` in ``text``, also within words; of several the longest."""
    by_head, longest = _by_head(forms)
    left = _MOST_COMPARED * len(text)
    for at, head in _places(text, by_head):
        left -= min(longest, len(text) - at)
        if left < 0:
            # Somebody made this text of beginnings of values: there is nothing else to read in it.
            yield 0, len(text)
            return
        rest = text[at : at + longest]
        while rest:
            # All forms between the beginning of a text and the text begin in the same way.
            number = bisect_right(by_head[head], rest)
            form = by_head[head][number - 1] if number else ""
            length = _common_start(rest, 0, form)
            if length == len(form):
                if form:
                    yield at, at + length
                break
            rest = rest[:length]


def _cover_forms(text: str, forms: Iterable[str]) -> str:
    return _cover(text, _form_spans(text, forms))


def _form_spans(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``forms`` in ``text``, and of their beginnings that are long enough."""
    by_head, longest = _by_head(forms)
    done: dict[str, int] = {}
    for at, head in _places(text, by_head):
        if at < done.get(head, 0):
            continue
        end = at + len(head)
        if len(head) >= SHORTEST_WITHIN_A_WORD:
            # In their order, the form that begins most like the text is next to it.
            group = by_head[head]
            after = bisect_left(group, text[at : at + longest]) if len(group) > 1 else 0
            nearest = group[max(after - 1, 0) : after + 1]
            end = at + max(_common_start(text, at, form) for form in nearest)
        elif not _is_word(text, at, end):
            continue
        done[head] = end
        yield at, end


def _by_head(forms: Iterable[str]) -> tuple[dict[str, list[str]], int]:
    """Return ``forms`` in order, by the least beginning that counts; and the longest's length."""
    by_head: dict[str, list[str]] = {}
    longest = 0
    for form in sorted(set(forms)):
        by_head.setdefault(form[: _least_start(form)], []).append(form)
        longest = max(longest, len(form))
    return by_head, longest


def _least_start(form: str) -> int:
    """Return how many characters of the beginning of ``form`` are masked without the rest."""
    return min(_SHORTEST_START, max(ANCHOR, -(-2 * len(form) // 5)))


def _places(text: str, pieces: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield where each of ``pieces`` is in ``text``; those of one piece in their order."""
    if len(pieces) <= _FEW:
        for piece in pieces:
            at = text.find(piece)
            while at >= 0:
                yield at, piece
                at = text.find(piece, at + 1)
        return
    # A search for each of many pieces would take hours in a text that somebody made of them.
    for size in {len(piece) for piece in pieces}:
        for at in range(len(text) - size + 1):
            piece = text[at : at + size]
            if piece in pieces:
                yield at, piece


def _cover_parts(text: str, values: Iterable[str]) -> str:
    """Cover parts of ``values`` in ``text`` that are at least half of the value.

    Such parts remain when a tool masks the beginning only, or a literal is broken in two. Values
    that share parts are compared with each character of ``text`` once on average; then shared
    parts are covered as they are.
    """
    owners: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for value in sorted(set(values)):
        for place in parts_of(value):
            owners[value[place : place + PART]].setdefault(value, place)
    spans = []
    left = len(text)
    for at, part in _places(text, owners):
        for value, place in owners[part].items():
            if left <= 0:
                spans.append((at, at + PART))
                break
            left -= 1
            before = _common_end(text[max(at - place, 0) : at], value[:place])
            length = before + _common_start(text, at, value[place:])
            if length >= max(ANCHOR, (len(value) + 1) // 2):
                spans.append((at - before, at - before + length))
    return _cover(text, spans)


def _common_end(first: str, second: str) -> int:
    """Return the length of the common end of ``first`` and ``second``."""
    return _common_start(first[::-1], 0, second[::-1])


def _covered_places(text: str, covered: str) -> Iterator[int]:
    """Yield where ``covered`` has a cover that ``text`` does not have."""
    for match in _covers().finditer(covered):
        start, end = match.span()
        yield from (at for at in range(start, end) if text[at] != _COVER)


def _common_start(text: str, position: int, form: str) -> int:
    """Return how many characters of ``form`` are in ``text`` at ``position``."""
    low, high = 0, min(len(form), len(text) - position)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(form[:middle], position):
            low = middle
        else:
            high = middle - 1
    return low


def _is_word(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )
