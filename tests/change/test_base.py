"""The base of a change: found, read from, and never replaced by the change itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.change.base import changed_controls, default_base, reader_at
from secagg.errors import UsageError
from tests.change.repos import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("secagg.yaml", "policy: strict\n")
    made.write("web/secagg.yaml", "policy: default\n")
    made.write("policies/mine.yaml", "rules: []\n")
    made.write("web/x.py", "x\n")
    made.commit("Start")
    made.git("checkout", "-q", "-b", "change")
    return made


def test_files_as_the_base_has_them(repo: Repo) -> None:
    repo.write("secagg.yaml", "policy: nothing-fails\n")
    repo.write("web/secagg.yaml", "policy: nothing-fails\n")
    repo.write("new.yaml", "1\n")
    (repo.root / "policies/mine.yaml").unlink()
    repo.commit()
    read = reader_at(repo.root, "main")
    assert read("secagg.yaml") == b"policy: strict\n"
    assert read("policies/../policies/mine.yaml") == b"rules: []\n"
    assert read("new.yaml") is None
    assert read("policies") is None
    assert reader_at(repo.root / "web", "main")("secagg.yaml") == b"policy: default\n"
    assert reader_at(repo.root / "web", "main")("../secagg.yaml") == b"policy: strict\n"
    with pytest.raises(UsageError, match="outside of the repository"):
        read("../elsewhere.yaml")


def test_a_link_in_the_base_is_not_followed(repo: Repo) -> None:
    (repo.root / "linked.yaml").symlink_to("/etc/passwd")
    base = repo.commit()
    assert reader_at(repo.root, base)("linked.yaml") is None


def test_names_are_no_patterns(repo: Repo) -> None:
    assert reader_at(repo.root, "main")("secagg.*") is None
    assert reader_at(repo.root, "main")(":(top)secagg.yaml") is None


def test_a_base_that_is_not_there_is_an_error(repo: Repo) -> None:
    with pytest.raises(UsageError, match="'no-such' is no commit") as error:
        reader_at(repo.root, "no-such")
    assert "fetch-depth: 0" in str(error.value.hint)


def test_what_the_change_does_to_its_own_gate(repo: Repo) -> None:
    repo.write("web/x.py", "y\n")
    repo.write("web/.snyk", "ignore: {}\n")
    repo.write(".github/CODEOWNERS", "* @me\n")
    repo.git("mv", "secagg.yaml", "old.yaml")
    repo.write("policies/mine.yaml", "rules: [1]\n")
    repo.commit()
    found = changed_controls(repo.root, "main", also=["./policies/mine.yaml"])
    assert found == [".github/CODEOWNERS", "policies/mine.yaml", "secagg.yaml", "web/.snyk"]
    assert changed_controls(repo.root, "change") == []


def _event(repo: Repo, **payload: object) -> dict[str, str]:
    path = repo.root.parent / "event.json"
    path.write_text(json.dumps(payload))
    return {"GITHUB_EVENT_PATH": str(path), "GITHUB_EVENT_NAME": "pull_request"}


def test_the_base_is_where_github_merged_to(repo: Repo) -> None:
    """Main has moved on since the event: the merge commit knows."""
    old = repo.git("rev-parse", "main")
    head = repo.commit()
    repo.git("checkout", "-q", "main")
    tip = repo.commit("Go on")
    repo.git("checkout", "-q", "--detach")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge", head)
    environ = _event(repo, pull_request={"base": {"sha": old}})
    environ |= {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": repo.git("rev-parse", "HEAD")}
    assert default_base(repo.root, environ) == tip
    # A merge that the change itself has made is not trusted to name its base.
    assert default_base(repo.root, environ | {"GITHUB_SHA": head}) == old
    assert default_base(repo.root, environ | {"GITHUB_EVENT_NAME": "pull_request_target"}) == old
    assert default_base(repo.root, environ | {"GITHUB_EVENT_NAME": "push"}) is None
    assert default_base(repo.root, {}) is None


def test_the_base_is_the_remotes_branch_where_the_event_does_not_say(repo: Repo) -> None:
    tip = repo.git("rev-parse", "main")
    repo.git("update-ref", "refs/remotes/origin/trunk", tip)
    # A branch of the change with the base's name is not the base.
    repo.git("branch", "trunk", repo.commit())
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "trunk"}
    assert default_base(repo.root, environ) == tip
    (repo.root.parent / "broken.json").write_text("{")
    environ["GITHUB_EVENT_PATH"] = str(repo.root.parent / "broken.json")
    assert default_base(repo.root, environ) == tip


def test_a_queue_names_its_base(repo: Repo) -> None:
    base = repo.git("rev-parse", "main")
    environ = _event(repo, merge_group={"base_sha": base}) | {"GITHUB_EVENT_NAME": "merge_group"}
    assert default_base(repo.root, environ) == base


def test_no_base_in_a_pull_request_is_an_error(repo: Repo) -> None:
    environ = _event(repo, pull_request={"base": {"sha": "1" * 40}})
    with pytest.raises(UsageError, match="does not hold the commit") as error:
        default_base(repo.root, environ | {"GITHUB_BASE_REF": "trunk"})
    assert "fetch-depth: 0" in str(error.value.hint)
