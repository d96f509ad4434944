"""The real Gitleaks: what could make it falsely clean is prevented, or told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from secagg.packages.components import find_components
from secagg.scanners.base import Status, ToolRun
from secagg.scanners.job import config_file_note
from tests.scanners.conftest import Bench, Repo

FIRST = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"
# What a stand-in does to write down how it was called.
NOTE = "Path(__file__ + '.argv').open('a').write(f'{sys.argv[1:]}\\n')\n"
SECOND = "ghp_" + "zY9xW8vU7tS6rQ5pO4nM3lK2jI1hG0fE9dC8"


@pytest.fixture
def gitleaks(bench: Bench) -> Bench:
    bench.install_real("gitleaks")
    return bench


def scan(gitleaks: Bench, root: Path, mode: str, **settings: Any) -> ToolRun:
    (run,) = gitleaks.scan("gitleaks", root, modes=[mode], **settings)
    assert gitleaks.leftovers() == []
    return run


def files(run: ToolRun) -> list[str]:
    (report,) = run.reports
    return sorted({entry["File"] for entry in report.document or []})


def gaps(run: ToolRun, *, fatal: bool) -> list[str]:
    return [gap.message for gap in run.gaps if gap.fatal is fatal]


def test_history_and_work_tree_are_scanned(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"old.py": "", "new.py": f'TOKEN = "{SECOND}"\n'})
    history, tree = gitleaks.scan("gitleaks", repo.root)
    assert (history.mode, tree.mode) == ("git", "dir")
    assert history.status is tree.status is Status.COMPLETE
    assert files(history) == ["new.py", "old.py"]
    assert files(tree) == [str(repo.root / "new.py")]
    assert str(history.version).startswith("8.")
    assert history.gaps == tree.gaps == []


def test_only_a_range_is_scanned(gitleaks: Bench, repo: Repo) -> None:
    base = repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"new.py": f'TOKEN = "{SECOND}"\n'})
    assert files(scan(gitleaks, repo.root, "git", since=base)) == ["new.py"]
    nothing_new = scan(gitleaks, repo.root, "git", since="HEAD")
    assert (nothing_new.status, files(nothing_new)) == (Status.COMPLETE, [])


def test_a_range_that_only_removes_is_complete(gitleaks: Bench, repo: Repo) -> None:
    base = repo.commit({"old.py": "x = 1\n"})
    (repo.root / "old.py").unlink()
    repo.commit({})
    assert scan(gitleaks, repo.root, "git", since=base).status is Status.COMPLETE


def test_a_range_that_only_moves_a_file_is_complete(gitleaks: Bench, repo: Repo) -> None:
    base = repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.git("mv", "old.py", "new.py")
    repo.commit({})
    assert scan(gitleaks, repo.root, "git", since=base).status is Status.COMPLETE


@pytest.mark.parametrize("base", ["deadbeef", "no-such-branch", "--all", "HEAD --not HEAD", ""])
def test_a_base_that_is_not_there_is_a_failure(gitleaks: Bench, repo: Repo, base: str) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    run = scan(gitleaks, repo.root, "git", since=base)
    assert run.status is Status.FAILED
    assert run.reason == f"the base commit {base!r} is not in this clone"


def test_what_is_no_repository_is_skipped_not_clean(gitleaks: Bench, tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    (root / "app.py").write_text(f'TOKEN = "{FIRST}"\n')
    history, tree = gitleaks.scan("gitleaks", root)
    assert (history.status, history.reason) == (Status.SKIPPED, "not a git repository")
    assert files(tree) == [str(root / "app.py")]


def test_a_broken_repository_is_a_failure(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    (repo.root / ".git" / "HEAD").unlink()
    run = scan(gitleaks, repo.root, "git")
    assert run.status is Status.FAILED
    assert run.reason == "Gitleaks reported errors, more may be there than it found"
    assert "not a git repository" in str(run.hint)


def test_a_damaged_history_is_a_failure(gitleaks: Bench, repo: Repo) -> None:
    first = repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"new.py": "x = 1\n"})
    lost = repo.git("rev-parse", f"{first}:old.py")
    (repo.root / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    run = scan(gitleaks, repo.root, "git")
    assert run.status is Status.FAILED
    assert run.reason == "Gitleaks reported errors, more may be there than it found"


def test_what_was_found_before_an_error_is_kept(bench: Bench, repo: Repo) -> None:
    repo.commit({"found.py": "x = 1\n"})
    leak = {"RuleID": "a", "File": "found.py", "Secret": FIRST, "Match": FIRST, "StartLine": 1}
    program = bench.bin_dir / "gitleaks"
    program.write_text(
        f"""#!{sys.executable}
import sys
if "version" in sys.argv:
    print("8.30.1")
for argument in sys.argv:
    if argument.startswith("--report-path="):
        open(argument.partition("=")[2], "w").write({json.dumps([leak])!r})
        sys.stderr.write("1:00AM ERR failed to read a blob\\n")
"""
    )
    program.chmod(0o755)
    run = scan(bench, repo.root, "git")
    assert run.status is Status.FAILED
    assert files(run) == ["found.py"]


def test_a_repository_of_dubious_ownership_is_a_failure(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    # git's own switch for its tests of this; it is handed on as git would decide by itself.
    git = gitleaks.bin_dir / "git"
    git.write_text('#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec /usr/bin/git "$@"\n')
    git.chmod(0o755)
    run = scan(gitleaks, repo.root, "git")
    assert run.status is Status.FAILED
    assert run.reason == "Gitleaks reported errors, more may be there than it found"
    assert "dubious ownership" in str(run.hint)


def test_without_git_history_is_no_clean_history(
    gitleaks: Bench, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    gitleaks.extra["PATH"] = str(gitleaks.bin_dir)
    monkeypatch.setattr("secagg.scanners.git.FALLBACK", "/nowhere/git")
    run = scan(gitleaks, repo.root, "git")
    assert run.status is Status.FAILED


def test_a_shallow_clone_is_incomplete(gitleaks: Bench, repo: Repo, tmp_path: Path) -> None:
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"old.py": ""})
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(clone))
    run = scan(gitleaks, clone, "git")
    (told,) = gaps(run, fatal=True)
    assert told.startswith("the clone is shallow")
    allowed = scan(gitleaks, clone, "git", allow_shallow=True)
    assert gaps(allowed, fatal=False) == [told]


@pytest.mark.parametrize("mode", ["git", "dir"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".gitleaks.toml", 'title = "none"\n[[rules]]\nid = "x"\nregex = "nothing-like-this"\n'),
        (".gitleaks.toml", "[extend]\nuseDefault = true\n[allowlist]\npaths = ['.*']\n"),
        (".gitleaksignore", "app.py:github-pat:1\n"),
    ],
)
def test_its_own_files_in_the_target_do_not_act(
    gitleaks: Bench, repo: Repo, mode: str, name: str, text: str
) -> None:
    commit = repo.commit({"app.py": f'TOKEN = "{FIRST}"\n'})
    repo.write({name: text + (f"{commit}:app.py:github-pat:1\n" if "ignore" in name else "")})
    run = scan(gitleaks, repo.root, mode)
    assert files(run) == ["app.py" if mode == "git" else str(repo.root / "app.py")]
    assert gaps(run, fatal=False) == [config_file_note(name, used=False)]


@pytest.mark.parametrize("mode", ["git", "dir"])
def test_comments_that_allow_a_leak_do_not_act(gitleaks: Bench, repo: Repo, mode: str) -> None:
    repo.commit({"app.py": f'TOKEN = "{FIRST}"  # gitleaks:allow\n'})
    assert len(files(scan(gitleaks, repo.root, mode))) == 1
    assert files(scan(gitleaks, repo.root, mode, trust_target_config=True)) == []


def test_an_absolute_path_in_the_ignore_file_acts_and_is_told(gitleaks: Bench, repo: Repo) -> None:
    repo.write(
        {
            "app.py": f'TOKEN = "{FIRST}"\n',
            ".gitleaksignore": f"{repo.root}/app.py:github-pat:1\n",
        }
    )
    run = scan(gitleaks, repo.root, "dir")
    assert files(run) == []
    assert gaps(run, fatal=True) == ["the repository's own .gitleaksignore hid 1 finding"]


def test_a_trusted_target_is_obeyed_and_that_is_told(gitleaks: Bench, repo: Repo) -> None:
    repo.commit(
        {
            "app.py": f'TOKEN = "{FIRST}"\n',
            ".gitleaks.toml": "[extend]\nuseDefault = true\n[allowlist]\npaths = ['app.py']\n",
        }
    )
    for mode in ("git", "dir"):
        run = scan(gitleaks, repo.root, mode, trust_target_config=True)
        assert files(run) == []
        assert gaps(run, fatal=False) == ["the repository's own .gitleaks.toml was used"]


def test_attributes_cannot_hide_a_file_from_history(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({".gitattributes": "*.py -diff\n", "app.py": f'TOKEN = "{FIRST}"\n'})
    assert files(scan(gitleaks, repo.root, "git")) == ["app.py"]


@pytest.mark.parametrize(
    "setting",
    [
        "[diff]\n noprefix = true\n",
        "[diff]\n mnemonicPrefix = true\n",
        "[color]\n ui = always\n",
        "[format]\n pretty = oneline\n",
        "[log]\n date = relative\n",
        "[diff]\n external = /bin/true\n",
    ],
)
def test_the_users_git_settings_do_not_blind_it(gitleaks: Bench, repo: Repo, setting: str) -> None:
    commit = repo.commit({"app.py": f'TOKEN = "{FIRST}"\n'})
    (gitleaks.home / ".gitconfig").write_text(setting)
    run = scan(gitleaks, repo.root, "git")
    assert files(run) == ["app.py"]
    assert [entry["Commit"] for entry in run.reports[0].document] == [commit]


def test_the_environment_cannot_give_it_rules(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({"app.py": f'TOKEN = "{FIRST}"\n'})
    gitleaks.extra["GITLEAKS_CONFIG_TOML"] = "[allowlist]\npaths = ['.*']\n"
    assert len(files(scan(gitleaks, repo.root, "dir"))) == 1


def test_rules_of_the_users_own_replace_the_default(
    gitleaks: Bench, repo: Repo, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nid = "ours"\nregex = "acme-[0-9]{6}"\n')
    repo.commit({"app.py": f'TOKEN = "{FIRST}"\nKEY = "acme-123456"\n'})
    (entry,) = scan(gitleaks, repo.root, "dir", config=rules).reports[0].document
    assert entry["RuleID"] == "ours"


def test_a_chosen_component_is_scanned_alone(gitleaks: Bench, repo: Repo) -> None:
    for place in ("a b", "c"):
        repo.commit({f"{place}/app.py": f'TOKEN = "{FIRST}"\n', f"{place}/setup.py": ""})
    for path in ("a b", "c"):
        chosen = [c for c in find_components(repo.root) if c.path == path]
        history = scan(gitleaks, repo.root, "git", components=chosen, whole=False)
        tree = scan(gitleaks, repo.root, "dir", components=chosen, whole=False)
        assert files(history) == [f"{path}/app.py"]
        assert files(tree) == [str(repo.root / path / "app.py")]
        assert history.reports[0].component is None  # its paths start at the root


def test_a_directory_of_a_repository_is_scanned_with_paths_from_there(
    gitleaks: Bench, repo: Repo
) -> None:
    repo.commit({"a/app.py": f'TOKEN = "{FIRST}"\n', "b.py": f'TOKEN = "{SECOND}"\n'})
    assert files(scan(gitleaks, repo.root / "a", "git")) == ["app.py"]


def test_a_linked_work_tree_has_the_whole_history(
    gitleaks: Bench, repo: Repo, tmp_path: Path
) -> None:
    repo.commit({"app.py": f'TOKEN = "{FIRST}"\n'})
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(linked))
    assert files(scan(gitleaks, linked, "git")) == ["app.py"]


def test_another_exit_code_than_zero_is_a_failure(gitleaks: Bench, repo: Repo) -> None:
    repo.commit({"app.py": "x = 1\n"})
    run = scan(gitleaks, repo.root, "dir", config=Path("/nowhere.toml"))
    assert run.status is Status.FAILED
    assert run.reports == []


def test_a_version_before_8_19_is_given_its_own_commands(bench: Bench, repo: Repo) -> None:
    repo.commit({"app.py": "x = 1\n"})
    program = bench.stand_in("gitleaks", "environment")
    program.write_text(
        program.read_text()
        .replace("8.30.1", "8.17.0")
        .replace("import misbehave\n", f"import misbehave\n{NOTE}")
    )
    bench.scan("gitleaks", repo.root)
    asked = Path(f"{program}.argv").read_text()
    assert "'detect', '--log-opts=" in asked
    assert "'detect', '--no-git'" in asked
    assert f"--source={repo.root}" in asked
    assert "--ignore-gitleaks-allow" not in asked


def test_commits_that_were_not_counted_are_a_failure(bench: Bench, repo: Repo) -> None:
    repo.commit({"app.py": "x = 1\n"})
    program = bench.stand_in("gitleaks")
    good = program.read_text()
    for said, reason in (
        ("0 commits scanned", "Gitleaks scanned no commit although there are some"),
        ("done", "Gitleaks did not say how many commits it scanned"),
    ):
        program.write_text(good.replace("1 commits scanned", said))
        (run,) = bench.scan("gitleaks", repo.root, modes=["git"])
        assert (run.status, run.reason) == (Status.FAILED, reason)
