"""A known secret in every leaf of every format, in every writing: it comes out in no output."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.attack.counts import Counts
from tests.attack.outputs import outputs_of
from tests.attack.writings import WRITINGS, left_of, values
from tests.canaries import canaries, reports

# A path is known to everyone who has the checkout, and stays (docs/decisions/last-filter.md).
_PATHS = frozenset(
    {"File", "SymlinkFile", "file", "uri", "Target", "path", "displayTargetFile", "Fingerprint"}
)
_KEY = "the key of an attack"


def run(seed: int, count: int) -> Counts:
    """Try ``count`` leaves, each with a value of its own in one of the writings."""
    counts = Counts()
    made = random.Random(seed)
    originals = reports(canaries()[:4])
    leaves = [(name, leaf) for name, data in originals.items() for leaf in _leaves(_load(data))]
    planted = values(seed, count)
    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.dict(os.environ, {"SECAGG_HMAC_KEY": _KEY}),
    ):
        for number, value in enumerate(planted):
            name, leaf = made.choice(leaves)
            writing = made.choice(list(WRITINGS))
            written = WRITINGS[writing](value)
            document = _load(originals[name])
            _plant(document, leaf, written)
            outputs = _outputs(Path(directory), name, document, value, number)
            broken = [output for output, text in outputs.items() if left_of(written, text)]
            place = ".".join(str(part) for part in leaf if isinstance(part, str))
            told = f"{writing} in {place} comes out in {', '.join(broken)}" if broken else None
            counts.add(name, broken=told)
    return counts


def _load(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return [json.loads(line) for line in data.splitlines()]


def _leaves(value: Any, leaf: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    if isinstance(value, str):
        if not _PATHS.intersection(part for part in leaf if isinstance(part, str)):
            yield leaf
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*leaf, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*leaf, number))


def _plant(document: Any, leaf: tuple[int | str, ...], written: str) -> None:
    for part in leaf[:-1]:
        document = document[part]
    document[leaf[-1]] = f"{document[leaf[-1]]} near {written} here"


def _outputs(directory: Path, name: str, document: Any, value: str, number: int) -> dict[str, str]:
    """What comes of a report beside one of Gitleaks that names the value."""
    report = directory / name
    lines = isinstance(document, list) and name.endswith(".jsonl")
    report.write_text(
        "\n".join(map(json.dumps, document)) if lines else json.dumps(document), "utf-8"
    )
    telling = directory / "gitleaks-telling.json"
    leak = {"RuleID": "k", "Secret": value, "Match": value, "File": "a.py", "StartLine": 1}
    telling.write_text(json.dumps([leak]), "utf-8")
    return outputs_of(directory, [str(report), str(telling)], number)
