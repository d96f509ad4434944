"""A slice of the month: ``python -m tests.month`` is all of it."""

from __future__ import annotations

from pathlib import Path

from tests.month.script import day_is_quiet, fork_brings_a_problem
from tests.month.world import CANARY, World
from tests.standins.github_server import GitHubServer


def test_a_slice_of_the_month(tmp_path: Path) -> None:
    """A day with an open problem, and a fork that brings another."""
    with GitHubServer(default_branch="main") as server:
        world = World(tmp_path, server, advisories=[("flask", "CVE-2023-30861", "3.0.1")])
        day_is_quiet(world)
        assert world.alerts() == {"CVE-2023-30861"}
        fork_brings_a_problem(world)
        assert world.leaked(CANARY) == []
