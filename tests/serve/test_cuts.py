"""A few of the moments of :mod:`tests.serve.cuts`: nothing is lost, and nothing is doubled."""

from __future__ import annotations

import random

import pytest

from secagg.remote import store as remote_stores
from tests.history import postgres as server_programs
from tests.history.conftest import postgres, url
from tests.serve import cuts

__all__ = ["postgres", "url"]


def test_a_network_that_is_cut(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_stores, "_sleep", lambda seconds: None)
    assert cuts.cut_networks(url, 8, random.Random(3)) >= 4


def test_runners_that_are_killed(url: str) -> None:
    cuts.kill_runners(url, 6, random.Random(3))


def test_a_database_that_restarts() -> None:
    with server_programs.server() as address:
        assert cuts.restart_databases(address, 2, random.Random(3)) >= 2
