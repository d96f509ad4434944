"""Run git so that the scanned repository cannot make it run a program.

A repository may come with a ``.git/config`` of its own, which can name programs that git runs: to
compare, to filter, to fetch missing objects. Environment variables override every configuration
file (git-config(1), "ENVIRONMENT"). So secagg sets variables that disable these programs, for its
own calls of git and for those of the scanners. Programs that the user's or the system's
configuration names stay enabled.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from secagg.errors import UsageError
from secagg.system.patterns import lazy
from secagg.system.process import (
    Cancellation,
    Command,
    environment,
    private_directory,
    run,
    search_path_outside,
)

# Defaults of the settings that change the output of `git log -p` and `git diff`: programs that
# parse this output fail on other values.
_DEFAULT_OUTPUT = {
    "color.ui": "false",
    "core.quotePath": "true",
    "diff.ignoreSubmodules": "none",
    "diff.interHunkContext": "0",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    # "true" leaves out files that are not below the directory.
    "diff.relative": "false",
    "diff.renames": "true",
    "diff.srcPrefix": "a/",
    "diff.dstPrefix": "b/",
    "diff.submodule": "short",
    "format.pretty": "medium",
    "grep.patternType": "default",
    "log.abbrevCommit": "false",
    "log.date": "default",
    "log.follow": "false",
    # "false" leaves out the changes of the first commit.
    "log.showRoot": "true",
}
# Always set: nothing is fetched, signed, watched or cleaned up.
_DISABLED = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.editor": "false",
    "core.pager": "cat",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
}
# Set unless git may use the network.
_OFFLINE = {
    "core.askPass": "",
    "core.gitProxy": "",
    "core.sshCommand": "false",
    "credential.helper": "",
    "protocol.allow": "never",
}
# Patterns of keys that name a program, and the value that runs none. The first match counts.
# Sources: git-config(1), gitattributes(5), gitsubmodules(7).
_PROGRAMS = (
    ("filter.*.required", "false"),
    # Prints the file unchanged. An empty value is an error for git.
    ("diff.*.textconv", "cat"),
    ("submodule.*.update", "none"),
    ("remote.*.uploadpack", "git-upload-pack"),
    ("remote.*.receivepack", "git-receive-pack"),
    ("remote.*.promisor", "false"),
    ("alias.*", "version"),
    ("pager.*", "false"),
    ("filter.*.clean", ""),
    ("filter.*.smudge", ""),
    ("filter.*.process", ""),
    ("merge.*.driver", "false"),
    ("protocol.*.allow", "never"),
    ("*.helper", ""),
    ("*.*program", "false"),
    ("*.*command", "false"),
    ("*.*cmd", "false"),
    ("*.*editor", "false"),
    ("*.*hook", ""),
    ("*.askpass", ""),
    ("*.gitproxy", ""),
    ("interactive.difffilter", ""),
    ("diff.external", ""),
)
# The scopes of `git config --show-scope` that come with the repository.
_REPOSITORY_SCOPES = frozenset({"local", "worktree", "submodule"})
# Limits of the keys that are overridden, because the size of an environment is limited.
_MOST_KEYS = 500
_LONGEST_KEY = 1_000
# Lists the configuration for :func:`read_settings`, without running a program.
_LIST_SETTINGS = ("config", "--list", "--show-scope", "-z")

TIMEOUT = 120.0
FETCH_HINT = (
    "fetch the history that the change is compared with: `fetch-depth: 0` of actions/checkout, "
    "or `git fetch --unshallow`"
)
# As many digits as ``git log --oneline`` shows in a large repository.
_SHORT_COMMIT = 12
_HASH = lazy(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Setting(NamedTuple):
    """One setting of git: its scope, key and value."""

    scope: str
    key: str
    value: str


class TooManyPrograms(ValueError):
    """A repository's configuration names more programs than secagg can disable."""


def read_settings(output: str) -> list[Setting]:
    """Read the output of ``git config --list --show-scope -z``; later settings override others."""
    words = output.split("\0")
    settings = []
    for scope, entry in zip(words[::2], words[1::2], strict=False):
        key, _, value = entry.partition("\n")
        settings.append(Setting(scope, key, value))
    return settings


def environment_of(settings: Iterable[Setting], *, protocols: Sequence[str] = ()) -> dict[str, str]:
    """Make variables under which git runs none of the programs that the repository names.

    ``protocols`` are the ones that git may use (``file``). Raises :class:`TooManyPrograms`.
    """
    offline = {} if protocols else _OFFLINE
    overrides = _DEFAULT_OUTPUT | _DISABLED | offline | _overrides(settings)
    extra = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        # The real commits, not those with which the repository replaces them.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": "/dev/null/none",
        "GIT_PAGER": "cat",
        # Overrides protocol.*.allow of every configuration. No protocol is called "none".
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_CONFIG_COUNT": str(len(overrides)),
    }
    for number, (key, value) in enumerate(overrides.items()):
        extra[f"GIT_CONFIG_KEY_{number}"] = key
        extra[f"GIT_CONFIG_VALUE_{number}"] = value
    return extra


def _overrides(settings: Iterable[Setting]) -> dict[str, str]:
    """Return, for each program that the repository names, the user's value or a harmless one."""
    of_user: dict[str, str] = {}
    of_repository: dict[str, str] = {}
    for setting in settings:
        harmless = _harmless_value(setting.key)
        if harmless is None:
            continue
        if setting.scope in _REPOSITORY_SCOPES:
            of_repository[setting.key] = harmless
        else:
            of_user[setting.key] = setting.value
    if len(of_repository) > _MOST_KEYS or any(len(key) > _LONGEST_KEY for key in of_repository):
        raise TooManyPrograms("the repository's git configuration names too many programs")
    return {key: of_user.get(key, harmless) for key, harmless in of_repository.items()}


def _harmless_value(key: str) -> str | None:
    """Return the value of ``key`` that runs no program, None for a key that names no program."""
    key = _lower_case(key)
    return next((value for pattern, value in _PROGRAMS if fnmatch.fnmatchcase(key, pattern)), None)


def _lower_case(key: str) -> str:
    """Write section and name of ``key`` in lower case; only a subsection is case-sensitive."""
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    return ".".join(part for part in (section.lower(), middle, name.lower()) if part)


class Output(Struct, frozen=True):
    """The output of git; ``code`` is its exit code, None if it did not end by itself."""

    code: int | None
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output without the last newline; bytes that are not UTF-8 become surrogates."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")


def quiet_environment(
    directory: Path, environ: Mapping[str, str], *, protocols: Sequence[str] = ()
) -> dict[str, str]:
    """Make variables that keep git in ``directory`` quiet and its configuration harmless.

    ``environ`` is the environment that git would have; ``protocols`` are those that it may use
    to fetch. Raises :class:`UsageError` for a repository whose configuration cannot be read or
    names more programs than secagg can disable.
    """
    key = (directory, _changed_at(directory), tuple(environ.items()), tuple(protocols))
    try:
        return dict(_quiet_environment(*key))
    except TooManyPrograms as error:
        raise UsageError(str(error), hint="scan a fresh clone of the repository") from None


@lru_cache(maxsize=64)
def _quiet_environment(
    directory: Path,
    _cache_key: int,
    environ: tuple[tuple[str, str], ...],
    protocols: tuple[str, ...],
) -> dict[str, str]:
    variables = environment(dict(environ), (), environment_of(()))
    listed = _run(directory, _LIST_SETTINGS, variables, TIMEOUT)
    if listed.code not in (0, None) and listed.err:
        raise UsageError(f"git's configuration cannot be read: {listed.err.splitlines()[-1]}")
    # The list is empty without git, and without any configuration.
    return environment_of(read_settings(listed.text), protocols=protocols)


def _changed_at(directory: Path) -> int:
    """Return when the configuration of the repository in ``directory`` changed, 0 for none."""
    try:
        return (directory / ".git" / "config").stat().st_mtime_ns
    except OSError:
        return 0


def git(
    directory: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Output:
    """Run git in ``directory``, without the programs that the repository's configuration names.

    The code of the output is not 0 after a failure or without git.
    """
    source = os.environ if environ is None else environ
    try:
        extra = quiet_environment(directory, source)
    except UsageError as error:
        return Output(None, b"", error.message)
    return _run(directory, arguments, environment(source, (), extra), timeout)


def _run(directory: Path, arguments: Sequence[str], env: dict[str, str], timeout: float) -> Output:
    env["LC_ALL"] = "C"
    env["PATH"] = search_path_outside(env["PATH"], directory)
    program = shutil.which("git", path=env["PATH"])
    if program is None:
        return Output(None, b"", "git is not installed")
    with private_directory() as private:
        result = run(
            Command(argv=[program, *arguments], cwd=directory, env=env, timeout=timeout),
            private,
            Cancellation(),
        )
        err = result.stderr.read_text("utf-8", "replace").strip() if result.stderr.exists() else ""
        out = result.stdout.read_bytes() if result.stdout.exists() else b""
    if result.code is None:
        err = result.error or f"git {result.ended}"
    return Output(result.code, out, err)


def checked(directory: Path, *arguments: str) -> Output:
    """Like :func:`git`, but raises :class:`UsageError` with git's own message if it fails."""
    output = git(directory, *arguments)
    if output.code != 0:
        reason = output.err.splitlines()[-1] if output.err else "it does not say why"
        hint = None
        if "dubious ownership" in output.err:
            hint = "git config --global --add safe.directory DIRECTORY"
        raise UsageError(f"git {arguments[0]} failed: {reason}", hint=hint)
    return output


def short_commit(commit: str) -> str:
    """Shorten a whole commit id for display; leave a branch or another name as it is."""
    return commit[:_SHORT_COMMIT] if _HASH.fullmatch(commit) else commit


def find_commit(directory: Path, name: str) -> str | None:
    """Return the hash of the commit that ``name`` refers to, None if the clone does not have it."""
    output = git(
        directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    return output.text if output.code == 0 and _HASH.fullmatch(output.text) else None


def resolve(directory: Path, name: str) -> str:
    """Return the hash of the commit that ``name`` refers to, in the clone or as a branch of origin.

    Raises :class:`UsageError`, with a hint on the fetch depth, if the clone does not have it.
    """
    checked(directory, "rev-parse", "--git-dir")
    for candidate in (name, f"refs/remotes/origin/{name}"):
        commit = find_commit(directory, candidate)
        if commit is not None:
            return commit
    raise UsageError(f"{name!r} is no commit that this clone holds", hint=FETCH_HINT)
