"""TOML from a repository: :mod:`tomllib` takes minutes for some 200 kB, which are refused here."""

from __future__ import annotations

import re
from typing import Any

# Parts of one dotted key (a.b.c). Each costs time with each other one.
_MOST_PARTS = 32
_RUNS = re.compile(r"[\w.-]+")
_NO_SPACE = str.maketrans("", "", " \t\"'")


def loads_toml(text: str) -> dict[str, Any]:
    """Decode TOML. Raises ``ValueError`` for what is none, and for what is nested too deeply."""
    # Who only asks for components reads no manifest.
    import tomllib

    for line in text.split("\n"):
        if line.count(".") >= _MOST_PARTS and any(
            run.count(".") >= _MOST_PARTS for run in _RUNS.findall(line.translate(_NO_SPACE))
        ):
            raise ValueError(f"a key has more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
