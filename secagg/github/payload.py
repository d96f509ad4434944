"""Encode runs for GitHub: a SARIF file, gzip, and a digest to know the same content by."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from secagg.secrets.lastfilter import filtered_json

SCHEMA = b"https://json.schemastore.org/sarif-2.1.0.json"
# Times and random ids, which differ from run to run though nothing else does.
_VOLATILE = ("invocations", "versionControlProvenance", "automationDetails")


@dataclass(frozen=True, slots=True)
class EncodedRun:
    """A run as JSON, and the SHA-256 of what it says.

    ``digest`` leaves out what changes though the findings are the same: times and random ids.
    """

    data: bytes
    digest: str


def encode_run(run: Mapping[str, Any]) -> EncodedRun:
    """Encode a run once: for its size, its digest and each file that it goes into."""
    lasting = _dump({key: value for key, value in run.items() if key not in _VOLATILE})
    volatile = {key: run[key] for key in _VOLATILE if key in run}
    details = run.get("automationDetails")
    category = details.get("id") if isinstance(details, Mapping) else None
    said = hashlib.sha256(lasting + b"\0" + _dump(category)).hexdigest()
    data = b"%b,%b" % (lasting[:-1], _dump(volatile)[1:]) if volatile else lasting
    return EncodedRun(data, said)


def sarif_log(runs: Sequence[bytes]) -> bytes:
    """Make one SARIF 2.1.0 log of encoded runs."""
    log = b'{"$schema":"%b","version":"2.1.0","runs":[%b]}' % (SCHEMA, b",".join(runs))
    return filtered_json(log)


def compressed(data: bytes) -> bytes:
    """``data`` as gzip, the same bytes each time."""
    return gzip.compress(data, compresslevel=9 if len(data) < 1 << 22 else 6, mtime=0)


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Deeper than orjson goes, or an integer beyond 64 bits.
        text = json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")
