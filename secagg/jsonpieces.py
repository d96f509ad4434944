"""A large report's long list, decoded a piece at a time.

A report of 50 MB is some 300 MB of objects once it is decoded, although its entries are looked
at one after the other. :func:`cut` finds the one long list that the formats of scanners have
and leaves it as text, compressed (to a tenth, mostly): whoever iterates over it decodes a piece,
and lets go of it.

Where a piece ends is not guessed. A candidate (``},{"first name":``) is taken only if all from
the piece's start up to it decodes as whole elements of a list; what has been read so far then
determines that the list goes on behind it. Whatever does not come out as expected makes
:func:`cut` give up, and the report is decoded in one go, with the errors that this brings.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, overload

import orjson

# Smaller reports are decoded in one go.
SMALLEST = 2 << 20
_PIECE = 1 << 18
_FAST = 1
# So far a piece's end is looked for; a list whose elements are larger is decoded in one go.
_FARTHEST = 4 << 20
# The list of a report that is no list: Trivy's, SARIF's, and of one project of Snyk.
_NAMED = re.compile(rb'"(Results|results|vulnerabilities)"\s*:\s*\[')
_MOST_NAMED = 8
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_FIRST_NAME = re.compile(rb'\s*\{\s*("(?:[^"\\]|\\.)*")\s*:')
# What stands around the list, and how it is closed: in the report itself, in its one run.
_FRAMES = ((b'{"":null', b"}"), (b'{"runs":[{"":null', b"}]}"))


class Pieces(Sequence[Any]):
    """The elements of a list, decoded anew with each iteration."""

    __slots__ = ("_length", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, text: bytes, length: int) -> None:
        """Let the ``length`` elements that ``text`` holds come next."""
        self._pieces.append(zlib.compress(text, _FAST))
        self._length += length

    @property
    def text(self) -> bytes:
        """What stands between the list's brackets."""
        return b",".join(map(zlib.decompress, self._pieces))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        for piece in self._pieces:
            yield from orjson.loads(b"[" + zlib.decompress(piece) + b"]")

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return list(islice(self, *index.indices(self._length)))
        at = range(self._length)[index]
        return next(islice(self, at, None))


class Cut:
    """A report of which the long list was cut out: ``document`` has it as :class:`Pieces`."""

    def __init__(self, document: Any, before: bytes, pieces: Pieces, after: bytes) -> None:
        self.document = document
        self._around = before, after
        self._pieces = pieces

    @property
    def text(self) -> bytes:
        """The text that was cut, put together again."""
        before, after = self._around
        return b"".join((before, self._pieces.text, after))


def is_list(value: object) -> bool:
    """True for a list of a decoded report, whether it is decoded already or piece by piece."""
    return type(value) is list or type(value) is Pieces


def cut(text: bytes) -> Cut | None:
    """UTF-8 JSON ``text`` with its one long list cut out; None if it is not so simple."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == b"[":
        pieces, end = _pieces(text, start + 1)
        if pieces is None or text[end:].strip():
            return None
        return Cut(pieces, text[: start + 1], pieces, text[end - 1 :])
    for named in islice(_NAMED.finditer(text), _MOST_NAMED):
        frame = _frame_before(text, named)
        if frame is not None:
            opening, holder, document, name = frame
            pieces, end = _pieces(text, named.end())
            if pieces is None:
                return None
            completed = _completed(document, holder, name, pieces, opening + text[end:])
            if completed is None:
                return None
            return Cut(completed, text[: named.end()], pieces, text[end - 1 :])
    return None


def _frame_before(
    text: bytes, named: re.Match[bytes]
) -> tuple[bytes, dict[str, Any], dict[str, Any], str] | None:
    """What stands before the list: its opening, the object that holds it, the whole; its name."""
    for opening, closing in _FRAMES:
        head = text[: named.start()] + named[0][:-1] + b"null" + closing
        document = _checked(head)
        if not isinstance(document, dict):
            continue
        if opening == _FRAMES[0][0]:
            holder: Any = document
        elif list(document)[-1] == "runs" and len(document["runs"]) == 1:
            holder = document["runs"][0]
        else:
            continue
        name = named[1].decode()
        if isinstance(holder, dict) and list(holder)[-1] == name and holder[name] is None:
            return opening, holder, document, name
    return None


def _completed(
    document: dict[str, Any], holder: dict[str, Any], name: str, pieces: Pieces, rest: bytes
) -> Any | None:
    """``document`` with the list and what stands behind it; None where a name comes twice."""
    after = _checked(rest)
    if not isinstance(after, dict):
        return None
    inner = after
    if holder is not document:
        first, *others = after.pop("runs")
        inner = first
        document["runs"] += others
        if after.keys() & document.keys():
            return None
        document.update(after)
    del inner[""]
    if inner.keys() & holder.keys():
        return None
    holder[name] = pieces
    holder.update(inner)
    return document


def _pieces(text: bytes, start: int) -> tuple[Pieces | None, int]:
    """The list that begins at ``start`` (behind its bracket), and the byte behind its end."""
    first = _FIRST_NAME.match(text, start)
    if first is None:
        return None, 0
    next_one = re.compile(rb"\}\s*(,)\s*(?=\{\s*" + re.escape(first[1]) + rb"\s*:)")
    pieces = Pieces()
    while True:
        found = next_one.search(text, start + _PIECE, start + _FARTHEST)
        count = -1 if found is None else _count(text, start, found.start(1))
        end = found.start(1) if found is not None else start
        if count < 0:
            # The last piece, or text that looks like an element's end: read mark by mark.
            end = _end_of_piece(text, start)
            count = _count(text, start, end) if text[end : end + 1] in (b",", b"]") else -1
            if count < 0:
                return None, 0
        pieces.add(text[start:end], count)
        if text[end : end + 1] == b"]":
            return pieces, end + 1
        start = end + 1


def _end_of_piece(text: bytes, start: int) -> int:
    """The comma behind the first element that ends beyond a piece's size, or the list's end."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + _FARTHEST):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth < 0:
                return token.start()
        elif mark == b"," and depth == 0 and token.start() >= start + _PIECE:
            return token.start()
    return len(text)


def _count(text: bytes, start: int, end: int) -> int:
    """How many elements a piece holds; -1 if it is no sound piece of a list."""
    decoded = _checked(b"[" + text[start:end] + b"]")
    return len(decoded) if isinstance(decoded, list) and decoded else -1


def _checked(text: bytes) -> Any | None:
    """``text`` decoded; None where it is not JSON, or an object in it holds a name twice.

    Encoded again it has as many quotation marks as before, unless a member was dropped.
    """
    try:
        value = orjson.loads(text)
        quotes = orjson.dumps(value).count(b'"')
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if quotes == text.count(b'"') + text.count(b"\\u0022") else None
