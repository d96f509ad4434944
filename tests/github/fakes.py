"""A clock that does not wait, and what a test of the upload needs around it."""

from __future__ import annotations

from pathlib import Path

import httpx

from secagg.github.client import Client, Token
from secagg.github.deliver import Delivery
from secagg.github.journal import Journal
from secagg.github.target import Target
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

COMMIT = "c" * 40


class FakeClock:
    """Time that passes by being slept through."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)


def target(server: GitHubServer, ref: str = "refs/heads/trunk", commit: str = COMMIT) -> Target:
    return Target(
        repository=REPOSITORY,
        ref=ref,
        commit=commit,
        api_url=server.url,
        default_branch=server.default_branch,
        on_ref=True,
    )


def client(
    server: GitHubServer, clock: FakeClock, token: str = TOKEN, timeout: float = 60.0
) -> Client:
    server.now = clock.now
    made = Client(server.url, Token(token), clock=clock, timeout=httpx.Timeout(timeout))
    server.at_end.append(made.close)
    return made


def delivery(
    server: GitHubServer,
    journal: Path | None = None,
    *,
    clock: FakeClock | None = None,
    where: Target | None = None,
    timeout: float = 60.0,
) -> Delivery:
    to = where or target(server)
    kept = Journal(journal, to.api_url, to.repository)
    return Delivery(client(server, clock or FakeClock(), timeout=timeout), to, kept)
