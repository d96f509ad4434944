"""Of all repositories each counts once: by its default branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.errors import UsageError
from secagg.history import Store, open_store
from secagg.history.engine import transaction
from secagg.history.reading import branches_of
from secagg.pipeline.origin import default_branch_of
from secagg.pipeline.storesource import HistoryScope, read_store
from tests.history.make import REPO, problem, run, see


def _defaults(store: Store) -> dict[str, str]:
    with transaction(store._engine, reads=True) as connection:
        return dict(branches_of(connection, None, None, default_only=True).values())


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        (["main", "release"], "main"),
        (["master", "fix", "fix"], "master"),
        (["feature", "release"], "release"),
        (["release", "pull request: fix"], "release"),
        (["pull request: fix"], "pull request: fix"),
    ],
)
def test_the_most_likely_branch_counts(store: Store, branches: list[str], expected: str) -> None:
    for number, branch in enumerate(branches):
        see(store, number, "a", branch=branch, key=f"run {number}")
    assert _defaults(store) == {REPO: expected}


def test_what_the_workflow_says_counts_before_that(store: Store) -> None:
    see(store, 0, "a", branch="main")
    see(store, 1, "a", branch="next", default_branch="next")
    see(store, 2, "a", repository="acme/other", branch="main", default_branch="none yet")
    assert _defaults(store) == {REPO: "next", "acme/other": "main"}
    see(store, 3, "a", branch="main", default_branch="main")
    assert _defaults(store)[REPO] == "main"
    # A scan that does not know it leaves it as it was.
    see(store, 4, "a", branch="next")
    assert _defaults(store)[REPO] == "main"


def test_all_repositories_count_every_problem_once(tmp_path: Path) -> None:
    where = str(tmp_path / "store.db")
    with open_store(where) as store:
        see(store, 0, "a", "b", branch="main")
        for number in range(1, 11):
            see(store, number, "a", "b", branch=f"pull request: {number}")
        see(store, 20, "a", repository="acme/other", branch="master")
    scope = HistoryScope(root=tmp_path, store=where, all_repositories=True)

    def counted(branch: str | None) -> tuple[int, int]:
        asked = HistoryScope(
            root=tmp_path, store=where, branch=branch, all_repositories=scope.all_repositories
        )
        history = read_store(asked)
        return len(history.problems()), len(history.runs())

    assert counted(None) == (3, 2)
    assert counted("*") == (23, 12)
    assert counted("master") == (1, 1)
    with pytest.raises(UsageError, match="no scan of a branch gone is recorded") as refused:
        counted("gone")
    assert refused.value.hint == "without --branch it is the default branch of each, with * all"


def test_the_job_names_the_default_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"repository": {"default_branch": "trunk"}}')
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_REPOSITORY", REPO)
    assert default_branch_of(REPO) == "trunk"
    assert default_branch_of("acme/other") is None
    for name in ("GITHUB_ACTIONS", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("CI_PROJECT_PATH", REPO)
    monkeypatch.setenv("CI_DEFAULT_BRANCH", "next")
    assert default_branch_of(REPO) == "next"
    assert default_branch_of("acme/other") is None


def test_first_seen_is_asked_for_what_is_named(store: Store) -> None:
    see(store, 0, "a", problem("b"), branch="fix")
    see(store, 1, "b", "c")
    see(store, 2, "a", "b", "c", repository="acme/other")
    names = {problem(name).identity: name for name in "abc"}
    seen = store.first_seen(REPO, "main", [*list(names)[:2], "unknown"])
    days = {names[identity]: (at - run(0).started_at).days for identity, at in seen.items()}
    assert days == {"a": 0, "b": 1}
    assert store.first_seen(REPO, "main", []) == {}
