"""Bytes as GitHub wants them: a SARIF file, gzip, and a digest to know the same content by."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Times and random ids, which differ from run to run though nothing else does.
_VOLATILE = frozenset({"invocations", "versionControlProvenance"})


def sarif_log(runs: Sequence[Mapping[str, Any]]) -> bytes:
    """One SARIF 2.1.0 log of ``runs``."""
    return _dump({"$schema": SCHEMA, "version": "2.1.0", "runs": list(runs)})


def compressed(data: bytes) -> bytes:
    """``data`` as gzip, the same bytes each time."""
    return gzip.compress(data, compresslevel=9 if len(data) < 1 << 22 else 6, mtime=0)


def digest(run: Mapping[str, Any]) -> str:
    """SHA-256 of what a run says, without what changes though nothing was found anew."""
    kept = {key: value for key, value in run.items() if key not in _VOLATILE}
    details = kept.get("automationDetails")
    if isinstance(details, Mapping):
        kept["automationDetails"] = {"id": details.get("id")}
    return hashlib.sha256(_dump(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _dump(value: Any, option: int | None = None) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        # Deeper than orjson goes, or an integer beyond 64 bits.
        text = json.dumps(value, ensure_ascii=False, sort_keys=bool(option))
        return text.encode("utf-8", "surrogatepass")
