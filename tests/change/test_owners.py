"""CODEOWNERS as GitHub reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.change.owners import LARGEST, PLACES, load_owners
from secagg.merge import merge
from tests.change.repos import Repo
from tests.merge.make import code

# The rules of GitHub's documentation, one line each.
_FILE = r"""
# a comment
*                @global
*.js             @js-owner #inline comment
/build/logs/     @doctocat @octo/logs
docs/*           docs@example.com
apps/            @octocat
/docs/           @doctocat
/scripts/*.sh    @scripts
**/logs          @logs
/apps/           @apps
/apps/github
with\ blank.txt  @blank
[Section] @gitlab
^[Optional][2]
!secret.txt      @nobody
file[0-9].txt    @nobody
\#odd            @nobody
bad.txt          nobody
/tests/*         @tests
"""
_CASES = [
    ("README.md", ["@global"]),
    ("a/b/c.js", ["@js-owner"]),
    ("build/logs/x/y.log", ["@logs"]),
    ("other/build/logs.txt", ["@global"]),
    ("docs/a.md", ["@doctocat"]),
    ("x/docs/a.md", ["@global"]),
    ("scripts/run.sh", ["@scripts"]),
    ("scripts/deep/run.sh", ["@global"]),
    ("deep/logs/a", ["@logs"]),
    ("apps/a.go", ["@apps"]),
    ("x/apps/a.go", ["@octocat"]),
    ("apps/github/a.go", []),
    ("with blank.txt", ["@blank"]),
    ("secret.txt", ["@global"]),
    ("file1.txt", ["@global"]),
    ("bad.txt", ["@global"]),
    ("tests/a.py", ["@tests"]),
    ("tests/deep/a.py", ["@global"]),
    ("README.JS", ["@global"]),
]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write(".github/CODEOWNERS", _FILE)
    made.write("apps/x", "")
    return made


@pytest.mark.parametrize(("path", "owners"), _CASES)
def test_who_owns_a_path(repo: Repo, path: str, owners: list[str]) -> None:
    assert load_owners(repo.root).of(path) == tuple(owners)


def test_a_directory_pattern_with_only_what_lies_in_it(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.write("CODEOWNERS", "docs/* docs@example.com\n")
    owners = load_owners(repo.root)
    assert owners.of("docs/a.md") == ("docs@example.com",)
    assert owners.of("docs/deep/a.md") == ()


def test_lines_that_cannot_be_used_are_named(repo: Repo) -> None:
    notes = load_owners(repo.root).notes
    assert [note.split(": ")[0].rpartition(":")[2] for note in notes] == ["16", "17", "18", "19"]
    assert notes[0].startswith(".github/CODEOWNERS:16: '!secret.txt'")


def test_the_first_place_counts(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    for place in reversed(PLACES):
        repo.write(place, f"* @{place.rpartition('/')[0] or 'root'}\n")
        owners = load_owners(repo.root)
        assert owners.source == place
        assert owners.of("x") == (f"@{place.rpartition('/')[0] or 'root'}",)


def test_a_file_that_github_would_not_use(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.write("CODEOWNERS", b"* @me\n" + b"#" * LARGEST)
    repo.write("docs/CODEOWNERS", "* @you\n")
    owners = load_owners(repo.root)
    assert owners.of("x") == ()
    assert "larger than 3 MB" in owners.notes[0]


def test_below_the_top_and_from_the_base(repo: Repo) -> None:
    assert load_owners(repo.root / "apps").of("a.go") == ("@apps",)
    repo.commit()
    repo.write(".github/CODEOWNERS", "* @change\n")
    repo.commit()
    assert load_owners(repo.root / "apps").of("a.go") == ("@change",)
    assert load_owners(repo.root / "apps", ref="HEAD^").of("a.go") == ("@apps",)


def test_parts_with_owners_of_their_own(repo: Repo, tmp_path: Path) -> None:
    parts = {"github/**": ["@hub"], "[": ["@nobody"]}
    owners = load_owners(repo.root / "apps", components=parts)
    assert owners.of("github/a.go") == ("@hub",)
    assert owners.of("a.go") == ("@apps",)
    assert owners.notes[-1] == "owners: '[' is no pattern"
    (tmp_path / "plain").mkdir()
    assert load_owners(tmp_path / "plain", components={"*.py": ["@py"]}).of("a/b.py") == ()
    assert load_owners(tmp_path / "plain", components={"**/*.py": ["@py"]}).of("a/b.py") == ("@py",)


def test_a_group_is_owned_where_it_is_shown(repo: Repo) -> None:
    owners = load_owners(repo.root)
    (group,) = merge([code(uri="apps/a.go")]).groups
    assert owners.of_group(group) == ("@apps",)
    (group,) = merge([code(uri=None, line=None)]).groups  # type: ignore[arg-type]
    assert owners.of_group(group) == ()


@pytest.mark.parametrize(
    "white", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u3000", "\xa0", "\r"]
)
def test_white_space_that_nobody_sees_gives_no_ownership(tmp_path: Path, white: str) -> None:
    """A review shows one line with one owner, and so does GitHub."""
    text = f"* @org/all\r\ndocs/ @org/docs{white}* @evil\n"
    (tmp_path / "CODEOWNERS").write_bytes(text.encode())
    owners = load_owners(tmp_path)
    assert owners.of("app/db.py") == ("@org/all",)
    assert "@evil" not in owners.of("docs/a.md")[:1]
    text = f"* @org/all\n#{white}* @evil\n"
    (tmp_path / "CODEOWNERS").write_bytes(text.encode())
    assert load_owners(tmp_path).of("app/db.py") == ("@org/all",)


def test_many_lines_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text("!a @b\n" * 1_000 + "* @org/all\n")
    owners = load_owners(tmp_path)
    assert owners.of("a") == ("@org/all",)
    assert len(owners.notes) == 21
    assert owners.notes[-1] == "CODEOWNERS: 980 more lines are skipped"
