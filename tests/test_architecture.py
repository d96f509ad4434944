"""The map of the project names files and directories that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.findall(
    r"`((?:secagg|parsers|policies|tests)/[\w/.]*)`",
    (ROOT / "docs" / "architecture.md").read_text(),
)


def test_every_place_of_the_map_exists() -> None:
    assert len(NAMED) > 50
    assert [name for name in NAMED if not (ROOT / name).exists()] == []


def test_every_package_is_on_the_map() -> None:
    packages = {f"secagg/{p.parent.name}/" for p in (ROOT / "secagg").glob("*/__init__.py")}
    assert packages - set(NAMED) == set()
