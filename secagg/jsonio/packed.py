"""Unpack gzipped JSON from untrusted sources, within limits, before anything decodes it."""

from __future__ import annotations

import gzip
import io
import zlib

from secagg.errors import SecaggError

MIB = 1024 * 1024
# The largest document that is read, packed and unpacked.
MOST_PACKED_BYTES = 50 * MIB
MOST_BYTES = 256 * MIB
# Objects and lists, and their values: a few bytes each in a document, and a hundred in memory.
MOST_OBJECTS = 2_000_000
MOST_VALUES = 20_000_000
# What a document may unpack to: a base amount, and an amount for each packed byte. SARIF packs to
# a tenth or a twentieth; a file that packs to a thousandth is an attack.
_GROWTH_LIMITS = {"bytes": (32 * MIB, 20.0), "objects": (200_000, 0.25), "values": (2_000_000, 4.0)}


def unpacked(data: bytes, *, name: str, error: type[SecaggError]) -> bytes:
    """Return the JSON text in the gzip file ``data``, which ``name`` names in messages.

    Unpacks at most :data:`MOST_BYTES` with at most :data:`MOST_OBJECTS`, less for a small file.
    Raises ``error``.
    """
    if len(data) > MOST_PACKED_BYTES:
        raise error(f"{name} is larger than {MOST_PACKED_BYTES // MIB} MiB")
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            limit = min(MOST_BYTES, _limit("bytes", data))
            text = stream.read(limit + 1)
    except (OSError, EOFError, ValueError, zlib.error):
        raise error(f"{name} is no gzip file") from None
    if len(text) > limit:
        raise error(f"{name} unpacks to more than {limit // MIB} MiB")
    objects = text.count(b"{") + text.count(b"[")
    if objects > min(MOST_OBJECTS, _limit("objects", data)) or text.count(b",") > min(
        MOST_VALUES, _limit("values", data)
    ):
        raise error(f"{name} holds more objects than any scan makes")
    return text


def _limit(unit: str, packed: bytes) -> int:
    base, per_byte = _GROWTH_LIMITS[unit]
    return int(base + per_byte * len(packed))
