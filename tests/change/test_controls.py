"""Files that decide: the base's, where the repository has them, and never the change's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secagg.change.controls import Controls
from secagg.errors import ConfigError, UsageError
from tests.change.repos import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """``main`` with rules, and a change that edits, adds and removes some."""
    made = Repo(tmp_path / "repo")
    made.write("app/rules.toml", "of the base\n")
    made.write("app/same.toml", "the same\n")
    made.write("app/gone.toml", "gone\n")
    made.write("other/x.txt", "x\n")
    made.commit()
    made.git("branch", "base")
    made.write("app/rules.toml", "of the change\n")
    made.write("app/new.toml", "new\n# NoSemgrep here\n")
    (made.root / "app/gone.toml").unlink()
    made.write("other/x.txt", "y\n")
    made.commit()
    return made


@pytest.fixture
def controls(repo: Repo) -> Controls:
    """Of the directory ``app``: names count from it, and git's from the top."""
    return Controls(repo.root / "app", "base")


def test_what_the_repository_has_is_read_from_the_base(repo: Repo, controls: Controls) -> None:
    for name in ("rules.toml", str(repo.root / "app/rules.toml"), "../app/rules.toml"):
        assert controls.read(name) == b"of the base\n"
    assert controls.text("same.toml") == "the same\n"
    assert controls.read("gone.toml") == b"gone\n"
    assert controls.read("never.toml") is None
    assert controls.base_bytes("rules.toml") == b"of the base\n"
    assert controls.base_text("rules.toml") == "of the base\n"
    assert controls.base_bytes("new.toml") is None
    assert controls.base_text("new.toml") is None


def test_what_only_the_change_has_is_refused(controls: Controls) -> None:
    with pytest.raises(UsageError, match=r"^new\.toml is brought by this change, and holds once"):
        controls.read("new.toml")


def test_what_git_does_not_know_is_read_from_the_disk(
    repo: Repo, controls: Controls, tmp_path: Path
) -> None:
    repo.write("app/made.toml", "by the workflow\n")
    outside = tmp_path / "outside.toml"
    outside.write_text("of the runner\n")
    assert controls.read("made.toml") == b"by the workflow\n"
    assert controls.read(str(outside)) == b"of the runner\n"
    repo.git("add", "app/made.toml")
    with pytest.raises(UsageError, match="brought by this change"):
        controls.read("made.toml")


def test_without_a_change_the_disk_decides(repo: Repo) -> None:
    plain = Controls(repo.root / "app")
    assert plain.read("rules.toml") == b"of the change\n"
    assert plain.read("gone.toml") is None
    assert (plain.base_bytes("rules.toml"), plain.base_text("rules.toml")) == (None, None)
    assert plain.touched("rules.toml") == []
    assert plain.tracked("rules.toml") == []
    assert not plain.adds_words([b"nosemgrep"])
    plain.refuse_touched("rules.toml", "tools.gitleaks.config")


def test_what_the_change_touches(repo: Repo, controls: Controls) -> None:
    assert controls.touched("rules.toml") == ["app/rules.toml"]
    assert controls.touched("gone.toml") == ["app/gone.toml"]
    assert controls.touched("same.toml") == controls.touched("never.toml") == []
    everything = ["app/gone.toml", "app/new.toml", "app/rules.toml"]
    assert sorted(controls.touched(repo.root / "app")) == everything
    assert sorted(controls.touched("../other")) == ["other/x.txt"]
    # A name is no pattern.
    assert controls.touched("*.toml") == []
    with pytest.raises(UsageError, match=r"^--vex leads to app/rules\.toml, which this change"):
        controls.refuse_touched("rules.toml", "--vex")
    controls.refuse_touched("same.toml", "--vex")


def test_what_git_knows(repo: Repo, controls: Controls) -> None:
    repo.write("app/made.toml", "by the workflow\n")
    assert controls.tracked("same.toml") == ["same.toml"]
    assert sorted(controls.tracked("../other")) == ["../other/x.txt"]
    assert controls.tracked("made.toml") == controls.tracked("*.toml") == []
    assert controls.tracked("/etc/passwd") == []


def test_links_are_followed_to_what_decides(repo: Repo, tmp_path: Path) -> None:
    (repo.root / "app/link.toml").symlink_to("rules.toml")
    outside = tmp_path / "to-the-tree.toml"
    outside.symlink_to(repo.root / "app/rules.toml")
    (repo.root / "way").symlink_to("app")
    repo.git("add", "way", "app/link.toml")
    repo.commit()
    controls = Controls(repo.root, "base")
    assert set(controls.touched("app/link.toml")) == {"app/link.toml", "app/rules.toml"}
    assert controls.touched(outside) == ["app/rules.toml"]
    assert set(controls.touched("way/same.toml")) == {"way"}
    with pytest.raises(UsageError, match="brought by this change"):
        controls.read("app/link.toml")


def test_what_is_in_another_repository_within_has_its_name(repo: Repo) -> None:
    within = Repo(repo.root / "vendor/lib")
    within.write("rules.toml", "one\n")
    within.commit()
    repo.git("add", "vendor/lib")
    repo.git("commit", "-q", "-m", "Add a submodule")
    controls = Controls(repo.root, "base")
    assert controls.touched("vendor/lib/rules.toml") == ["vendor/lib"]
    with pytest.raises(UsageError, match="brought by this change"):
        controls.read("vendor/lib/rules.toml")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([b"nosemgrep"], True),
        ([b"nothing", b"nosemgrep"], True),
        ([b"of the base"], False),
        ([b"of the change"], True),
        ([b"gone"], False),
        # Not below the scanned directory.
        ([b"y"], False),
    ],
)
def test_words_that_the_change_adds(controls: Controls, words: list[bytes], found: bool) -> None:
    assert controls.adds_words(words) is found


def test_what_is_no_text_or_no_file_is_an_error(repo: Repo, tmp_path: Path) -> None:
    plain = Controls(repo.root)
    repo.write("binary.toml", b"\xff\xfe")
    repo.write("marked.toml", b"\xef\xbb\xbfone")
    with pytest.raises(ConfigError, match=r"^binary\.toml: not UTF-8 text$"):
        plain.text("binary.toml")
    assert plain.text("marked.toml") == "one"
    os.mkfifo(repo.root / "pipe.toml")
    with pytest.raises(ConfigError, match=r"^pipe\.toml: cannot be read: "):
        plain.read("pipe.toml")
    with (repo.root / "huge.toml").open("wb") as file:
        file.truncate((512 << 20) + 1)
    with pytest.raises(ConfigError, match=r"^huge\.toml: cannot be read: "):
        plain.read("huge.toml")


def test_a_base_that_is_not_here_is_an_error(repo: Repo) -> None:
    with pytest.raises(UsageError, match="no commit that this clone holds"):
        Controls(repo.root, "nowhere")
