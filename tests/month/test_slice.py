"""A slice of the month: ``python -m tests.month`` is all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.month.script import fork_brings_a_problem
from tests.month.world import CANARY, World
from tests.standins.github_server import GitHubServer


@pytest.mark.timeout(600)
def test_a_slice_of_the_month(tmp_path: Path) -> None:
    """A fork brings a problem: the gate is red without a secret, the second stage tells of it."""
    with GitHubServer(default_branch="main") as server:
        world = World(tmp_path, server)
        fork_brings_a_problem(world)
        assert world.leaked(CANARY) == []
        assert (world.events, world.checks) == (2, 12)
