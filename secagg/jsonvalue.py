"""JSON values of our own, kept as bytes: what was encoded here is decoded here.

Reports from elsewhere are decoded by :mod:`secagg.jsontext`, which is strict.
"""

from __future__ import annotations

import json
from typing import Any

# orjson is loaded where it is used: secagg.finding needs this file, and a report of the history,
# which people ask for many times a day, needs no JSON.


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
    """The value that :func:`encode` made ``data`` of."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data.decode("utf-8", "surrogatepass"))
