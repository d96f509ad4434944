"""The user's directories for caches, state and data."""

from __future__ import annotations

from pathlib import Path

from secagg.system.userdirs import user_directory

HOME = {"HOME": "/home/ada"}


def test_defaults_are_below_the_home_directory() -> None:
    assert user_directory("cache", HOME) == Path("/home/ada/.cache")
    assert user_directory("state", HOME) == Path("/home/ada/.local/state")
    assert user_directory("data", HOME) == Path("/home/ada/.local/share")


def test_a_variable_counts_if_it_is_absolute() -> None:
    assert user_directory("cache", HOME | {"XDG_CACHE_HOME": "/cache"}) == Path("/cache")
    assert user_directory("cache", HOME | {"XDG_CACHE_HOME": "cache"}) == Path("/home/ada/.cache")
    assert user_directory("cache", {"XDG_CACHE_HOME": "cache"}) is None
