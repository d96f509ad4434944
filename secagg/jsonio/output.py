"""JSON that secagg writes: of Structs, of plain values, and of what is JSON already (``Raw``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

# So many items are joined before they are written.
_CHUNK = 256

_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> bytes:
    """Encode ``value`` as compact JSON."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        # A lone surrogate, from a directory whose name is not UTF-8.
        plain = msgspec.to_builtins(value, enc_hook=msgspec.json.decode)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def indented(value: Any) -> bytes:
    """Encode ``value`` as JSON for people, with an end of line."""
    return msgspec.json.format(encoded(value)) + b"\n"


def pieces(items: Iterable[Any], joint: bytes = b",") -> Iterator[bytes]:
    """Encode ``items`` as the inside of a list with ``joint`` between them, a piece at a time."""
    rest, between = iter(items), b""
    while chunk := list(islice(rest, _CHUNK)):
        yield between
        yield encoded(chunk)[1:-1] if joint == b"," else joint.join(map(encoded, chunk))
        between = joint
