"""No program that a repository's own git configuration names is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secagg.errors import UsageError
from secagg.system.git import (
    Setting,
    TooManyPrograms,
    checked,
    environment_of,
    git,
    quiet_environment,
    read_settings,
)
from tests.change.repos import Repo

# Keys under which git, or a command of it, runs a program: with a driver "evil" where one is meant.
PROGRAMS = [
    "alias.log",
    "alias.evil",
    "core.askPass",
    "core.editor",
    "core.fsmonitor",
    "core.gitProxy",
    "core.pager",
    "core.sshCommand",
    "credential.helper",
    "credential.https://example.com.helper",
    "diff.evil.command",
    "diff.evil.textconv",
    "diff.external",
    "filter.evil.clean",
    "filter.evil.process",
    "filter.evil.smudge",
    "gpg.program",
    "gpg.ssh.program",
    "gpg.ssh.defaultKeyCommand",
    "interactive.diffFilter",
    "merge.evil.driver",
    "pager.diff",
    "pager.log",
    "remote.origin.receivepack",
    "remote.origin.uploadpack",
    "sequence.editor",
    "submodule.evil.update",
    "trailer.evil.cmd",
    "trailer.evil.command",
    "uploadpack.packObjectsHook",
]
CALLS = [
    ["status"],
    ["diff", "--no-ext-diff", "HEAD"],
    ["diff", "--raw", "--numstat", "-z", "--no-ext-diff", "HEAD~1", "HEAD"],
    ["log", "-p", "--all"],
    ["log", "-1", "--show-signature"],
    ["grep", "--untracked", "-c", "-e", "secret", "--", "."],
    ["grep", "--textconv", "-e", "secret"],
    ["ls-files", "--others", "--exclude-standard"],
    ["blame", "code.evil"],
    ["show", "HEAD"],
    ["cat-file", "--textconv", "HEAD:code.evil"],
    ["evil"],
]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A repository whose configuration, an included file of it and its hooks leave a mark."""
    repo = Repo(tmp_path / "repo")
    repo.write(".gitattributes", "*.evil diff=evil filter=evil merge=evil\n")
    repo.write("code.evil", "one\nsecret\n")
    repo.commit("one")
    repo.write("code.evil", "two\nsecret\n")
    repo.commit("two")
    repo.write("code.evil", "three\nsecret\n")
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>"{tmp_path}/mark"\ncat 2>/dev/null\nexit 1\n')
    program.chmod(0o755)
    config = repo.root / ".git" / "config"
    for number, key in enumerate(PROGRAMS):
        # Half of them stand in a file that the configuration includes.
        file = config if number % 2 else repo.root / ".git" / "more"
        repo.git(
            "config",
            "--file",
            str(file),
            key,
            f"!{program}" if key[:5] == "alias" else str(program),
        )
    repo.git("config", "--file", str(config), "include.path", "more")
    for key, value in {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": "ssh://example.com/x",
        "remote.origin.promisor": "true",
        "protocol.allow": "always",
        "protocol.ssh.allow": "always",
        "protocol.ext.allow": "always",
        "log.showSignature": "true",
        "filter.evil.required": "true",
    }.items():
        repo.git("config", "--file", str(config), key, value)
    for name in (
        "post-index-change",
        "reference-transaction",
        "post-checkout",
        "fsmonitor-watchman",
    ):
        hook = repo.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_bytes(program.read_bytes())
        hook.chmod(0o755)
    return repo.root


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_nothing_is_run(hostile: Path, call: list[str]) -> None:
    git(hostile, *call)
    assert not (hostile.parent / "mark").exists()


def test_what_is_missing_is_not_fetched(hostile: Path) -> None:
    blob = checked(hostile, "rev-parse", "HEAD~1:code.evil").text
    (hostile / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for call in (
        ["log", "-p", "--all"],
        ["cat-file", "blob", blob],
        ["diff", "--no-ext-diff", "HEAD~1"],
    ):
        assert git(hostile, *call).code not in (0, None)
    for url in ("ext::sh -c true", "file:///nowhere"):
        assert "not allowed" in git(hostile, "fetch", url).err
    assert not (hostile.parent / "mark").exists()


def test_the_output_is_the_same_as_without_the_configuration(hostile: Path) -> None:
    (hostile / ".git" / "more").unlink()
    armed = checked(hostile, "diff", "--no-ext-diff", "HEAD").out
    (hostile / ".git" / "config").write_text("[core]\n\trepositoryformatversion = 0\n")
    assert checked(hostile, "diff", "HEAD").out == armed
    assert b"+three" in armed


def test_a_configuration_hides_no_lines(tmp_path: Path) -> None:
    """Neither the repository's, which an archive brings, nor the user's."""
    repo = Repo(tmp_path / "repo")
    repo.write("first.py", "one-secret\n")
    first = repo.commit("one")
    repo.write("app/second.py", "two-secret\n")
    repo.commit("two")
    blob = repo.git("rev-parse", f"{first}:first.py")
    repo.write("harmless.py", "nothing\n")
    other = repo.git("hash-object", "-w", "harmless.py")
    expected = {
        call: checked(repo.root, *call).out
        for call in (
            ("log", "-p", "--all"),
            ("log", "-p", "--", "first.py"),
            ("show", f"{first}:first.py"),
            ("diff", "--unified=0", first),
        )
    }
    within = checked(repo.root / "app", "diff", "--name-only", "-z", first).out
    repo.git("replace", blob, other)
    repo.git("replace", "--graft", repo.git("rev-parse", "HEAD"))
    grafts = repo.root / ".git" / "info" / "grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{repo.git('rev-parse', 'HEAD')}\n")
    for key, value in {
        "log.showRoot": "false",
        "log.abbrevCommit": "true",
        "log.follow": "true",
        "log.date": "iso",
        "diff.relative": "true",
        "diff.interHunkContext": "9",
        "diff.submodule": "log",
        "diff.noprefix": "true",
    }.items():
        repo.git("config", key, value)
    assert b"+one-secret" in expected["log", "-p", "--all"]
    for call, out in expected.items():
        mine = [*call[:-1], "--branches"] if call[-1] == "--all" else [*call]
        done = checked(repo.root, *mine)
        # Gitleaks takes every word on standard error for a failure.
        assert (done.out, done.err) == (out, ""), call
    assert checked(repo.root / "app", "diff", "--name-only", "-z", first).out == within


def test_the_users_own_programs_stay() -> None:
    theirs = Setting("global", "filter.lfs.clean", "git-lfs clean -- %f")
    repositorys = Setting("local", "filter.lfs.clean", "evil")
    assert _settings(environment_of([theirs, repositorys]))["filter.lfs.clean"] == theirs.value
    assert "filter.lfs.clean" not in _settings(environment_of([theirs]))
    assert _settings(environment_of([repositorys]))["filter.lfs.clean"] == ""


@pytest.mark.parametrize("key", PROGRAMS)
def test_each_key_that_names_a_program_is_set(key: str) -> None:
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    listed = ".".join(part for part in (section.lower(), middle, name.lower()) if part)
    made = _settings(environment_of([Setting("local", listed, "/evil")]))
    assert made[listed] != "/evil"


def test_settings_are_read_as_git_lists_them() -> None:
    listed = "local\0a.b\nc\nd\0global\0e.f\0"
    assert read_settings(listed) == [Setting("local", "a.b", "c\nd"), Setting("global", "e.f", "")]


def test_more_programs_than_variables_hold_are_refused(tmp_path: Path) -> None:
    many = [Setting("local", f"filter.f{n}.clean", "x") for n in range(501)]
    with pytest.raises(TooManyPrograms):
        environment_of(many)
    repo = Repo(tmp_path)
    lines = "".join(f'[filter "f{n}"]\n\tclean = x\n' for n in range(501))
    (repo.root / ".git" / "config").write_text(f"[core]\n\trepositoryformatversion = 0\n{lines}")
    with pytest.raises(UsageError, match="too many programs"):
        quiet_environment(repo.root, os.environ)
    assert git(repo.root, "status").code is None


def _settings(variables: dict[str, str]) -> dict[str, str]:
    count = int(variables["GIT_CONFIG_COUNT"])
    return {
        variables[f"GIT_CONFIG_KEY_{n}"]: variables[f"GIT_CONFIG_VALUE_{n}"] for n in range(count)
    }
