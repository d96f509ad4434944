"""A comment on a pull request decides if somebody with write access has written it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import UsageError
from secagg.github.commentdecision import CommentDecision, read_decision
from secagg.github.event import Event
from secagg.history import open_store
from secagg.model.problem import State
from tests.github.test_commands import Cli, cli
from tests.history.make import ident, problem, see
from tests.standins.github_server import REPOSITORY, GitHubServer

__all__ = ["cli"]

ID = ident("a")


def event(body: str, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "action": "created",
        "issue": {"number": 7, "pull_request": {"url": "https://api.github.example/pulls/7"}},
        "comment": {"body": body, "user": {"login": "ana"}, "author_association": "OWNER"},
    }
    return made | changes


def read(body: str, **changes: Any) -> CommentDecision | None:
    return read_decision(Event("issue_comment", event(body, **changes)))


def test_what_a_comment_says() -> None:
    said = read("/secagg accept 3f2a91c0 reason: only in a test expires: 2w\n\nthanks")
    assert said is not None
    assert (said.identity, said.state, said.expires) == ("3f2a91c0", State.ACCEPTED, "2w")
    assert (said.reason, said.author, said.number) == ("only in a test", "ana", 7)
    wrong = read("/secagg false-positive 3f2a91c0 reason: made up")
    assert wrong is not None and wrong.state is State.FALSE_POSITIVE and wrong.expires is None
    back = read("  /secagg undo 3f2a91c0  ")
    assert back is not None and back.state is None


@pytest.mark.parametrize("body", ["", "nice", "> /secagg accept 3f2a91c0 reason: why", "a /secagg"])
def test_other_comments_say_nothing(body: str) -> None:
    assert read(body) is None


@pytest.mark.parametrize(
    "body",
    [
        "/secagg",
        "/secagg accept",
        "/secagg accept 3f2a91c0",
        "/secagg accept 3f2a9 reason: too short an id",
        "/secagg accept all reason: everything",
        "/secagg frobnicate 3f2a91c0 reason: why",
        "/secagg accept 3f2a91c0 4f2a91c0 reason: two",
        "/secagg accept 3f2a91c0 reason: x",
        "/secagg undo 3f2a91c0 reason: why",
    ],
)
def test_what_cannot_be_understood_is_refused(body: str) -> None:
    with pytest.raises(UsageError):
        read(body)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("issue_comment", {"action": "edited"}),
        ("issue_comment", {"issue": {"number": 7}}),
        ("pull_request", {}),
    ],
)
def test_only_a_new_comment_on_a_pull_request_is_read(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no new comment"):
        read_decision(Event(name, event("/secagg accept 3f2a91c0 reason: why", **changes)))
    with pytest.raises(UsageError, match="no new comment"):
        read_decision(None)


@pytest.mark.parametrize(
    ("permission", "code"), [("admin", 0), ("write", 0), ("read", 2), ("none", 2), (None, 2)]
)
def test_only_people_with_write_access_decide(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permission: str | None, code: int
) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store:
        see(store, 1, problem("a"), repository=REPOSITORY)
    (tmp_path / "event.json").write_text(
        json.dumps(event(f"/secagg accept {ID[:10]} reason: no route to it"))
    )
    with GitHubServer() as server:
        if permission is not None:
            server.permissions["ana"] = permission
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "issue_comment",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": server.url,
        }.items():
            monkeypatch.setenv(name, value)
        done, out, err = cli("triage-comment", "--store", str(path))
    assert done == code, err
    with open_store(path) as store:
        made = store.decisions(REPOSITORY).get(ID)
    if code:
        assert made is None and "ana may not decide here" in err
        return
    assert made is not None and "1 problem now accepted" in out
    assert (made.state, made.by) == (State.ACCEPTED, "ana")
    assert made.reason == "no route to it (comment on pull request 7)"
    assert made.expires is not None
