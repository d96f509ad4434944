"""The values of secrets, found again in texts however they are written there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import takewhile
from threading import Lock

from secagg.secrets.encodings import (
    PART,
    SHORTEST_WITHIN_A_WORD,
    breaks,
    decodings,
    is_telling,
    parts_of,
    runs_in,
)
from secagg.secrets.patterns import MASK, secret_spans
from secagg.secrets.search import ANCHOR, SearchResult, SecretSearch, TextView

# A value shorter than this is not looked for in other texts: it would blot out half of them.
_SHORTEST = 6
# So much of a value, at least, is masked where a text was cut off: this many characters, or
# the anchor where it is two fifths of the value.
_SHORTEST_START = 16
# A search is built again with those before it that have less than so many times its values.
_GROWTH = 4
# A shorter value, put together of what stands on two lines, may be there by chance.
_SHORTEST_BROKEN = 10
# So often base64 or hexadecimal is decoded that stands in such.
_DEEPEST = 3

# Words that scanners report as secrets and that tell nothing.
_COMMON = frozenset(
    """
    password passwd passphrase secret secrets token tokens apikey api_key api-key example changeme
    default username localhost postgres redacted private public string undefined
    """.split()  # noqa: SIM905 - a list of words reads better as words
)


class KnownValues:
    """A growing set of secret values, and the search for them and for the shapes of secrets.

    A search is built again only when the values that came since outnumber a share of it, so that
    learning and masking may alternate.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._waiting: list[str] = []
        self._searches: list[tuple[SecretSearch, list[str]]] = []
        # Progress is masked in another thread. A value is always in one of the two lists above.
        self._changing = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: str) -> bool:
        """Remember ``value``, unless it is too short or too common to be looked for.

        True if it was not known.
        """
        if len(value) < _SHORTEST or value in self._values or value.lower() in _COMMON:
            return False
        with self._changing:
            self._values.add(value)
            self._waiting.append(value)
        return True

    def compact(self, size: int) -> None:
        """Make one search of all values, for a pass over ``size`` bytes of text."""
        with self._changing:
            values = list(self._values)
            self._searches = [(SecretSearch(values, size=size), values)]
            self._waiting.clear()

    def search(self, data: bytes, *, is_json: bool = False) -> SearchResult | None:
        """Search ``data`` (a text in UTF-8, or JSON); None where it surely holds no secret."""
        searches = self._current()
        result = searches[0][0].search(data, is_json=is_json)
        if len(searches) == 1:
            return result
        for search, _ in searches[1:]:
            other = search.search(data, is_json=is_json)
            if other is not None and result is not None:
                result = SearchResult(
                    result.shapes,
                    result.forms + other.forms,
                    result.parts + other.parts,
                    other.encoded or result.encoded,
                    other.viewed or result.viewed,
                )
            result = result or other
        return result

    def places(self, data: bytes) -> list[int]:
        """Return where in ``data`` a known value may begin, or what it may be written in."""
        spans = (search.places(data) for search, _ in self._current())
        return sorted({place for places in spans for place in places})

    def mask(self, text: str, *, shapes: bool = True) -> str:
        """Mask every known value and every shape of a secret in ``text``; itself if none.

        Secrets are covered in place first, so that a known value that is a part of a longer secret
        does not hide the longer one's shape, nor the other way round.
        """
        covered = self._covered(text, 0, shapes=shapes)
        return text if covered is text else _covers().sub(MASK, covered)

    def lines(self, text: str) -> set[int]:
        """Return the lines of ``text``, counted from 1, on which a secret stands or goes on."""
        numbers: set[int] = set()
        line = 1
        done = 0
        for match in _covers().finditer(self._covered(text, 0)):
            start, end = match.span()
            line += text.count("\n", done, start)
            last = line + text.count("\n", start, end)
            numbers.update(range(line, last + 1))
            line, done = last, end
        return numbers

    def _covered(self, text: str, depth: int, *, shapes: bool = True) -> str:
        """Cover every secret in ``text``, itself decoded from base64 in base64 ``depth`` times."""
        result = self.search(text.encode("utf-8", "surrogatepass"))
        if result is None:
            return text
        if not shapes:
            result = result._replace(shapes=())
        covered = self._cover_result(text, result, depth, shapes=shapes)
        if result.viewed:
            view = TextView.of(text).unescaped().joined()
            seen = self._cover_result(view.text, result, depth, shapes=shapes)
            covered = _cover(covered, view.spans(_covered_places(view.text, seen)))
        return text if covered == text else covered

    def _cover_result(
        self, text: str, result: SearchResult, depth: int, *, shapes: bool = True
    ) -> str:
        covered = text
        if result.forms:
            covered = _cover_broken(covered, result.forms)
            covered = _cover_forms(covered, result.forms)
        if result.parts:
            covered = _cover_parts(covered, result.parts)
        if result.encoded and depth < _DEEPEST:
            runs = [(a, b) for a, b in runs_in(covered) if self._hides(covered[a:b], depth, shapes)]
            covered = _cover(covered, runs)
        return _cover(covered, secret_spans(text, result.shapes))

    def _current(self) -> list[tuple[SecretSearch, list[str]]]:
        if self._waiting or not self._searches:
            with self._changing:
                searches, values = list(self._searches), list(self._waiting)
                while searches and len(searches[-1][1]) < _GROWTH * len(values):
                    values += searches.pop()[1]
                self._searches = [*searches, (SecretSearch(values), values)]
                self._waiting.clear()
        return self._searches

    def _hides(self, run: str, depth: int, with_shapes: bool) -> bool:
        """Tell whether ``run`` is base64 or hexadecimal of something with a secret in it."""
        for data in decodings(run):
            result = self.search(data)
            if result is None:
                continue
            decoded = data.decode("utf-8", "replace")
            # By chance a shape fits to bytes that are no text.
            result = result._replace(shapes=result.shapes if with_shapes and data.isascii() else ())
            if self._cover_result(decoded, result, depth + 1, shapes=with_shapes) != decoded:
                return True
        return False


# Covers a character of a secret; it is no character of any text (Unicode, 23.7).
_COVER = "\ufdd0"


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
    """Cover values that white space or an escaped line end breaks in two."""
    if not breaks().search(text):
        return text
    joined = breaks().sub("", text)
    for form in sorted(set(forms)):
        form = breaks().sub("", form)
        long = len(form) >= _SHORTEST_BROKEN and is_telling(form)
        while long and joined.count(form) > text.count(form):
            text = _cover(text, [_broken_at(text, joined, form)])
            joined = breaks().sub("", text)
    return text


def _cover_forms(text: str, forms: Iterable[str]) -> str:
    return _cover(text, [span for form in set(forms) for span in _places(text, form)])


def _cover_parts(text: str, values: Iterable[str]) -> str:
    """Cover what of ``values`` stands in ``text`` without its beginning or its end, half at least.

    A mask in the place of the beginning, and a literal that is broken in two, leave so much.
    """
    for value in sorted(set(values), key=lambda value: (-len(value), value)):
        least = max(ANCHOR, (len(value) + 1) // 2)
        spans = []
        for place in parts_of(value):
            part = value[place : place + PART]
            at = text.find(part)
            while at >= 0:
                before = _common_end(text[max(at - place, 0) : at], value[:place])
                length = before + _common(text, at, value[place:])
                if length >= least:
                    spans.append((at - before, at - before + length))
                at = text.find(part, at + 1)
        text = _cover(text, spans)
    return text


def _common_end(first: str, second: str) -> int:
    """How many characters ``first`` and ``second`` end with alike."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _covered_places(text: str, covered: str) -> Iterator[int]:
    """Where ``covered`` has a cover that ``text`` has not."""
    for match in _covers().finditer(covered):
        start, end = match.span()
        yield from (at for at in range(start, end) if text[at] != _COVER)


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Where ``form`` stands in ``text``, and the longer part of it where ``text`` is cut off."""
    anchor = form[:ANCHOR]
    position = text.find(anchor)
    while position >= 0:
        length = _common(text, position, form)
        end = position + length
        whole = length == len(form) and (
            length >= SHORTEST_WITHIN_A_WORD or _stands_alone(text, position, end)
        )
        if whole or length >= _SHORTEST_START or (length >= ANCHOR and 5 * length >= 2 * len(form)):
            yield position, end
            position = text.find(anchor, end)
        else:
            position = text.find(anchor, position + 1)


def _common(text: str, position: int, form: str) -> int:
    """How many characters of ``form`` stand in ``text`` at ``position``."""
    if text.startswith(form, position):
        return len(form)
    low, high = 0, len(form)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(form[:middle], position):
            low = middle
        else:
            high = middle - 1
    return low


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )


def _broken_at(text: str, squeezed: str, form: str) -> tuple[int, int]:
    """From where to where ``form`` stands in ``text``, breaks within it not counted."""
    kept: list[int] = []
    done = 0
    for match in breaks().finditer(text):
        kept.extend(range(done, match.start()))
        done = match.end()
    kept.extend(range(done, len(text)))
    at = squeezed.find(form)
    while at >= 0:
        start, end = kept[at], kept[at + len(form) - 1] + 1
        if end - start > len(form):
            return start, end
        at = squeezed.find(form, at + 1)
    at = squeezed.index(form)
    return kept[at], kept[at + len(form) - 1] + 1
