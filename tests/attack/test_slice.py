"""A short slice of every attack but the timed one: nothing breaks through."""

from __future__ import annotations

import importlib

import pytest

from tests.attack.__main__ import names


# ``patterns`` compares times: it is for ``make attack`` on a machine that does nothing else.
# What it finds most often is asserted without a clock in test_patterns.py.
@pytest.mark.parametrize("name", sorted({*names()} - {"patterns"}))
def test_nothing_breaks_through(name: str) -> None:
    counts = importlib.import_module(f"tests.attack.{name}").run(seed=4, count=3)
    assert counts.tried.total() > 0
    assert counts.broken == []
