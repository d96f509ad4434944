"""The long lists of a report, decoded one entry at a time.

A report of 50 MB is some 300 MB of objects once it is decoded, although its entries are looked at
one after the other, and making room for them takes longer than decoding. :func:`split` finds where
the entries of large lists begin and end; whoever iterates over a list decodes one entry, and lets
go of it. Each entry is decoded as strictly as a whole report (:mod:`secagg.jsonio.text`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeGuard, TypeVar, overload

import msgspec
import orjson

from secagg.errors import ReportError
from secagg.jsonio.text import loads
from secagg.jsonio.value import encode

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
