"""Read JSON from untrusted hands: strictly, entry by entry, with the byte of an error.

Strict means more than RFC 8259: a name that an object holds twice is refused (two readers
would see two reports), and so are NaN, lone surrogates and deep nesting. orjson refuses all
of these but the duplicates, which it resolves silently (the last one wins). They are found
without parsing twice: encoding the decoded value again gives as many quotation marks as the
text had, unless a member was dropped. Encoding costs about a quarter of decoding, is done in
pieces (so memory does not grow by another copy of the text), and refuses what is nested too
deep for code that walks the value.

A report of 50 MB is some 300 MB of objects once it is decoded, although its entries are looked at
one after the other, and making room for them takes longer than decoding. :func:`split` finds where
the entries of large lists begin and end; whoever iterates over a list decodes one entry, and lets
go of it. Each entry is decoded as strictly as a whole report (:mod:`secagg.jsonio.reading`).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeGuard, TypeVar, overload

import msgspec
import orjson

from secagg.errors import ReportError
from secagg.jsonio.value import encode

# Larger reports are refused by name rather than by the system's out-of-memory killer.
LARGEST = 1 << 30


_UTF8_MARK = codecs.BOM_UTF8


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)


_COLON = re.compile(rb"[ \t\r\n]*:")


_PIECE = 32


# So small a text is encoded in one piece.
_SMALL = 1 << 16


_KINDS = (
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF file"),
    (b"\x7fELF", "a program"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
)


def loads(data: bytes, *, report: str) -> Any:
    """Decode ``data`` (UTF-8 or UTF-16, with or without a byte order mark) as one JSON value.

    Raises :class:`secagg.errors.ReportError` with the byte offset for anything else.
    """
    text = to_utf8(data, report=report)
    if not text or text.isspace():
        raise ReportError("the report is empty", report=report, offset=0)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message, at = _reason(text, error)
    else:
        try:
            quotes = _quotes(document) if len(text) > _SMALL else _all_quotes(document)
            if quotes == text.count(b'"') + text.count(b"\\u0022"):
                return document
            duplicate = _duplicate(text)
        except (orjson.JSONEncodeError, RecursionError):
            message, at = "nested too deep", _deepest(text)
        else:
            if duplicate is None:
                return document
            message, at = "an object holds the same name twice", duplicate
    raise ReportError(message, report=report, offset=offset_in(data, text, at))


def to_utf8(data: bytes, *, report: str) -> bytes:
    """``data`` as UTF-8 without a byte order mark; only UTF-16 costs a copy.

    Raises :class:`secagg.errors.ReportError` if it is too large, or claims to be UTF-16 and
    is not.
    """
    if len(data) > LARGEST:
        raise ReportError(
            f"the report is larger than {LARGEST >> 20} MiB", report=report, offset=LARGEST
        )
    if data.startswith(_UTF8_MARK):
        return data[len(_UTF8_MARK) :]
    encoding = _utf16(data)
    if encoding is None:
        return data
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else None
        raise ReportError("not valid UTF-16", report=report, offset=at) from None


def _utf16(data: bytes) -> str | None:
    """The byte order of UTF-16, as PowerShell's ``>`` writes it; None for anything else."""
    if data.startswith(codecs.BOM_UTF16_LE) or data[1:2] == b"\0" != data[:1]:
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE) or data[:1] == b"\0" != data[1:2]:
        return "utf-16-be"
    return None


def _reason(text: bytes, error: orjson.JSONDecodeError) -> tuple[str, int]:
    """What to say about text that is not JSON, and the byte at which it stopped being so."""
    for start, kind in _KINDS:
        if text.startswith(start):
            return f"this is {kind}, not JSON", 0
    try:
        text.decode()
    except UnicodeDecodeError as unicode_error:
        return "not valid UTF-8", unicode_error.start
    at = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
    if not text[at:].strip():
        return "the report ends in the middle: it was cut off", at
    if error.msg.startswith("depth limit"):
        return "nested too deep", at
    return f"not valid JSON: {error.msg}", at


def offset_in(data: bytes, text: bytes, at: int) -> int:
    """The place in ``data`` of byte ``at`` of ``text``, which :func:`to_utf8` made of it."""
    if text is data or data.startswith(_UTF8_MARK):
        return len(data) - len(text) + at
    before = text[:at].decode("utf-8", "ignore")
    mark = 2 if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else 0
    return mark + len(before.encode("utf-16-le"))


def _quotes(value: Any, depth: int = 0) -> int:
    """The quotation marks in the JSON of ``value``, encoded piece by piece."""
    if depth < 6:
        if isinstance(value, dict):
            names = orjson.dumps(list(value)).count(b'"')
            return names + sum(_quotes(item, depth + 1) for item in value.values())
        if isinstance(value, list) and len(value) > 1:
            if len(value) <= _PIECE:
                return sum(_quotes(item, depth + 1) for item in value)
            pieces = (value[at : at + _PIECE] for at in range(0, len(value), _PIECE))
            return sum(orjson.dumps(piece).count(b'"') for piece in pieces)
    return _all_quotes(value)


def _all_quotes(value: Any) -> int:
    return orjson.dumps(value).count(b'"')


def _duplicate(text: bytes) -> int | None:
    """The byte at which a name stands for the second time in one object. Slow: only on doubt."""
    stack: list[set[str]] = []
    names: set[str] = set()
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in (b"{", b"["):
            stack.append(names)
            names = set()
        elif word in (b"}", b"]"):
            names = stack.pop()
        elif _COLON.match(text, token.end()):
            name = json.loads(word)
            if name in names:
                return token.start()
            names.add(name)
    return None


def _deepest(text: bytes) -> int:
    """The byte at which nesting reaches what the encoder refuses."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.group() in (b"{", b"["):
            depth += 1
            if depth > 250:
                return token.start()
        elif token.group() in (b"}", b"]"):
            depth -= 1
    return 0


_T = TypeVar("_T")


# Smaller values are decoded in one go.
_LARGE = 1 << 16


# The lists of findings are no deeper in any report.
_DEEPEST = 6


# The lists of findings in the reports of scanners; all other lists are decoded in one go.
_OF_ENTRIES = frozenset(
    {
        "Findings",
        "Licenses",
        "Misconfigurations",
        "Packages",
        "Resources",
        "Results",
        "Secrets",
        "Vulnerabilities",
        "results",
        "vulnerabilities",
    }
)


_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class NotStrict(Exception):
    """A value is no JSON, or not as strict as it must be: decode the whole report to say why."""


class Entries(Sequence[Any]):
    """The elements of a list, each decoded when it is iterated over.

    ``refuse`` is called where one is not strict JSON, and raises the error of the report.
    """

    __slots__ = ("_raws", "_refuse")

    def __init__(self, raws: list[msgspec.Raw], refuse: Callable[[], NoReturn]) -> None:
        self._raws = raws
        self._refuse = refuse

    def __len__(self) -> int:
        return len(self._raws)

    def __iter__(self) -> Iterator[Any]:
        return (value for value, _ in self.encoded())

    def encoded(self) -> Iterator[tuple[Any, bytes]]:
        """Yield each element with its compact JSON."""
        for raw in self._raws:
            try:
                yield decode_strictly(bytes(raw))
            except NotStrict:
                self._refuse()

    def parts(self, decode: Callable[[msgspec.Raw], _T]) -> Iterator[_T]:
        """Yield what ``decode``, which uses msgspec, makes of each element that it can decode.

        This is for looking ahead: nothing is checked of what ``decode`` does not ask for.
        """
        for raw in self._raws:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                yield decode(raw)

    def with_text(self, text: bytes) -> Iterator[tuple[int, Any]]:
        """Yield the elements in whose JSON ``text`` occurs, each with its index."""
        for index, raw in enumerate(self._raws):
            data = bytes(raw)
            if text in data:
                try:
                    yield index, decode_strictly(data)[0]
                except NotStrict:
                    self._refuse()

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Entries(self._raws[index], self._refuse)
        return next(iter(Entries([self._raws[index]], self._refuse)))


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether ``value`` is a list of a report, decoded already or entry by entry."""
    return type(value) is list or type(value) is Entries


def encoded(items: Sequence[Any]) -> Iterator[tuple[Any, bytes]]:
    """Yield each of ``items`` (a list or :class:`Entries`) with its compact JSON."""
    if isinstance(items, Entries):
        return items.encoded()
    return ((item, encode(item)) for item in items)


def decode_strictly(data: bytes) -> tuple[Any, bytes]:
    """Decode JSON ``data``; return the value and its compact JSON. Raises :class:`NotStrict`.

    Encoded again it has as many quotation marks as before, unless an object held a name twice.
    """
    try:
        value = orjson.loads(data)
        again = orjson.dumps(value)
        # What compact JSON gives is equal to it where no name came twice.
        if again != data and (b"\\u0022" in data or again.count(b'"') != data.count(b'"')):
            # A quotation mark that was written as an escape, or a text that looks like one.
            loads(data, report="")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, ReportError):
        raise NotStrict from None
    return value, again


def split(data: bytes, refuse: Callable[[], NoReturn]) -> Any:
    """Decode UTF-8 JSON, large lists as :class:`Entries`. Raises :class:`NotStrict`."""
    try:
        return _split(data.strip(), refuse, None, 0)[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotStrict from None


def _split(
    raw: Any, refuse: Callable[[], NoReturn], name: str | None, depth: int
) -> tuple[Any, int]:
    """A value, the member ``name`` of an object if it is one; and the quotation marks in it."""
    data = bytes(raw)
    quotes = data.count(b'"')
    large = len(data) > _LARGE and depth < _DEEPEST
    if large and data.startswith(b"["):
        del data
        items = _decode_items(raw)
        if len(items) * _LARGE <= memoryview(raw).nbytes:
            return [_split(item, refuse, None, depth + 1)[0] for item in items], quotes
        if name is None or name in _OF_ENTRIES:
            return Entries(items, refuse), quotes
    elif large and data.startswith(b"{") and name is None:
        del data
        return _split_object(raw, refuse, quotes, depth + 1), quotes
    return decode_strictly(bytes(raw))[0], quotes


def _split_object(
    raw: Any, refuse: Callable[[], NoReturn], quotes: int, depth: int
) -> dict[str, Any]:
    members = _decode_members(raw)
    value: dict[str, Any] = {}
    for name, member in members.items():
        value[name], inside = _split(member, refuse, name, depth)
        quotes -= inside
    if quotes != 2 * len(members):
        # A name that comes twice, or one with an escape in it.
        raise NotStrict
    return value
