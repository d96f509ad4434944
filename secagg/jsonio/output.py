"""Encode what secagg writes as JSON: Structs, plain values, and encoded JSON (``Raw``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

# Items that are encoded together.
_CHUNK = 256

_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> bytes:
    """Encode ``value`` as compact JSON."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        # A lone surrogate, from the name of a directory that is not UTF-8.
        plain = msgspec.to_builtins(value, enc_hook=msgspec.json.decode)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def indented(value: Any) -> bytes:
    """Encode ``value`` as indented JSON with a newline at the end."""
    return msgspec.json.format(encoded(value)) + b"\n"


def pieces(items: Iterable[Any], joint: bytes = b",") -> Iterator[bytes]:
    """Encode ``items`` with ``joint`` between them, as the inside of a list, in pieces."""
    rest, separator = iter(items), b""
    while chunk := list(islice(rest, _CHUNK)):
        yield separator
        yield encoded(chunk)[1:-1] if joint == b"," else joint.join(map(encoded, chunk))
        separator = joint
