"""Encode JSON values to bytes in memory, and decode these bytes again.

Reports are decoded by :mod:`secagg.jsonio.reading`, which is strict.
"""

from __future__ import annotations

import json
from typing import Any

from secagg.system.patterns import lazy

# orjson is imported where it is used: secagg.model.finding needs this module, but `secagg report`,
# which must start fast, needs no JSON.

# A byte that UTF-8 never contains.
_BACKSLASH = b"\xff"
_ESCAPES = (
    (b"\\n", b"\n"),
    (b"\\r", b"\r"),
    (b"\\t", b"\t"),
    (b"\\b", b"\b"),
    (b"\\f", b"\f"),
    (b'\\"', b'"'),
)
_CONTROL = lazy(rb"\\u00([01][0-9a-f])")


def encode(value: Any) -> bytes:
    """Encode ``value`` as compact JSON, also where it is deeper or larger than orjson accepts."""
    import orjson

    try:
        return compact(orjson.dumps(value))
    except TypeError:
        # Nested too deep, an integer beyond 64 bits, or a lone surrogate.
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def compact(data: bytes) -> bytes:
    """Copy ``data`` into exactly the memory it needs: orjson's results hold a larger buffer."""
    return bytes(memoryview(data))


def decode(data: bytes) -> Any:
    """Decode what :func:`encode` returned."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data.decode("utf-8", "surrogatepass"))


def unescaped(data: bytes) -> bytes:
    """Undo the escapes in what :func:`encode` returned, to search in its texts; it is no JSON then.

    With the escapes, the ``n`` of ``\\n`` would seem to be the first letter of the next word.
    """
    if b"\\" not in data:
        return data
    # A backslash of the text must not seem to begin an escape.
    data = data.replace(b"\\\\", _BACKSLASH)
    for escape, character in _ESCAPES:
        data = data.replace(escape, character)
    if b"\\u" in data:
        data = _CONTROL.sub(lambda match: bytes.fromhex(match[1].decode()), data)
    return data.replace(_BACKSLASH, b"\\")
