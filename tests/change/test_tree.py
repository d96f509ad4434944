"""Which file of the checkout a path of a report leads to, and what a change does to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from secagg.change.diff import read_diff
from secagg.change.groupkeys import in_diff
from secagg.change.tree import CheckoutTree
from secagg.merge import merge
from secagg.merge.groups import Group
from secagg.model.finding import Location
from tests.change.repos import Repo
from tests.merge.make import vulnerability


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def write(repo: Repo, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        repo.write(name, text)


def locked(path: str) -> Group:
    """A vulnerable package in the lock file at ``path``."""
    (group,) = merge([vulnerability("trivy", "CVE-2020-1", uri=path)]).groups
    return group


def test_a_path_behind_a_link_is_the_file_that_it_leads_to(repo: Repo) -> None:
    write(repo, {"real/a.py": "one\ntwo\n", "real/b.py": "one\n", "web/yarn.lock": "x\n"})
    (repo.root / "src").symlink_to("real")
    (repo.root / "again").symlink_to("src")
    (repo.root / "c.py").symlink_to("real/a.py")
    (repo.root / "out").symlink_to("/etc")
    (repo.root / "gone").symlink_to("nowhere")
    (repo.root / "yarn.lock").symlink_to("web/yarn.lock")
    base = repo.commit("Link")
    write(repo, {"real/a.py": "one\nother\n", "web/yarn.lock": "y\n"})
    (repo.root / "again").unlink()
    (repo.root / "again").symlink_to("real")
    (repo.root / "new").symlink_to("real")
    repo.commit("Change")
    diff = read_diff(repo.root, f"{base}...HEAD")
    places = {
        ("real/a.py", 2): True,
        ("real/a.py", 1): False,
        ("src/a.py", 2): True,
        ("src/a.py", 1): False,
        ("c.py", 2): True,
        ("c.py", 1): False,
        ("src/b.py", 1): False,
        # The change makes the link, or makes it lead elsewhere.
        ("new/b.py", 1): True,
        ("again/b.py", 1): True,
        # No file, and no name of a changed one.
        ("out/passwd", 1): False,
        ("gone", 1): False,
        ("src/nothing.py", 1): False,
        ("real/../../x.py", 1): False,
        # Nobody can tell which file is meant.
        ("a.py", 1): None,
        ("build/real/a.py", 1): None,
        ("REAL/A.PY", 1): None,
        ("real/a.py?x=1#L2", 1): None,
        ("real/a.py\u200b", 1): None,
        ("out/a.py", 1): None,
    }
    for (path, line), expected in places.items():
        assert diff.touches(Location(uri=path, start_line=line)) is expected, path
    for path, expected in (("yarn.lock", True), ("web/yarn.lock", True), ("app/yarn.lock", None)):
        assert in_diff(locked(path), diff) is expected, path


def test_a_place_in_an_archive_changes_with_the_archive(repo: Repo) -> None:
    for name in ("new.jar", "old.jar"):
        (repo.root / name).write_bytes(b"\0jar")
    base = repo.commit("Archives")
    (repo.root / "new.jar").write_bytes(b"\0jar, another")
    repo.commit("Change one")
    diff = read_diff(repo.root, f"{base}...HEAD")
    assert diff.touches(Location(uri="new.jar/a/B.class", start_line=7)) is True
    assert diff.touches(Location(uri="old.jar/a/B.class", start_line=7)) is False


def test_a_lock_file_that_is_not_kept_goes_by_its_manifest(repo: Repo) -> None:
    write(repo, {"web/package.json": "{}\n", "api/package.json": "{}\n"})
    base = repo.commit("Packages")
    write(repo, {"web/package.json": '{"a": 1}\n'})
    repo.commit("Change one")
    diff = read_diff(repo.root, f"{base}...HEAD")
    for path, expected in (
        ("web/package-lock.json", True),
        ("api/package-lock.json", False),
        # Of no directory of the checkout: that of the change may be meant.
        ("other/package-lock.json", None),
        ("other/poetry.lock", False),
    ):
        assert in_diff(locked(path), diff) is expected, path


def test_a_file_that_is_not_on_the_disk_is_one_that_git_knows(repo: Repo) -> None:
    """A job that only judges may check out a part of the files."""
    write(repo, {"a.py": "one\n", "b.py": "one\n"})
    base = repo.commit("Files")
    write(repo, {"a.py": "other\n"})
    repo.commit("Change")
    for name in ("a.py", "b.py"):
        (repo.root / name).unlink()
    diff = read_diff(repo.root, f"{base}...HEAD")
    touched = [
        diff.touches(Location(uri=name, start_line=1)) for name in ("a.py", "b.py", "x/a.py")
    ]
    assert touched == [True, False, None]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("package-lock.json", True),
        ("web/package-lock.json", True),
        ("web/Cargo.lock", False),
        ("Cargo.lock", False),
        ("gone/package-lock.json", False),
        ("WEB/package-lock.json", False),
    ],
)
def test_a_manifest_beside_a_lock_file_is_of_its_place(
    repo: Repo, path: str, expected: bool
) -> None:
    write(repo, {"package.json": "{}", "web/package.json": "{}", "web/main.rs": ""})
    assert CheckoutTree(repo.root).has_manifest(path) is expected
