"""Decode JSON from untrusted sources: strictly, entry by entry, errors with their byte offset.

Strict means more than RFC 8259: an object with the same name twice is refused (two readers
would see two reports), and so are NaN, lone surrogates and deep nesting. orjson refuses all
of these except duplicate names, of which it silently keeps the last. They are found without
parsing twice: encoding the decoded value again gives as many quotation marks as the text had,
unless a member was dropped. Encoding costs about a quarter of decoding, works in pieces (so
memory does not grow by another copy of the text), and refuses values nested too deep for
recursive code.

A report of 50 MB becomes some 300 MB of objects, although its entries are read one after the
other, and allocating them takes longer than decoding. So :func:`split` only finds where the
entries of large lists begin and end; iterating over such a list decodes one entry at a time,
as strictly as a whole report.
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
from secagg.system.patterns import lazy

# Larger reports are refused with a message, before the system kills the process for its memory.
LARGEST = 1 << 30

_TOKEN = lazy(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
_COLON = lazy(rb"[ \t\r\n]*:")
# Items of a list that are encoded together to count their quotation marks.
_PIECE = 32
# Bytes of a value from which it is encoded in pieces, and its lists are split.
_LARGE = 1 << 16
# Depth of nesting down to which lists are split: no report has its findings below it.
_DEEPEST = 6
# The beginnings of files that are no JSON, for error messages.
_FILE_TYPES = (
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
# The lists of findings in scanners' reports. Other lists are decoded at once.
_LISTS_OF_FINDINGS = frozenset(
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

_T = TypeVar("_T")
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class NotStrict(Exception):
    """A value is not strict JSON. Decode the whole report to get the reason."""


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
            quotes = _quotes(document) if len(text) > _LARGE else _all_quotes(document)
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
    """Return ``data`` as UTF-8 without a byte order mark; only UTF-16 needs a copy.

    Raises :class:`secagg.errors.ReportError` if it is larger than :data:`LARGEST` or invalid
    UTF-16.
    """
    if len(data) > LARGEST:
        raise ReportError(
            f"the report is larger than {LARGEST >> 20} MiB", report=report, offset=LARGEST
        )
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    encoding = _utf16(data)
    if encoding is None:
        return data
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else None
        raise ReportError("not valid UTF-16", report=report, offset=at) from None


def _utf16(data: bytes) -> str | None:
    """Return the encoding of UTF-16, which PowerShell's ``>`` writes; None for anything else."""
    if data.startswith(codecs.BOM_UTF16_LE) or data[1:2] == b"\0" != data[:1]:
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE) or data[:1] == b"\0" != data[1:2]:
        return "utf-16-be"
    return None


def _reason(text: bytes, error: orjson.JSONDecodeError) -> tuple[str, int]:
    """Return the message for text that is not JSON, and the byte offset of the error."""
    for start, file_type in _FILE_TYPES:
        if text.startswith(start):
            return f"this is {file_type}, not JSON", 0
    try:
        text.decode()
    except UnicodeDecodeError as unicode_error:
        return "not valid UTF-8", unicode_error.start
    at = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
    if not text[at:].strip():
        return "the report ends in the middle, cut off", at
    if error.msg.startswith("depth limit"):
        return "nested too deep", at
    return f"not valid JSON: {error.msg}", at


def offset_in(data: bytes, text: bytes, at: int) -> int:
    """Convert the byte offset ``at`` in ``text``, made by :func:`to_utf8`, to one in ``data``."""
    if text is data or data.startswith(codecs.BOM_UTF8):
        return len(data) - len(text) + at
    before = text[:at].decode("utf-8", "ignore")
    mark = 2 if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else 0
    return mark + len(before.encode("utf-16-le"))


def _quotes(value: Any, depth: int = 0) -> int:
    """Count the quotation marks in the JSON of ``value``, encoded piece by piece."""
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
    """Return the byte offset of the second same name in an object. Slow: for errors only."""
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
    """Return the byte offset at which nesting exceeds what the encoder accepts."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.group() in (b"{", b"["):
            depth += 1
            if depth > 250:
                return token.start()
        elif token.group() in (b"}", b"]"):
            depth -= 1
    return 0


class Entries(Sequence[Any]):
    """The elements of a list, each decoded when it is iterated over.

    ``refuse`` is called for an element that is not strict JSON, and raises the report's error.
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
        """Yield what ``decode``, which uses msgspec, returns for each element; skip bad ones.

        For a first look only: members that ``decode`` does not read are not checked.
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
    """Tell whether ``value`` is a list or :class:`Entries`."""
    return type(value) is list or type(value) is Entries


def encoded(items: Sequence[Any]) -> Iterator[tuple[Any, bytes]]:
    """Yield each of ``items`` (a list or :class:`Entries`) with its compact JSON."""
    if isinstance(items, Entries):
        return items.encoded()
    return ((item, encode(item)) for item in items)


def decode_strictly(data: bytes) -> tuple[Any, bytes]:
    """Decode JSON ``data``; return the value and its compact JSON. Raises :class:`NotStrict`.

    The number of quotation marks tells whether an object has a name twice (see the module).
    """
    try:
        value = orjson.loads(data)
        compact = orjson.dumps(value)
        if compact != data and (b"\\u0022" in data or compact.count(b'"') != data.count(b'"')):
            # A duplicate name, or a quotation mark written as an escape: ``loads`` tells.
            loads(data, report="")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, ReportError):
        raise NotStrict from None
    return value, compact


def split(data: bytes, refuse: Callable[[], NoReturn]) -> Any:
    """Decode UTF-8 JSON, large lists as :class:`Entries`. Raises :class:`NotStrict`."""
    try:
        return _split(data.strip(), refuse, None, 0)[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotStrict from None


def _split(
    raw: Any, refuse: Callable[[], NoReturn], name: str | None, depth: int
) -> tuple[Any, int]:
    """Decode the value of the member ``name`` (None for others); count its quotation marks."""
    data = bytes(raw)
    quotes = data.count(b'"')
    large = len(data) > _LARGE and depth < _DEEPEST
    if large and data.startswith(b"["):
        del data
        items = _decode_items(raw)
        if len(items) * _LARGE <= memoryview(raw).nbytes:
            return [_split(item, refuse, None, depth + 1)[0] for item in items], quotes
        if name is None or name in _LISTS_OF_FINDINGS:
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
        value[name], quotes_inside = _split(member, refuse, name, depth)
        quotes -= quotes_inside
    if quotes != 2 * len(members):
        # A duplicate name, or one with an escape in it.
        raise NotStrict
    return value
