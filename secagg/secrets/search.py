"""The fast search that tells whether a text may hold a secret, and of which sort.

One Aho-Corasick automaton passes over a text, or over the JSON of a whole entry. It has the
literals of all shapes, the beginnings of all forms of the known values, and both in base64 and
hexadecimal. A match only means that the text needs the exact check of :mod:`secagg.secrets.values`;
a text without a match holds nothing that this check would mask.

Some texts hold a secret only once their escapes are undone or the pieces of their literals are
joined. Such a form is a view of the text: it maps each of its characters to the text, so that the
secret can be masked there.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import ahocorasick_rs

from secagg.secrets.encodings import (
    PART,
    base64_within,
    changed_forms,
    encoded_anchors,
    forms_of,
    is_wrapped,
    nested_within,
    parts_of,
    squeezed,
)
from secagg.secrets.patterns import ASSIGNMENTS, SHAPES

# The characters of base64 as escapes: letters and digits, which few encoders escape, and "+" and
# "/", which those of URLs and of JSON do. A text without any of these, and without JOINTS, has no
# view.
_CHARACTERS = f"{string.ascii_letters}{string.digits}+/"
ESCAPES: tuple[bytes, ...] = (
    *(f"%{ord(character):02x}".encode() for character in _CHARACTERS),
    *(f"%{ord(character):02X}".encode() for character in _CHARACTERS),
    b"\\/",
    *(f"%25{digit}".encode() for digit in "234567"),
    *(f"\\u00{digit}".encode() for digit in "234567"),
    *(f"\\x{digit}".encode() for digit in "234567"),
    b"\\u0000",
    b"\0",
    b"\\u{",
    b"&#",
    b", 0x",
    b",0x",
)
# Between the pieces of a literal, as in source code and as in JSON.
JOINTS: tuple[bytes, ...] = tuple(
    f"{quote}{sign}{quote}".encode()
    for quote in ('"', '\\"', "'", "`")
    for sign in ("+", " + ", " ", " . ", " & ", " || ", " .. ", " ~ ", " <> ")
)
# How often escapes of escapes are undone.
_ROUNDS = 3
# The first bytes of each form of a value are its anchor. A match of an anchor is compared with the
# form in full. The automaton has only the beginnings of anchors, so it stays small for many values.
ANCHOR = 12
_PREFIX = 5
# Marks of matches that are no secrets: of base64 or hexadecimal, and of what makes a view.
_ENCODED, _ESCAPED, _JOINED = 1, 2, 4
_VIEWED = _ESCAPED | _JOINED
# A DFA takes two thirds of the time that an NFA takes for a text, and 1.4 KB and 5 microseconds for
# each pattern. It is built from so many bytes of text for each pattern, up to so many patterns.
_BYTES_A_PATTERN = 1000
_MOST_FOR_DFA = 500_000


@cache
def _escape() -> re.Pattern[str]:
    return re.compile(
        r"%([0-9A-Fa-f]{2})|\\{1,8}u00([0-9A-Fa-f]{2})|\\{1,8}u\{0{0,6}([0-9A-Fa-f]{1,2})\}"
        r"|\\{1,8}x([0-9A-Fa-f]{2})|&#[xX]0{0,6}([0-9A-Fa-f]{1,2});|&#0{0,6}([0-9]{1,3});"
        r"|(?<![A-Za-z0-9])0x([0-9A-Fa-f]{2})\b(?:,? ?(?=0x))?|\0|\\{1,8}/"
    )


@cache
def _joint() -> re.Pattern[str]:
    return re.compile(r"""\\{0,3}(["'`])[ \t]{0,8}(?:[+.&~]|\|\||\.\.|<>)?[ \t]{0,8}\\{0,3}\1""")


def unescaped(text: str) -> str:
    """Undo the escapes of single characters in ``text``, also where they are escaped again."""
    for _ in range(_ROUNDS):
        before, text = text, _escape().sub(_character, text)
        if text == before:
            break
    return text


def joined(text: str) -> str:
    """Join the pieces of literals in ``text``."""
    return _joint().sub("", text)


def _character(match: re.Match[str]) -> str:
    number = match.lastindex
    if number is None:
        return "/" if match[0].endswith("/") else ""
    digits = match[number]
    code = int(digits, 10 if number == 6 else 16)
    return chr(code) if 0x20 <= code < 0x100 else ""


class TextView:
    """A text made of a source, with the span in the source of each character."""

    def __init__(self, text: str, spans: list[tuple[int, int]]) -> None:
        self.text = text
        self._spans = spans

    @classmethod
    def of(cls, text: str) -> TextView:
        """Return the view that is the source itself."""
        return cls(text, [(at, at + 1) for at in range(len(text))])

    def unescaped(self) -> TextView:
        """Return the view with the escapes of single characters undone."""
        view = self
        for _ in range(_ROUNDS):
            changed = view._replaced(_escape().finditer(view.text), _character)
            if changed.text == view.text:
                break
            view = changed
        return view

    def joined(self) -> TextView:
        """Return the view with the pieces of literals joined."""
        return self._replaced(_joint().finditer(self.text), lambda match: "")

    def spans(self, places: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield the spans in the source of the characters at ``places``."""
        return (self._spans[place] for place in places)

    def _replaced(
        self, matches: Iterable[re.Match[str]], replacement: Callable[[re.Match[str]], str]
    ) -> TextView:
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        done = 0
        for match in matches:
            start, end = match.span()
            pieces += (self.text[done:start], replacement(match))
            spans += self._spans[done:start]
            spans += [(self._spans[start][0], self._spans[end - 1][1])] * len(pieces[-1])
            done = end
        pieces.append(self.text[done:])
        spans += self._spans[done:]
        return TextView("".join(pieces), spans)


class SearchResult(NamedTuple):
    """The checks that a text needs.

    ``shapes`` are the numbers of the shapes to try, ``forms`` the forms of known values whose
    anchor is in the text, and ``parts`` the values of which a part is. ``encoded`` is True if
    base64 or hexadecimal must be decoded, ``viewed`` if a view of the text needs the same checks.
    """

    shapes: tuple[int, ...] = ()
    forms: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    encoded: bool = False
    viewed: bool = False


class _Literals:
    """The literals of all shapes: plain, as JSON writes them, and encoded."""

    def __init__(self) -> None:
        by_literal: dict[bytes, list[int]] = {}
        for number, shape in enumerate(SHAPES):
            for literal in shape.literals:
                for written in dict.fromkeys((literal, json.dumps(literal)[1:-1])):
                    by_literal.setdefault(written.encode(), []).append(number)
        encoded = {anchor for literal in by_literal for anchor in encoded_anchors(literal)}
        self.patterns = [*by_literal, *sorted(encoded - by_literal.keys())]
        escapes, joints = dict.fromkeys(ESCAPES), dict.fromkeys(JOINTS)
        self.patterns += (*escapes, *joints)
        self.marks = [_ENCODED] * (len(self.patterns) - len(by_literal))
        self.marks[-len(joints) - len(escapes) :] = [_ESCAPED] * len(escapes)
        self.marks += [_JOINED] * len(joints)
        # The number of the first pattern that makes a view.
        self.views = len(self.patterns) - len(joints) - len(escapes)
        self.shapes = [tuple(numbers) for numbers in by_literal.values()]
        names = [{SHAPES[number].name for number in numbers} for numbers in self.shapes]
        self.is_word = [shapes <= ASSIGNMENTS for shapes in names]
        self.is_address = [shapes == {"url-credentials"} for shapes in names]
        # The rest of the word, its quote or bracket, and "=" or ":".
        self.assignment = re.compile(
            rb"""[A-Za-z0-9_-]{0,60}(?:\\{0,7}["'`])?\]?(?:\s|\\[nrt]){0,20}[=:]"""
        ).match
        # The expression of the shape "url-credentials" without its exclusions.
        self.credentials = re.compile(
            rb"""(?:(?:(?!%3A)[^\s/?#"'<>`:@\\]){0,256}+(?::|%3A)(?!\d{1,5}/)"""
            rb"""(?:(?!://|%3A%2F%2F)[^\s?#"'<>`\\]){1,1024}?"""
            rb"""|[A-Za-z0-9_-]{16,256}+)(?:@|%40)"""
        ).match


@cache
def _literals() -> _Literals:
    return _Literals()


class SecretSearch:
    """The search for the shapes of secrets and for ``values`` in all their forms.

    ``size`` is the expected bytes of text, by which the kind of automaton is chosen.
    """

    def __init__(self, values: Iterable[str] = (), *, size: int = 0) -> None:
        self._literals = literals = _literals()
        values = list(values)
        self._anchors: dict[bytes, list[str]] = {}
        self._parts: dict[bytes, list[str]] = {}
        # A match of these anchors means that base64 or hexadecimal must be decoded.
        self._base64: set[bytes] = set()
        self._hex: set[bytes] = set()
        form_anchors: set[str] = set()
        for value in values:
            for form in dict.fromkeys(forms_of(value)):
                form_anchors.add(form[:ANCHOR])
                _add(self._anchors, form[:ANCHOR], form)
            for form in changed_forms(value):
                _add(self._anchors, form[:ANCHOR], form)
            for start in parts_of(value):
                _add(self._parts, value[start : start + PART], value)
            raw = value[:ANCHOR].encode("utf-8", "surrogatepass")
            self._base64.update([encoded[:ANCHOR] for encoded in nested_within(raw)])
        for anchor in form_anchors:
            raw = anchor.encode("utf-8", "surrogatepass")
            self._base64.update([encoded[:ANCHOR] for encoded in base64_within(raw)])
            self._hex.add(raw.hex().encode()[:ANCHOR])
        anchors = self._anchors.keys() | self._base64 | self._parts.keys()
        self._lengths = {len(anchor) for anchor in anchors}
        self._hex_lengths = {len(anchor) for anchor in self._hex}
        prefixes = {anchor[:_PREFIX] for anchor in anchors}
        for digits in self._hex:
            prefixes.update(_cases(digits[:_PREFIX]))
        numbers = {pattern: number for number, pattern in enumerate(literals.patterns)}
        self._also_prefix = {numbers[prefix] for prefix in prefixes if prefix in numbers}
        patterns = literals.patterns + sorted(prefixes - numbers.keys())
        self._find = ahocorasick_rs.BytesAhoCorasick(
            patterns, implementation=_automaton(len(patterns), size)
        ).find_matches_as_indexes

    def search(
        self, data: bytes, *, is_json: bool = False, known_only: bool = False
    ) -> SearchResult | None:
        """Search ``data``, a text in UTF-8 or JSON; None if it holds no secret.

        With ``known_only`` the shapes do not count, neither as they are nor encoded.
        """
        shapes: set[int] = set()
        anchors: dict[bytes, None] = {}
        matches = self._find_matches(data, known_only)
        marks = self._collect(data, matches, shapes, anchors) if matches else 0
        encoded = bool(marks & _ENCODED)
        broken = _broken_texts(data) if is_json else data
        if (b"\\" in broken or b"\n" in broken) and (self._anchors or is_wrapped(broken)):
            without_breaks = squeezed(broken)
            matches = self._find_matches(without_breaks, known_only)
            if matches:
                encoded |= bool(self._collect(without_breaks, matches, None, anchors) & _ENCODED)
        viewed = False
        if marks & _VIEWED:
            found = len(shapes) + len(anchors)
            view = _view(data, marks)
            matches = self._find_matches(view, known_only)
            encoded_there = bool(self._collect(view, matches, shapes, anchors) & _ENCODED)
            viewed = encoded_there or len(shapes) + len(anchors) > found
            encoded |= encoded_there
        if shapes or anchors or encoded or viewed:
            forms = tuple([form for anchor in anchors for form in self._anchors.get(anchor, ())])
            parts = tuple([value for anchor in anchors for value in self._parts.get(anchor, ())])
            return SearchResult(tuple(sorted(shapes)), forms, parts, encoded, viewed)
        return None

    def places(self, data: bytes) -> list[int]:
        """Return where in ``data`` a value may begin, also encoded or in a view; ignore shapes."""
        views, literals = self._literals.views, len(self._literals.patterns)
        places = []
        for number, start, _ in self._find(data, overlapping=True):
            if views <= number < literals:
                places.append(start)
            elif number >= literals or number in self._also_prefix:
                anchors: dict[bytes, None] = {}
                if self._anchors_at(data, start, anchors) or anchors:
                    places.append(start)
        return places

    def _find_matches(self, data: bytes, known_only: bool) -> list[tuple[int, int, int]]:
        matches: list[tuple[int, int, int]] = self._find(data, overlapping=True)
        if not known_only or not matches:
            return matches
        views, patterns = self._literals.views, len(self._literals.patterns)
        # The number of a literal that also begins an anchor becomes that of no literal.
        return [
            match if match[0] >= views else (patterns, *match[1:])
            for match in matches
            if match[0] >= views or match[0] in self._also_prefix
        ]

    def _collect(
        self,
        data: bytes,
        matches: list[tuple[int, int, int]],
        shapes: set[int] | None,
        anchors: dict[bytes, None],
    ) -> int:
        """Add the shapes and anchors of ``matches``; return the marks of the other matches."""
        literals = self._literals
        plain, patterns = len(literals.shapes), len(literals.patterns)
        marks = 0
        also_prefix = self._also_prefix
        is_word, is_address = literals.is_word, literals.is_address
        for number, start, end in matches:
            if (number >= patterns or number in also_prefix) and self._anchors_at(
                data, start, anchors
            ):
                marks |= _ENCODED
            if number >= plain:
                if number < patterns:
                    marks |= literals.marks[number - plain]
            elif shapes is None:
                continue
            elif is_word[number]:
                # A word of prose, unless an assignment follows.
                if literals.assignment(data, end):
                    shapes.update(literals.shapes[number])
            elif is_address[number]:
                if literals.credentials(data, end):
                    shapes.update(literals.shapes[number])
            else:
                shapes.update(literals.shapes[number])
        return marks

    def _anchors_at(self, data: bytes, start: int, anchors: dict[bytes, None]) -> bool:
        """Add the anchors that begin at ``start``; tell whether one is of base64 or hexadecimal."""
        encoded = False
        for length in self._lengths:
            anchor = data[start : start + length]
            if anchor in self._anchors or anchor in self._parts:
                anchors[anchor] = None
            encoded = encoded or anchor in self._base64
        for length in self._hex_lengths:
            if data[start : start + length].lower() in self._hex:
                return True
        return encoded


def _automaton(patterns: int, size: int) -> ahocorasick_rs.Implementation | None:
    """Return the kind of automaton for so many patterns and bytes of text; None for the usual."""
    worth_it = patterns < _MOST_FOR_DFA and patterns * _BYTES_A_PATTERN < size
    return ahocorasick_rs.Implementation.DFA if worth_it else None


def _view(data: bytes, marks: int) -> bytes:
    """Undo in ``data`` what the ``marks`` say: escapes, pieces of literals or both."""
    # Bytes that are no UTF-8 stay as they are.
    text = data.decode("utf-8", "surrogateescape")
    if marks & _ESCAPED:
        text = unescaped(text)
    if marks & _JOINED:
        text = joined(text)
    return text.encode("utf-8", "surrogateescape")


def _add(texts: dict[bytes, list[str]], anchor: str, text: str) -> None:
    """Add ``text`` under ``anchor`` and under the JSON form of the anchor."""
    texts.setdefault(anchor.encode("utf-8", "surrogatepass"), []).append(text)
    if not anchor.isalnum():
        escaped = json.dumps(anchor, ensure_ascii=False)[1:-1]
        if escaped != anchor:
            texts.setdefault(escaped.encode("utf-8", "surrogatepass"), []).append(text)


def _broken_texts(data: bytes) -> bytes:
    """Return the part of JSON ``data`` with all texts that have line ends; empty if none has."""
    first = data.find(b"\\n")
    if first < 0:
        return b""
    start = data.rfind(b'"', 0, first)
    while start > 0 and data[start - 1 : start] == b"\\":
        start = data.rfind(b'"', 0, start)
    last = data.rfind(b"\\n")
    end = data.find(b'"', last)
    while end > 0 and data[end - 1 : end] == b"\\":
        end = data.find(b'"', end + 1)
    return data[max(start, 0) : end if end >= 0 else len(data)]


def _cases(digits: bytes) -> list[bytes]:
    """Return hexadecimal ``digits`` in all mixtures of upper and lower case."""
    choices = [dict.fromkeys((bytes([c]), bytes([c]).upper())) for c in digits]
    return [b"".join(each) for each in product(*choices)]
