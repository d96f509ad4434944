"""Odd places: names that no tool can write, repositories in each other, steps without a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.change.base import default_base, reader_at, since_event
from secagg.change.baseline import BaselineMatch, compare, match_groups
from secagg.change.controls import Controls
from secagg.change.diff import read_diff
from secagg.change.groupkeys import MatchLevel, may_follow
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.change.owners import parse_owners
from secagg.change.tree import CheckoutTree, TreeFile
from secagg.errors import UsageError
from secagg.merge import merge
from secagg.merge.groups import Group
from secagg.model.finding import Finding, Location, SarifOrigin, replace
from secagg.policy.decision import BaselineState
from tests.change.repos import Repo
from tests.merge.make import code, misconfiguration, secret, vulnerability

# The name of a file in Latin-1, as Python and as a tool's report write it.
NAME, WRITTEN = "caf\udce9.py", "caf\ufffd.py"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def modified(path: str, *lines: int) -> Diff:
    hunks = tuple(Hunk(line, 1, line, 1) for line in lines)
    change = FileChange(path, FileStatus.MODIFIED, hunks=hunks)
    return Diff(base="b", head="h", files={path: change})


def only(finding: Finding) -> Group:
    (group,) = merge([finding]).groups
    return group


def test_a_name_that_no_tool_can_write_is_any_that_fits() -> None:
    diff = modified(NAME, 3)
    assert diff.change_of(WRITTEN) is diff.change_of(NAME) is diff.files[NAME]
    assert diff.change_of("cafe.py") is None and diff.change_of("tea\ufffd.py") is None


def test_a_file_that_only_git_knows_has_its_name(repo: Repo) -> None:
    repo.write(NAME, "1\n")
    repo.write("plain.py", "1\n")
    repo.commit()
    for name in (NAME, "plain.py"):
        (repo.root / name).unlink()
    tree = CheckoutTree(repo.root)
    assert tree.find(WRITTEN) == TreeFile(WRITTEN)
    assert tree.find("plain.py") == TreeFile("plain.py")
    assert tree.find("other.py") is None and tree.find("tea\ufffd.py") is None


def test_a_repository_within_is_new_as_a_whole(repo: Repo) -> None:
    repo.write("a.py", "1\n")
    repo.commit()
    Repo(repo.root / "vendored").write("b.py", "1\n")
    repo.write("sub/c.py", "1\n")
    Repo(repo.root / "vendored").commit()
    assert read_diff(repo.root, "HEAD").files == {
        path: FileChange(path=path, status=FileStatus.ADDED, whole=True)
        for path in ("vendored", "sub/c.py")
    }


def flow(*locations: Any) -> Finding:
    """A finding in app/db.py whose data flow has these locations."""
    steps = ["odd", {}, *({"location": {"physicalLocation": place}} for place in locations)]
    result = {"codeFlows": [{"threadFlows": [{"locations": steps}]}]}
    return replace(code(uri="app/db.py", line=3), sarif=SarifOrigin.of({}, result))


def at(uri: Any, start: Any = None, end: Any = None) -> dict[str, Any]:
    region = {"startLine": start, "endLine": end}
    return {"artifactLocation": {"uri": uri}, "region": region}


def test_a_step_of_a_data_flow_reaches_to_its_last_line() -> None:
    group = only(flow(at(5, 1), at("app/no-line.py"), at("app/api.py", 3, 7), at("b.py", 2, "x")))
    touching = {"app/api.py": (3, 5, 7), "b.py": (2,)}
    for path, lines in touching.items():
        for line in range(1, 9):
            assert may_follow(group, modified(path, line)) is (
                line in lines or (path == "app/api.py" and 3 <= line <= 7)
            ), (path, line)
    assert not may_follow(group, modified("app/no-line.py", 1))


def test_a_check_follows_from_the_places_that_it_names() -> None:
    check = misconfiguration("trivy", "KSV-0001", uri="k8s/d.yaml")
    for place, line, follows in (
        (Location(uri="k8s/base.yaml", start_line=3, end_line=3), 3, True),
        (Location(uri="k8s/base.yaml", start_line=3, end_line=3), 4, False),
        (Location(logical="a module"), 3, False),
    ):
        group = only(replace(check, related=(place,)))
        assert may_follow(group, modified("k8s/base.yaml", line)) is follows


def test_a_version_in_the_name_of_a_directory_is_part_of_the_place() -> None:
    def state(uri: str) -> BaselineState:
        before = vulnerability(
            "trivy", "CVE-2021-44228", "log4j", "2.14.0", uri="lib-2.14.0/log4j-2.14.0.jar"
        )
        now = merge([vulnerability("trivy", "CVE-2021-44228", "log4j", "2.15.0", uri=uri)])
        return compare(now, merge([before]).groups).states[now.groups[0].identity]

    assert state("lib-2.14.0/log4j-2.15.0.jar") is not BaselineState.NEW
    assert state("lib-2.15.0/log4j-2.15.0.jar") is BaselineState.NEW


def test_what_the_baseline_rules_out_leaves_the_rest_of_its_group() -> None:
    first = vulnerability("trivy", "CVE-2021-1111")
    second = vulnerability("snyk", "SNYK-1", "CVE-2021-1111")
    ruled_out = replace(second, sarif=SarifOrigin.of({}, {"kind": "pass"}))
    (before,) = merge([first, ruled_out]).groups
    current = merge([first, second])
    compared = compare(current, [before])
    (left,) = compared.before
    assert (left.identity, left.members) == (before.identity, [first])
    assert (left.representative, left.reasons) == (before.representative, before.reasons)
    identity = current.groups[0].identity
    assert compared.states == {identity: BaselineState.UNCHANGED}
    matches = match_groups(current.groups, [before])
    assert matches == {identity: BaselineMatch(left, MatchLevel.CONTENT)}
    # The lines that a change touches are those of its files.
    assert match_groups(current.groups, [before], modified("web/package.json", 1)) == matches


def test_the_event_is_this_process_s_own(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = repo.commit("one")
    repo.commit("two")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}, "before": before}))
    own = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REF": "refs/heads/main",
    }
    for name in own:
        monkeypatch.delenv(name, raising=False)
    assert since_event(repo.root) is None
    assert since_event(repo.root, own) == before
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert since_event(repo.root) == before
    assert since_event(repo.root, {}) is None
    # Without a checkout there is nothing that the event could be about.
    assert default_base(tmp_path, own) is None


def test_what_a_change_brings_is_refused_with_the_reason(repo: Repo) -> None:
    repo.write("a.py", "1\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "topic")
    repo.write("rules.toml", "x\n")
    repo.commit()
    controls = Controls(repo.root, base="main")
    with pytest.raises(UsageError) as caught:
        controls.read("rules.toml")
    assert str(caught.value) == (
        "rules.toml is brought by this change, and holds once it is merged"
    )
    assert caught.value.hint == (
        "the gate is read from the commit that the change is to be merged into"
    )


def test_what_a_diff_says_of_itself(repo: Repo) -> None:
    repo.write("a.py", "1\n2\n")
    repo.write("b.bin", b"\0\1")
    start = repo.commit("Start")
    repo.write("a.py", "1\n3\n")
    repo.write("b.bin", b"\0\2")
    repo.write("new.py", "1\n")
    head = repo.commit("Change")
    diff = read_diff(repo.root, f"{start}...{head}")
    assert (diff.base, diff.head) == (start, head)
    files = {
        path: (change.status, change.whole, change.hunks) for path, change in diff.files.items()
    }
    assert files == {
        "a.py": (FileStatus.MODIFIED, False, (Hunk(2, 1, 2, 1),)),
        # What has no lines to compare, or is new, is touched as a whole.
        "b.bin": (FileStatus.MODIFIED, True, ()),
        "new.py": (FileStatus.ADDED, True, ()),
    }
    work_tree = read_diff(repo.root, start)
    assert (work_tree.base, work_tree.head) == (start, None)
    with pytest.raises(UsageError) as caught:
        read_diff(repo.root, " ")
    assert str(caught.value) == "' ' names no base"
    assert caught.value.hint == "give --diff BASE...HEAD"


def test_refusals_of_a_change_say_what_to_do(repo: Repo) -> None:
    repo.write("rules.toml", "1\n")
    start = repo.commit("Start")
    repo.write("rules.toml", "2\n# Suppress this\n")
    repo.commit("Change")
    controls = Controls(repo.root, base=start)
    with pytest.raises(UsageError) as caught:
        controls.refuse_touched(repo.root / "rules.toml", "tools.gitleaks.config")
    assert str(caught.value) == (
        "tools.gitleaks.config leads to rules.toml, which this change touches"
    )
    assert caught.value.hint == (
        "a change must not decide on itself: merge the change of that file first"
    )
    controls.refuse_touched(repo.root / "other.toml", "tools.gitleaks.config")
    assert controls.adds_words([b"suppress"]) and not controls.adds_words([b"1"])
    assert not Controls(repo.root).adds_words([b"suppress"])
    for path in ("../a.toml", "/a.toml", "a/../../b.toml"):
        with pytest.raises(UsageError) as caught:
            reader_at(repo.root, start)(path)
        assert str(caught.value) == f"{path} lies outside of the repository"
        assert caught.value.hint == "give a path below the root"
    assert reader_at(repo.root, start)("rules.toml") == b"1\n"


@pytest.mark.parametrize(
    ("path", "may_be"),
    [
        ("app/DB.py", True),
        ("other/db.py", True),
        ("app/db.py.", True),
        (" db.py", True),
        ("db.py\ufffd", True),
        ("d\u200bb.py", True),
        ("\uff44b.py", True),
        ("app/db.py/", True),
        ("app/db.pyx", False),
        ("app/xdb.py", False),
        ("app/d.b.py", False),
    ],
)
def test_a_path_of_no_file_may_be_one_of_that_name(path: str, may_be: bool) -> None:
    assert modified("app/db.py", 1).may_be_changed(path) is may_be


@pytest.mark.parametrize("pattern", ["!a.py", r"\#a.py", "[a].py", "a].py", "a[.py"])
def test_a_pattern_that_codeowners_lacks_owns_nothing(pattern: str) -> None:
    notes: list[str] = []
    assert list(parse_owners(f"{pattern} @a\n", "CODEOWNERS", notes)) == []
    assert notes == [f"CODEOWNERS:1: {pattern!r} is no pattern of CODEOWNERS; it is skipped"]


def test_a_secret_of_the_baseline_is_found_by_its_value_and_by_its_line() -> None:
    """A tool that hides the value has no other key than the line."""
    known = secret("gitleaks", line=3, line_hash="0123456789abcdef:1")
    hidden = secret("trivy", line=3, line_hash="0123456789abcdef:1")
    assert known.secret is not None and hidden.secret is not None
    hidden = replace(hidden, secret=replace(hidden.secret, id=None, key=None))
    (before,) = merge([known, hidden]).groups
    for now in (known, hidden):
        current = merge([now])
        compared = compare(current, [before])
        assert compared.states[current.groups[0].identity] is not BaselineState.NEW, now.tool
