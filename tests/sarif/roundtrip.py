"""Is a SARIF file the same after reading and writing it? Compared as JSON, field by field.

``python -m tests.sarif.roundtrip DIRECTORY`` does it for every ``*.sarif`` below a directory.
The differences that are meant are those that docs/sarif.md lists, and only those are let
through here, each by its number there.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from secagg.errors import ReportError
from secagg.jsonio.reading import loads
from secagg.model.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.sarif import SarifRun, read, write
from secagg.sarif.conform import MOVED, schema
from secagg.secrets.patterns import MASK

_ADDED_FINGERPRINTS = {PRIMARY_LOCATION_LINE_HASH, "secagg/v1"}
_OF_THE_MACHINE = {"environmentVariables", "account", "machine", "processId"}
_PERSONAL = {"author", "email", "date", "commitMessage"}


def written(path: Path) -> dict[str, Any]:
    """The log that reading and writing the file at ``path`` gives."""
    parsed = read(path)
    runs = [
        SarifRun(
            tool=parsed.tool,
            category=f"{parsed.tool}/{number}/",
            findings=[f for f in parsed.findings if f.sarif and f.sarif.run is frame],
            frame=frame,
        )
        for number, frame in enumerate(parsed.runs)
    ]
    out = io.BytesIO()
    write(out, runs)
    log: dict[str, Any] = json.loads(out.getvalue())
    return log


def differences(path: Path) -> list[str]:
    """Where the written log says something else than the file, beyond what is meant."""
    before = loads(path.read_bytes(), report=str(path))
    after = written(path)
    found: list[str] = []
    if len(before["runs"]) != len(after["runs"]):
        return ["another number of runs"]
    for index, (old, new) in enumerate(zip(before["runs"], after["runs"], strict=True)):
        found += _compare(old, _unmoved(new), f"runs[{index}]")
    return found


def schema_errors(log: dict[str, Any]) -> list[str]:
    """What the JSON Schema of SARIF says against ``log``."""
    validator = jsonschema.Draft4Validator(schema())
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(log)]


def _unmoved(value: Any) -> Any:
    """6: members that the schema forbids, back from where they were moved."""
    if isinstance(value, list):
        return [_unmoved(item) for item in value]
    if not isinstance(value, dict):
        return value
    bag = value.get("properties")
    if isinstance(bag, dict) and MOVED in bag:
        rest = {key: item for key, item in bag.items() if key != MOVED}
        value = {**value, **bag[MOVED], "properties": rest}
        if not rest:
            del value["properties"]
    return {key: _unmoved(item) for key, item in value.items()}


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(old, new, where)
    elif isinstance(old, list) and isinstance(new, list):
        if where.endswith(".redactionTokens"):
            new = [token for token in new if token != MASK or MASK in old]
        if len(old) != len(new):
            yield f"{where}: {len(old)} items became {len(new)}"
        for index, (a, b) in enumerate(zip(old, new, strict=False)):
            yield from _compare(a, b, f"{where}[{index}]")
    elif old != new and not _meant(old, new, where):
        yield f"{where}: {old!r:.80} became {new!r:.80}"


def _objects(old: dict[str, Any], new: dict[str, Any], where: str) -> Iterator[str]:
    for key in old.keys() | new.keys():
        inner = f"{where}.{key}"
        if key not in new:
            if not _may_be_missing(old, key, where):
                yield f"{inner}: is gone"
        elif key not in old:
            if not _may_be_new(new[key], key, where):
                yield f"{inner}: was not there"
        elif key == "automationDetails":
            # 2: our category; the former id is kept in the run's properties.
            yield from _compare({**old[key], "id": 0}, {**new[key], "id": 0}, inner)
        elif key == "snippet" and new[key] == {"text": MASK}:
            continue  # 4: the snippet of a secret scanner is the secret
        else:
            yield from _compare(old[key], new[key], inner)


def _may_be_missing(old: dict[str, Any], key: str, where: str) -> bool:
    if re.search(r"[iI]nvocations?(\[\d+\])?$", where):
        return key in _OF_THE_MACHINE  # 3
    if re.search(r"\.originalUriBaseIds\.[^.]+$", where):
        return key == "uri"  # 3
    if re.search(r"\.results\[\d+\]\.(partialFingerprints|fingerprints|properties)$", where):
        return key in _PERSONAL  # 4
    if key in ("partialFingerprints", "fingerprints"):
        return set(old[key]) <= _PERSONAL
    return key == "uriBaseId"  # 5: with an absolute URI made relative


def _may_be_new(value: Any, key: str, where: str) -> bool:
    if key == "secagg" and where.endswith(".properties"):
        return True  # 1
    if key == "properties" and set(value) <= {"secagg"}:
        return True  # 1
    if where.endswith(".partialFingerprints"):
        return key in _ADDED_FINGERPRINTS  # 1
    if key == "partialFingerprints":
        return set(value) <= _ADDED_FINGERPRINTS
    if key == "redactionTokens":
        return bool(value == [MASK])  # 4
    return key == "automationDetails"  # 2


def _meant(old: Any, new: Any, where: str) -> bool:
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    if MASK in new:
        # 4: the same text but for what was masked
        kept = (re.escape(part) for part in new.split(MASK))
        return re.fullmatch(".+?".join(kept), old, re.DOTALL) is not None
    return where.endswith(".uri") and old.replace("\\", "/").endswith(f"/{new}")  # 5


def main(directory: str) -> int:
    """Compare every file below ``directory``; the number of files that differ."""
    bad = 0
    for path in sorted(Path(directory).rglob("*.sarif")):
        name = os.fspath(path.relative_to(directory))
        try:
            found = differences(path) + schema_errors(written(path))
        except ReportError as error:
            print(f"{name}: {error}")
            continue
        bad += bool(found)
        print(f"{name}: {'the same' if not found else f'{len(found)} differences'}")
        for line in found[:20]:
            print(f"    {line}")
    return bad


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 1))
