"""Repository, ref and commit, from the Actions environment, git and flags."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import UsageError
from secagg.github.target import Target, TargetOptions, find_target

SHA = "1" * 40


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "trunk")
    git(directory, "commit", "-q", "--allow-empty", "-m", "one")
    git(directory, "remote", "add", "origin", "https://u:secret-in-url@github.com/acme/shop.git")
    return directory


def actions(tmp_path: Path, name: str, payload: dict[str, Any], **extra: str) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(payload))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REF": "refs/heads/trunk",
        "GITHUB_SHA": SHA,
        **extra,
    }


def pull(head: str = SHA, repo: str | None = "acme/shop", user: str = "ann") -> dict[str, Any]:
    return {
        "number": 7,
        "pull_request": {
            "number": 7,
            "user": {"login": user},
            "head": {"sha": head, "repo": None if repo is None else {"full_name": repo}},
            "base": {"repo": {"full_name": "acme/shop"}},
        },
        "repository": {"default_branch": "trunk"},
    }


def where(target: Target) -> tuple[str, str]:
    return target.ref, target.commit


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch", "merge_group"])
def test_branch_events(tmp_path: Path, name: str) -> None:
    payload = {"repository": {"default_branch": "trunk"}}
    target = find_target(TargetOptions(), actions(tmp_path, name, payload), tmp_path)
    assert where(target) == ("refs/heads/trunk", SHA)
    assert target.on_default_branch is True
    assert not target.read_only


def test_pull_request_with_the_merge_commit(tmp_path: Path) -> None:
    merge = {"GITHUB_REF": "refs/pull/7/merge"}
    target = find_target(
        TargetOptions(), actions(tmp_path, "pull_request", pull(), **merge), tmp_path
    )
    assert where(target) == ("refs/pull/7/merge", SHA)
    assert target.pull_number == 7 and not target.read_only
    assert target.on_default_branch is False


def test_pull_request_with_its_head_checked_out(tmp_path: Path, checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    environ = actions(tmp_path, "pull_request", pull(head), GITHUB_REF="refs/pull/7/merge")
    assert where(find_target(TargetOptions(), environ, checkout)) == ("refs/pull/7/head", head)


def test_pull_request_target_speaks_of_what_is_checked_out(tmp_path: Path, checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    environ = actions(tmp_path, "pull_request_target", pull(head, "eve/shop"))
    target = find_target(TargetOptions(), environ, checkout)
    assert where(target) == ("refs/pull/7/head", head)
    assert not target.read_only
    base = environ | {"GITHUB_SHA": head}
    assert where(find_target(TargetOptions(), base, checkout)) == ("refs/heads/trunk", head)


@pytest.mark.parametrize(
    ("name", "payload", "actor", "read_only"),
    [
        ("pull_request", pull(repo="eve/shop"), "eve", True),
        ("pull_request", pull(repo=None), "eve", True),
        ("pull_request", pull(user="dependabot[bot]"), "ann", True),
        ("push", {}, "dependabot[bot]", True),
        ("pull_request_target", pull(repo="eve/shop"), "eve", False),
        ("pull_request_target", pull(), "dependabot[bot]", True),
        ("pull_request", pull(), "ann", False),
    ],
)
def test_who_gets_a_read_only_token(
    tmp_path: Path, name: str, payload: dict[str, Any], actor: str, read_only: bool
) -> None:
    environ = actions(tmp_path, name, payload, GITHUB_ACTOR=actor)
    asked = TargetOptions(ref="refs/pull/7/head", commit=SHA)
    assert find_target(asked, environ, tmp_path).read_only is read_only


def test_workflow_run_with_a_foreign_checkout_is_refused(tmp_path: Path, checkout: Path) -> None:
    with pytest.raises(UsageError, match="workflow_run"):
        find_target(TargetOptions(), actions(tmp_path, "workflow_run", {}), checkout)


def test_git_alone(checkout: Path) -> None:
    target = find_target(TargetOptions(), {}, checkout)
    assert target.repository == "acme/shop"
    assert where(target) == ("refs/heads/trunk", git(checkout, "rev-parse", "HEAD"))
    assert target.on_default_branch is None
    assert "secret-in-url" not in repr(target)


def test_detached_head_needs_a_ref(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")
    with pytest.raises(UsageError, match="which ref"):
        find_target(TargetOptions(), {}, checkout)
    assert find_target(TargetOptions(ref="refs/tags/v1"), {}, checkout).ref == "refs/tags/v1"


@pytest.mark.parametrize(
    "url", ["git@github.example.com:acme/shop.git", "ssh://git@github.example.com/acme/shop"]
)
def test_a_remote_does_not_say_who_gets_the_token(checkout: Path, url: str) -> None:
    git(checkout, "remote", "set-url", "origin", url)
    with pytest.raises(UsageError, match=r"github\.example\.com"):
        find_target(TargetOptions(), {}, checkout)
    api = "https://github.example.com/api/v3"
    assert find_target(TargetOptions(api_url=api + "/"), {}, checkout).api_url == api
    assert find_target(TargetOptions(), {"GITHUB_API_URL": api}, checkout).repository == "acme/shop"


@pytest.mark.parametrize(
    "bad",
    [
        TargetOptions(repository="acme"),
        TargetOptions(repository="acme/../etc"),
        TargetOptions(ref="main"),
        TargetOptions(ref="refs/heads/../x"),
        TargetOptions(commit="1234"),
        TargetOptions(commit="g" * 40),
        TargetOptions(api_url="http://github.example.com/api/v3"),
        TargetOptions(api_url="ftp://github.example.com"),
        TargetOptions(api_url="https://token@github.example.com/api/v3"),
    ],
)
def test_what_github_would_not_take_is_refused(checkout: Path, bad: TargetOptions) -> None:
    with pytest.raises(UsageError):
        find_target(bad, {}, checkout)


def test_flags_win(tmp_path: Path) -> None:
    asked = TargetOptions(repository="o/n", ref="refs/heads/x", commit="a" * 40)
    target = find_target(asked, actions(tmp_path, "push", {}), tmp_path)
    assert (target.repository, *where(target)) == ("o/n", "refs/heads/x", "a" * 40)


def test_event_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    environ = actions(tmp_path, "push", {})
    Path(environ["GITHUB_EVENT_PATH"]).write_text("{")
    assert find_target(TargetOptions(), environ, tmp_path).ref == "refs/heads/trunk"
