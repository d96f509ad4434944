"""A short slice of every attack: nothing breaks through."""

from __future__ import annotations

import importlib

import pytest

from tests.attack.__main__ import names


@pytest.mark.parametrize("name", names())
def test_nothing_breaks_through(name: str) -> None:
    counts = importlib.import_module(f"tests.attack.{name}").run(seed=4, count=3)
    assert counts.tried.total() > 0
    assert counts.broken == []
