"""Decode TOML of a repository. Refuses texts on which :mod:`tomllib` would take minutes."""

from __future__ import annotations

from typing import Any

from secagg.system.patterns import lazy

# Parts of one dotted key (a.b.c). The time grows with the square of their number.
_MOST_PARTS = 32
_RUNS = lazy(r"[\w.-]+")
_NO_SPACE = str.maketrans("", "", " \t\"'")


def loads_toml(text: str) -> dict[str, Any]:
    """Decode TOML. Raises ``ValueError`` if it is invalid or nested too deeply."""
    # Imported here because most commands read no TOML.
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
