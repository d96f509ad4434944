"""Which commits of the history belong to a workflow's event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.change.base import since_event
from secagg.errors import UsageError
from tests.change.repos import Repo


class Clone(Repo):
    """A repository of which ``origin/main`` has one commit, and a branch two more."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.start = self.commit("Start")
        self.git("update-ref", "refs/remotes/origin/main", self.start)
        self.git("checkout", "-q", "-b", "change")
        self.first = self.commit("First")
        self.second = self.commit("Second")

    def event(self, name: str, ref: str = "refs/heads/change", **payload: object) -> dict[str, str]:
        path = self.root.parent / "event.json"
        path.write_text(json.dumps({"repository": {"default_branch": "main"}, **payload}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REF": ref,
        }

    def since(self, name: str, ref: str = "refs/heads/change", **payload: object) -> str | None:
        return since_event(self.root, self.event(name, ref, **payload))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_a_pull_request_from_where_it_left_its_base(clone: Clone) -> None:
    clone.git("checkout", "-q", "main")
    tip = clone.commit("Later on main")
    clone.git("checkout", "-q", "change")
    assert clone.since("pull_request", pull_request={"base": {"sha": tip}}) == clone.start
    assert clone.since("pull_request_target", pull_request={"base": {"sha": tip}}) == clone.start


def test_a_merge_commit_of_github_from_its_first_parent(clone: Clone) -> None:
    clone.git("checkout", "-q", "--detach", "main")
    clone.git("merge", "-q", "--no-ff", "--no-edit", "change")
    environ = clone.event("pull_request", "refs/pull/7/merge")
    environ["GITHUB_SHA"] = clone.git("rev-parse", "HEAD")
    assert since_event(clone.root, environ) == clone.start


def test_a_merge_group_from_its_base(clone: Clone) -> None:
    group = {"merge_group": {"base_sha": clone.first}}
    assert clone.since("merge_group", "refs/heads/gh-readonly-queue/main/x", **group) == clone.first


def test_a_push_from_what_the_branch_was(clone: Clone) -> None:
    assert clone.since("push", before=clone.first) == clone.first


@pytest.mark.parametrize(
    "payload",
    [
        {"before": "0" * 40, "created": True},
        {"before": "1" * 40},
        {"forced": True},
        {},
    ],
)
def test_a_first_a_forced_and_an_unknown_push_from_where_it_left_main(
    clone: Clone, payload: dict[str, Any]
) -> None:
    known = {"before": clone.first, **payload} if payload.get("forced") else payload
    assert clone.since("push", **known) == clone.start


def test_a_push_that_took_commits_away_is_no_continuation(clone: Clone) -> None:
    clone.git("checkout", "-q", "-B", "change", clone.first)
    assert clone.since("push", before=clone.second) == clone.start


def test_a_tag_from_where_it_left_main(clone: Clone) -> None:
    assert clone.since("push", "refs/tags/v1", before="0" * 40) == clone.start


def test_a_first_push_of_main_reads_all(clone: Clone) -> None:
    assert clone.since("push", "refs/heads/main", before="0" * 40) is None
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    assert clone.since("push", before="0" * 40) is None


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_a_schedule_reads_all(clone: Clone, name: str) -> None:
    assert clone.since(name) is None
    assert since_event(clone.root, {}) is None


def test_a_base_that_is_not_there_is_an_error(clone: Clone) -> None:
    with pytest.raises(UsageError, match="does not hold the commit"):
        clone.since("pull_request", pull_request={"base": {"sha": "1" * 40}})
