"""JSON values of our own, kept as bytes: what was encoded here is decoded here.

Reports from elsewhere are decoded by :mod:`secagg.jsonio.reading`, which is strict.
"""

from __future__ import annotations

import json
import re
from typing import Any

# orjson is loaded where it is used: secagg.model.finding needs this file, and a report of the
# history, which people ask for many times a day, needs no JSON.


def encode(value: Any) -> bytes:
    """``value`` as compact JSON, also where it is deeper or larger than orjson takes."""
    import orjson

    try:
        return compact(orjson.dumps(value))
    except TypeError:
        # Deeper than orjson goes, an integer beyond 64 bits, or a lone surrogate.
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def compact(data: bytes) -> bytes:
    """``data`` in no more memory than it needs: what orjson made holds on to a larger buffer."""
    return bytes(memoryview(data))


def decode(data: bytes) -> Any:
    """Return the value that :func:`encode` made ``data`` of."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data.decode("utf-8", "surrogatepass"))


def unescaped(data: bytes) -> bytes:
    """What :func:`encode` made with its escapes undone: its texts read as they are, and no JSON.

    Whoever looks for something in texts finds in this what stands in one of them: behind an escape
    a run of letters seems to begin with the escape's own.
    """
    if b"\\" not in data:
        return data
    # A backslash that was one in the text must not seem to begin an escape.
    data = data.replace(b"\\\\", _BACKSLASH)
    for escape, character in _ESCAPES:
        data = data.replace(escape, character)
    if b"\\u" in data:
        data = _CONTROL.sub(lambda match: bytes.fromhex(match[1].decode()), data)
    return data.replace(_BACKSLASH, b"\\")


# Stands in no UTF-8.
_BACKSLASH = b"\xff"
_ESCAPES = (
    (b"\\n", b"\n"),
    (b"\\r", b"\r"),
    (b"\\t", b"\t"),
    (b"\\b", b"\b"),
    (b"\\f", b"\f"),
    (b'\\"', b'"'),
)
_CONTROL = re.compile(rb"\\u00([01][0-9a-f])")
