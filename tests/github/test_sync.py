"""Alerts read into a store, and decisions written back, with conflicts shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from secagg.github.alerts import Alert, AlertDecision, SyncReport, Winner, synchronize
from secagg.github.client import Token
from secagg.pipeline.upload import UploadOptions, upload_run
from tests.github.fakes import FakeClock, client, target
from tests.github.make import given, result, run
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

CLOCK = FakeClock()
EARLY, LATE = "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"


def alerts(server: GitHubServer, count: int) -> None:
    runs = given(run([result(n) for n in range(1, count + 1)]))
    options = UploadOptions()
    upload_run(
        runs, target(server), options, token=Token(TOKEN), root=None, environ={}, clock=CLOCK
    )


class Side:
    """The side that is not GitHub, in memory."""

    def __init__(self) -> None:
        self.kept: dict[int, Alert] = {}
        self.decided: list[AlertDecision] = []
        self.brought: dict[int, AlertDecision] = {}
        self.taken: list[Alert] = []

    def cursor(self) -> str | None:
        return max((alert.updated_at for alert in self.kept.values()), default=None)

    def alerts(self) -> Mapping[int, Alert]:
        return dict(self.kept)

    def decisions(self, alerts: Mapping[int, Alert]) -> Sequence[AlertDecision]:
        return self.decided

    def written(self) -> Mapping[int, AlertDecision]:
        return dict(self.brought)

    def apply_dismissals(self, alerts: Sequence[Alert], *, dry_run: bool) -> Sequence[Alert]:
        self.taken = [alert for alert in alerts if alert.state == "dismissed"]
        return self.taken

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None:
        self.kept |= {alert.number: alert for alert in alerts}
        self.brought |= {decision.number: decision for decision in written}


@pytest.fixture
def side() -> Side:
    return Side()


def store(side: Side, *decisions: dict[str, Any]) -> Side:
    side.decided = [AlertDecision(**decision) for decision in decisions]
    return side


def dismissed(number: int, at: str = LATE, reason: str = "won't fix") -> dict[str, Any]:
    decided = {"number": number, "state": "dismissed", "reason": reason, "at": at}
    return {**decided, "comment": "triaged"}


def synced(server: GitHubServer, kept: Side, **options: bool) -> SyncReport:
    return synchronize(client(server, CLOCK), REPOSITORY, kept, **options)


def by_person(server: GitHubServer, number: int, reason: str) -> None:
    CLOCK.time += 100
    body = {"state": "dismissed", "dismissed_reason": reason}
    with client(server, CLOCK) as github:
        github.patch(f"/repos/{REPOSITORY}/code-scanning/alerts/{number}", body)


def test_all_pages_are_read_once_and_then_only_what_changed(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 250)
        for number, alert in enumerate(server.alerts):
            alert.updated_at = CLOCK.time + number
        CLOCK.time += 1_000
        assert synced(server, store(side)).read == 250
        assert server.count("GET", "/alerts.*page=3") == 1
        by_person(server, 17, "false positive")
        before = server.count("GET", "/alerts")
        again = synced(server, store(side))
        # The one that changed, and the last one before, which has the time of the cursor.
        assert again.read == 2
        assert server.count("GET", "/alerts") == before + 1
        assert store(side).alerts()[17].dismissed_reason == "false positive"
        assert len(store(side).alerts()) == 250


def test_decision_is_written_once(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 3)
        done = synced(server, store(side, dismissed(2)))
        assert [d.number for d in done.written] == [2]
        assert server.alerts[1].state == "dismissed"
        assert server.alerts[1].dismissed_comment == "triaged"
        assert synced(server, store(side, dismissed(2))).written == []
        opened = {"number": 2, "state": "open", "at": LATE}
        assert [d.state for d in synced(server, store(side, opened)).written] == ["open"]
        assert server.alerts[1].state == "open"


def test_dry_run_changes_neither_side(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 2)
        done = synced(server, store(side, dismissed(2)), dry_run=True)
        assert [d.number for d in done.written] == [2]
        assert server.count("PATCH", ".*") == 0
        assert store(side).alerts() == {}


@pytest.mark.parametrize(
    ("at", "newer_wins", "winner", "reason"),
    [
        (LATE, False, Winner.NOBODY, "false positive"),
        (LATE, True, Winner.HERE, "won't fix"),
        (EARLY, True, Winner.GITHUB, "false positive"),
    ],
)
def test_conflict_is_shown_and_settled_only_where_asked(
    side: Side, at: str, newer_wins: bool, winner: Winner, reason: str
) -> None:
    with GitHubServer() as server:
        alerts(server, 2)
        synced(server, store(side))
        by_person(server, 2, "false positive")
        done = synced(server, store(side, dismissed(2, at)), newer_wins=newer_wins)
        assert [c.winner for c in done.conflicts] == [winner]
        assert server.alerts[1].dismissed_reason == reason
        again = synced(server, store(side, dismissed(2, at)), newer_wins=newer_wins)
        assert [c.winner for c in again.conflicts] == [winner][: winner is not Winner.HERE]
        assert server.alerts[1].dismissed_reason == reason


def test_alert_that_a_person_opened_again_is_not_dismissed_again(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 2)
        synced(server, store(side, dismissed(2)))
        CLOCK.time += 100
        with client(server, CLOCK) as github:
            github.patch(f"/repos/{REPOSITORY}/code-scanning/alerts/2", {"state": "open"})
        for _ in range(2):
            done = synced(server, store(side, dismissed(2)))
            assert len(done.conflicts) == 1 and done.written == []
        assert server.alerts[1].state == "open"


def test_refusal_is_reported_and_the_rest_goes_on(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 2)
        refused = {"status": 403, "body": {"message": "must have access"}}
        server.fail("PATCH", "/alerts/1", times=2, **refused)
        done = synced(server, store(side, dismissed(1), dismissed(2), dismissed(9)))
        assert [d.number for d, _ in done.failed] == [1]
        assert [d.number for d in done.written] == [2]
        assert [d.number for d in done.unknown] == [9]


def test_delegated_dismissal_is_asked_for_until_it_is_answered(side: Side) -> None:
    with GitHubServer() as server:
        alerts(server, 1)
        server.delegated = True
        kept = store(side, dismissed(1))
        for _ in range(2):
            done = synced(server, kept)
            assert ([d.number for d in done.requested], done.written) == ([1], [])
            assert done.conflicts == []
