"""Diffs of real repositories: lines, renames, odd names, and what has no lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.change.diff import read_diff
from secagg.change.groupkeys import in_diff
from secagg.change.model import FileStatus
from secagg.errors import UsageError
from secagg.merge import merge
from secagg.model.finding import Location, replace
from tests.change.repos import Repo, numbered
from tests.merge.make import code, secret, vulnerability


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("a.py", numbered(20))
    made.write("web/b.py", numbered(10))
    made.commit("Start")
    made.git("checkout", "-q", "-b", "change")
    return made


def test_changed_lines_and_where_the_others_went(repo: Repo) -> None:
    lines = numbered(20).splitlines(keepends=True)
    lines[4:4] = ["new 1\n", "new 2\n"]  # before line 5
    lines[11] = "changed\n"  # line 10
    del lines[16:18]  # lines 15 and 16
    repo.write("a.py", "".join(lines))
    repo.commit()
    change = read_diff(repo.root, "main...HEAD").files["a.py"]
    assert change.ranges == [(5, 6), (12, 12)]
    old_lines = (1, 4, 5, 9, 10, 11, 14, 15, 16, 17, 20)
    new_lines = [1, 4, 7, 11, None, 13, 16, None, None, 17, 20]
    assert [change.new_line(old) for old in old_lines] == new_lines
    assert change.touches(1, 5) and change.touches(12, 12) and change.touches(6, 30)
    assert not change.touches(1, 4) and not change.touches(7, 11)
    # What was taken out between two lines of a region touches it.
    assert change.touches(16, 17) and not change.touches(16, 16) and not change.touches(17, 20)


ODD = [
    "with blank.py",
    "tab\there.py",
    'quote".py',
    "new\nline.py",
    "ümläut.py",
    "-dash.py",
    "b.py",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_names(repo: Repo, name: str) -> None:
    repo.write(name, numbered(3))
    base = repo.commit()
    repo.write(name, numbered(3) + "--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n")
    repo.commit()
    diff = read_diff(repo.root, f"{base}...HEAD")
    assert {path: change.ranges for path, change in diff.files.items()} == {name: [(4, 6)]}


def test_a_name_that_is_no_utf_8(repo: Repo) -> None:
    name = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    repo.write(name, numbered(3))
    repo.commit()
    assert set(read_diff(repo.root, "main...HEAD").files) == {name}


def test_lines_without_an_end(repo: Repo) -> None:
    repo.write("a.py", numbered(20) + "old end")
    base = repo.commit()
    repo.write("a.py", "first\n" + numbered(20) + "new end")
    repo.commit()
    change = read_diff(repo.root, f"{base}...HEAD").files["a.py"]
    assert change.ranges == [(1, 1), (22, 22)]


def test_renames_with_edits(repo: Repo) -> None:
    repo.git("mv", "a.py", "c.py")
    repo.write("c.py", "# new\n" + numbered(20))
    repo.commit()
    diff = read_diff(repo.root, "main...HEAD")
    assert diff.renames == {"a.py": "c.py"}
    assert diff.files["c.py"].status is FileStatus.RENAMED
    assert diff.new_line("a.py", 3) == 4
    assert diff.touches(Location(uri="c.py", start_line=1)) is True
    assert diff.touches(Location(uri="c.py", start_line=2)) is False


def test_what_has_no_lines_to_compare(repo: Repo) -> None:
    repo.write("image.bin", b"\0\1\2")
    repo.write("to-link", "text\n")
    repo.write("run.sh", "true\n")
    repo.write("gone.py", numbered(3))
    base = repo.commit()
    repo.write("image.bin", b"\0\1\3")
    (repo.root / "to-link").unlink()
    (repo.root / "to-link").symlink_to("a.py")
    (repo.root / "run.sh").chmod(0o755)
    (repo.root / "gone.py").unlink()
    repo.commit()
    diff = read_diff(repo.root, f"{base}...HEAD")
    known = {path: (change.status, change.whole) for path, change in diff.files.items()}
    assert known == {
        "image.bin": (FileStatus.MODIFIED, True),
        "to-link": (FileStatus.TYPE_CHANGED, True),
        "run.sh": (FileStatus.MODIFIED, False),
        "gone.py": (FileStatus.DELETED, False),
    }
    assert diff.touches(Location(uri="run.sh", start_line=1)) is False
    assert diff.new_line("gone.py", 1) is None


def test_a_change_cannot_hide_its_lines_by_calling_them_binary(repo: Repo) -> None:
    repo.write(".gitattributes", "*.py -diff\n")
    repo.write("a.py", numbered(20) + "evil\n")
    repo.commit()
    diff = read_diff(repo.root, "main...HEAD")
    assert diff.touches(Location(uri="a.py", start_line=21)) is True


def test_settings_change_nothing(repo: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\ntouch {marker}\n")
    tool.chmod(0o755)
    repo.git("mv", "web/b.py", "web/c d.py")
    repo.write("web/c d.py", numbered(10) + "new\n")
    lines = numbered(20).splitlines(keepends=True)
    repo.write("a.py", "".join(["new\n", *lines[:4], "new\n", *lines[4:]]))
    repo.write(".gitattributes", "*.py diff=own\n")
    repo.commit()
    plain = read_diff(repo.root, "main...HEAD")
    odd: dict[str, str | Path] = {
        "color.ui": "always",
        "core.fsmonitor": tool,
        "core.quotePath": "false",
        "diff.external": tool,
        "diff.own.textconv": tool,
        "diff.own.command": tool,
        "diff.interHunkContext": "50",
        "diff.context": "50",
        "diff.mnemonicPrefix": "true",
        "diff.noprefix": "true",
        "diff.renames": "false",
        "diff.relative": "false",
        "diff.submodule": "log",
        "diff.wordRegex": ".",
    }
    for name, value in odd.items():
        repo.git("config", name, value)
    assert replace(read_diff(repo.root, "main...HEAD"), tree=plain.tree) == plain
    assert plain.files["a.py"].ranges == [(1, 1), (6, 6)]
    assert not marker.exists()


def test_a_submodule_is_a_changed_path(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    other.write("x.py", "x\n")
    other.commit()
    repo.git("submodule", "add", "-q", other.root, "libs/other")
    base = repo.commit()
    assert read_diff(repo.root, "main...HEAD").files["libs/other"].status is FileStatus.SUBMODULE
    other.write("x.py", "y\n")
    other.commit()
    inner = repo.root / "libs/other"
    repo.git("-C", inner, "fetch", "-q", "origin", "main")
    repo.git("-C", inner, "checkout", "-q", "FETCH_HEAD")
    # A change may not ask for its submodules to be overlooked.
    repo.git("config", "-f", ".gitmodules", "submodule.libs/other.ignore", "all")
    repo.git("add", "--all", "--force", ".gitmodules")
    repo.git(
        "update-index",
        "--cacheinfo",
        f"160000,{repo.git('-C', inner, 'rev-parse', 'HEAD')},libs/other",
    )
    repo.git("commit", "-q", "-m", "Move the submodule on")
    diff = read_diff(repo.root, f"{base}...HEAD")
    assert set(diff.files) == {".gitmodules", "libs/other"}
    assert diff.touches(Location(uri="libs/other/x.py", start_line=1)) is True
    assert diff.touches(Location(uri="libs/others/x.py", start_line=1)) is False


def test_only_what_lies_below_the_root(repo: Repo) -> None:
    repo.write("a.py", "all new\n")
    repo.write("web/b.py", numbered(10) + "new\n")
    repo.commit()
    diff = read_diff(repo.root / "web", "main...HEAD")
    assert {path: change.ranges for path, change in diff.files.items()} == {"b.py": [(11, 11)]}


def test_a_merge_brings_only_what_the_branch_brought(repo: Repo) -> None:
    """As GitHub checks a pull request out: the branch merged into what main has become."""
    repo.write("mine.py", "mine\n")
    mine = repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("theirs.py", "theirs\n")
    theirs = repo.commit()
    repo.git("merge", "-q", "--no-ff", "-m", "Merge", "change")
    merged = repo.git("rev-parse", "HEAD")
    diff = read_diff(repo.root, f"{theirs}...HEAD")
    assert list(diff.files) == ["mine.py"]
    assert diff.commits == {mine, merged}
    # Main merged into the branch: main's own changes are none of the branch's.
    repo.git("checkout", "-q", "change")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge main", theirs)
    diff = read_diff(repo.root, f"{theirs}...HEAD")
    assert list(diff.files) == ["mine.py"]
    assert theirs not in diff.commits


def test_two_dots_start_at_the_base_itself(repo: Repo) -> None:
    repo.git("checkout", "-q", "main")
    repo.write("theirs.py", "theirs\n")
    repo.commit()
    repo.git("checkout", "-q", "change")
    assert read_diff(repo.root, "main...HEAD").files == {}
    assert read_diff(repo.root, "main..").files["theirs.py"].status is FileStatus.DELETED
    with pytest.raises(UsageError, match="names no base"):
        read_diff(repo.root, " ")


def test_the_work_tree_as_it_is(repo: Repo) -> None:
    repo.write("committed.py", "1\n")
    repo.commit()
    repo.write("a.py", numbered(20) + "not committed\n")
    repo.write("unknown.py", "1\n")
    repo.write(".gitignore", "ignored.py\n")
    repo.write("ignored.py", "1\n")
    diff = read_diff(repo.root, "main")
    assert set(diff.files) == {"committed.py", "a.py", "unknown.py", ".gitignore"}
    assert diff.files["a.py"].ranges == [(21, 21)]
    assert diff.head is None and diff.notes == ()
    clean = read_diff(repo.root, "main...HEAD")
    assert set(clean.files) == {"committed.py"}
    assert "the work tree is not as HEAD has it" in clean.notes[0]


def test_a_shallow_clone_says_what_to_fetch(repo: Repo, tmp_path: Path) -> None:
    repo.commit("One")
    repo.commit("Two")
    clone = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth=1", f"file://{repo.root}", clone)
    with pytest.raises(UsageError, match="'main' is no commit") as error:
        read_diff(clone, "main...HEAD")
    assert "fetch-depth: 0" in str(error.value.hint)
    repo.git("-C", clone, "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    with pytest.raises(UsageError, match="does not reach back to the merge base") as error:
        read_diff(clone, "main...HEAD")
    assert "fetch-depth: 0" in str(error.value.hint)
    repo.git("-C", clone, "fetch", "-q", "--unshallow", "origin")
    assert read_diff(clone, "main...HEAD").files == {}


def test_what_cannot_be_compared_is_an_error(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'nowhere' is no commit"):
        read_diff(repo.root, "nowhere...HEAD")
    with pytest.raises(UsageError, match="'--output=x' is no commit"):
        read_diff(repo.root, "--output=x")
    repo.git("checkout", "-q", "--orphan", "island")
    repo.commit()
    with pytest.raises(UsageError, match="have no commit in common"):
        read_diff(repo.root, "main...HEAD")
    (tmp_path / "bare").mkdir()
    with pytest.raises(UsageError, match="not a git repository"):
        read_diff(tmp_path / "bare", "main")


def test_groups_in_a_diff(repo: Repo) -> None:
    repo.write("web/package.json", "{}\n")
    repo.write("a.py", "new\n" + numbered(20))
    commit = repo.commit()
    diff = read_diff(repo.root, "main...HEAD")
    told = {
        "on a new line": code(uri="a.py", line=1),
        "on an old line": code(uri="a.py", line=5),
        "without a line": code(uri="a.py", line=None),
        "elsewhere": code(uri="web/b.py", line=1),
        "nowhere": code(uri=None, line=None),  # type: ignore[arg-type]
        "locked": vulnerability("trivy", "CVE-2020-1", uri="web/package-lock.json"),
        "locked elsewhere": vulnerability("trivy", "CVE-2020-1", uri="api/package-lock.json"),
        "in a commit of the change": secret(uri="old.py", commit=commit),
        "in an older commit": secret(uri="a.py", line=1, commit="0" * 40),
        "in an image": vulnerability("trivy", "CVE-1-1", location=Location(image="a", uri="a.py")),
    }
    answers = {name: in_diff(merge([f]).groups[0], diff) for name, f in told.items()}
    assert answers == {
        "on a new line": True,
        "on an old line": False,
        "without a line": True,
        "elsewhere": False,
        "nowhere": None,
        "locked": True,
        # The checkout has no such directory: the one of the change may be meant.
        "locked elsewhere": None,
        "in a commit of the change": True,
        "in an older commit": False,
        "in an image": None,
    }


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return Repo(tmp_path_factory.mktemp("scratch"))


_lines = st.sampled_from(["a", "b", "c", "d", "-- x", "++ y", "\\ z", "@@ -1 +1 @@"])
_texts = st.lists(_lines, min_size=1, max_size=12)


@settings(max_examples=60)
@given(_texts, _texts, st.booleans())
def test_lines_that_are_said_to_have_moved_read_the_same(
    scratch: Repo, before: list[str], after: list[str], ended: bool
) -> None:
    scratch.write("f", "\n".join(before) + "\n")
    base = scratch.commit()
    scratch.write("f", "\n".join(after) + ("\n" if ended else ""))
    scratch.commit()
    change = read_diff(scratch.root, f"{base}...HEAD").files.get("f")
    if change is None:
        assert before == after and ended
        return
    new_of = {old: change.new_line(old) for old in range(1, len(before) + 1)}
    kept = {new for new in new_of.values() if new is not None}
    assert [before[o - 1] for o, n in new_of.items() if n] == [after[n - 1] for n in sorted(kept)]
    touched = {line for first, last in change.ranges for line in range(first, last + 1)}
    assert kept | touched == set(range(1, len(after) + 1))
    assert not kept & touched
