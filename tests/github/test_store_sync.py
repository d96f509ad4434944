"""Decisions of the store and dismissals at GitHub, brought into agreement by ``secagg sync``."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from secagg.history import Store, open_store
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, RunRecord, Source, State, Triage
from tests.github.fakes import COMMIT, FakeClock, client
from tests.github.make import result
from tests.github.test_commands import Cli, cli, sarif, where
from tests.standins.github_server import REPOSITORY, GitHubServer

__all__ = ["cli"]

NAME = "0" * 31 + "1"
AT = datetime.datetime(2026, 11, 1, 9, tzinfo=datetime.UTC)


def problem(uri: str, line: int, rule: str) -> Problem:
    source = Source(tool="tool", rule_id=rule, severity=Severity.HIGH, uri=uri, line=line)
    return Problem(
        identity=NAME,
        kind=Kind.CODE,
        severity=Severity.HIGH,
        title="it is reported",
        rule_id=rule,
        tools=("tool",),
        uri=uri,
        line=line,
        sources=(source,),
    )


class Shop:
    """A store and a server that know the same problem."""

    def __init__(self, server: GitHubServer, cli: Cli, url: str) -> None:
        self.server, self.cli, self.url = server, cli, url
        made = result(1)
        place = made["locations"][0]["physicalLocation"]
        found = problem(
            place["artifactLocation"]["uri"], place["region"]["startLine"], made["ruleId"]
        )
        record = RunRecord(
            key="1", repository=REPOSITORY, branch="trunk", commit=COMMIT, started_at=AT,
            verdict="fail", policy="default",
        )  # fmt: skip
        with self.store() as store:
            store.record(record, [found], [("tool", ".")])

    def store(self) -> Store:
        return open_store(self.url)

    def sync(self, *options: str) -> str:
        code, out, err = self.cli("sync", *where(self.server), "--store", self.url, *options)
        assert (code, err) == (0, ""), out + err
        return out

    def decide(self, state: State, reason: str = "looked at") -> None:
        now = datetime.datetime.now(datetime.UTC)
        with self.store() as store:
            store.triage(REPOSITORY, [NAME], Triage(state=state, reason=reason, by="ana", at=now))

    def undo(self) -> None:
        with self.store() as store:
            store.undo(REPOSITORY, [NAME], who="ana")

    def said(self) -> list[Triage]:
        with self.store() as store:
            return store.newest_decisions(REPOSITORY).get(NAME, [])

    def at_github(self, **body: str) -> None:
        clock = FakeClock()
        clock.time = self.server.now() + 100
        with client(self.server, clock) as github:
            github.patch(f"/repos/{REPOSITORY}/code-scanning/alerts/1", body)


@pytest.fixture
def shop(cli: Cli, tmp_path: Path) -> Iterator[Shop]:
    with GitHubServer(looks=0) as server:
        code, _, err = cli("upload", sarif(tmp_path / "a.sarif"), *where(server))
        assert code == 0, err
        yield Shop(server, cli, str(tmp_path / "store.db"))


def test_decision_here_dismisses_and_its_undo_opens(shop: Shop) -> None:
    shop.sync()
    shop.decide(State.FALSE_POSITIVE, "made up")
    assert "1 decisions to be written" in shop.sync("--dry-run")
    assert shop.server.alerts[0].state == "open"
    assert "written: alert 1 dismissed false positive" in shop.sync()
    alert = shop.server.alerts[0]
    assert (alert.state, alert.dismissed_reason) == ("dismissed", "false positive")
    assert alert.dismissed_comment == "secagg: made up (by ana)"
    # What was written is no decision of GitHub's.
    assert "0 decisions of GitHub taken; 0 decisions written" in shop.sync()
    shop.undo()
    shop.sync()
    assert shop.server.alerts[0].state == "open"
    assert shop.said() == []


def test_dismissal_at_github_decides_here_until_it_is_opened_there(shop: Shop) -> None:
    shop.at_github(
        state="dismissed", dismissed_reason="used in tests", dismissed_comment="only a fixture"
    )
    assert "from GitHub: alert 1" in shop.sync("--dry-run")
    assert shop.said() == []
    assert "1 decisions of GitHub taken" in shop.sync()
    (made,) = shop.said()
    assert (made.state, made.reason) == (State.ACCEPTED, "used in tests: only a fixture")
    assert made.alert is not None and made.alert.endswith("/code-scanning/1")
    assert "0 decisions of GitHub taken" in shop.sync()
    shop.at_github(state="open")
    assert "1 decisions of GitHub taken" in shop.sync()
    assert shop.said() == []


def test_where_both_sides_decided_differently_nobody_is_overruled(shop: Shop) -> None:
    shop.sync()
    shop.decide(State.CONFIRMED)
    shop.at_github(state="dismissed", dismissed_reason="won't fix")
    assert "what holds: nobody" in shop.sync()
    assert [made.alert for made in shop.said()] == [None]
    assert shop.server.alerts[0].state == "dismissed"
    assert "what holds: GitHub" in shop.sync("--newer-wins")
    assert {made.alert is None for made in shop.said()} == {True, False}
    with shop.store() as store:
        assert next(store.problems(REPOSITORY)).state is State.ACCEPTED


def test_no_store_is_an_error(cli: Cli, tmp_path: Path) -> None:
    with GitHubServer() as server:
        code, _, err = cli("sync", *where(server), "--store", str(tmp_path / "none.db"))
    assert code == 4 and "there is no store" in err


def test_refusal_of_github_is_shown(shop: Shop) -> None:
    shop.decide(State.ACCEPTED)
    shop.server.fail("PATCH", "/alerts/1", times=2, status=403)
    code, out, _ = shop.cli("sync", *where(shop.server), "--store", shop.url)
    assert code == 4 and "refused: alert 1" in out
