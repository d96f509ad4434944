"""Run git quietly, with every setting that could run a program disarmed.

An archive or a shared workspace brings a ``.git`` of its own, and git runs many a program that its
configuration names: to compare, to filter, to fetch what is missing. Variables outrank every file
(git-config(1), "ENVIRONMENT"), so what would run is set to nothing by them: for secagg's own calls
and for those of the scanners. What the user's or the system's configuration names stays.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from secagg.errors import UsageError
from secagg.system.process import (
    Cancellation,
    Command,
    environment,
    private_directory,
    run,
    search_path_outside,
)

# A user's own git settings that change what `git log -p` and `git diff` print, set back to their
# defaults: what reads that text misreads it with some of them.
_PLAIN = {
    "color.ui": "false",
    "core.quotePath": "true",
    "diff.ignoreSubmodules": "none",
    "diff.interHunkContext": "0",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    # Leaves out what is not below the directory.
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
    # Otherwise nobody reads what the first commit holds.
    "log.showRoot": "true",
}


# Whatever any configuration says. Nothing is fetched, signed, watched or cleaned up.
_NEVER = {
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


# Where nothing may be fetched at all.
_OFFLINE = {
    "core.askPass": "",
    "core.gitProxy": "",
    "core.sshCommand": "false",
    "credential.helper": "",
    "protocol.allow": "never",
}


# Keys that name a program, as patterns, and the value that runs none. The first one that fits
# holds. Sources: git-config(1), gitattributes(5), gitsubmodules(7).
_PROGRAMS = (
    ("filter.*.required", "false"),
    # Shows the file as it is. An empty one is an error to git.
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
_OF_THE_REPOSITORY = frozenset({"local", "worktree", "submodule"})


# Their variables have to fit into what a program may be given.
_MOST = 500


_LONGEST = 1_000


LISTING = ("config", "--list", "--show-scope", "-z")


"""Arguments of git that list its configuration for :func:`read_settings`; this runs nothing."""


class Setting(NamedTuple):
    """One setting as git has it: where it comes from, its key and value."""

    scope: str
    key: str
    value: str


class TooManyPrograms(ValueError):
    """A repository's configuration names more programs than can be set to nothing."""


def read_settings(listed: str) -> list[Setting]:
    """Read what git printed for :data:`LISTING`, in its order: later settings outrank others."""
    words = listed.split("\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    return [Setting(scope, *_pair(entry)) for scope, entry in pairs]


def environment_of(settings: Iterable[Setting], *, protocols: Sequence[str] = ()) -> dict[str, str]:
    """Make the variables under which git runs none of the programs that the repository names.

    ``protocols`` may be used all the same (``file``). Raises :class:`TooManyPrograms`.
    """
    offline = {} if protocols else _OFFLINE
    chosen = _PLAIN | _NEVER | offline | _disarmed(settings)
    extra = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        # Commits and files as they are, not others that the repository puts in their place.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": "/dev/null/none",
        "GIT_PAGER": "cat",
        # Outranks what any configuration says of a protocol. There is none that is called none.
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_CONFIG_COUNT": str(len(chosen)),
    }
    for number, (key, value) in enumerate(chosen.items()):
        extra[f"GIT_CONFIG_KEY_{number}"] = key
        extra[f"GIT_CONFIG_VALUE_{number}"] = value
    return extra


def _disarmed(settings: Iterable[Setting]) -> dict[str, str]:
    """For each program that the repository names: the user's own one, or none."""
    own: dict[str, str] = {}
    named: dict[str, str] = {}
    for setting in settings:
        harmless = _harmless(setting.key)
        if harmless is None:
            continue
        if setting.scope in _OF_THE_REPOSITORY:
            named[setting.key] = harmless
        else:
            own[setting.key] = setting.value
    if len(named) > _MOST or any(len(key) > _LONGEST for key in named):
        raise TooManyPrograms("the repository's git configuration names too many programs")
    return {key: own.get(key, harmless) for key, harmless in named.items()}


def _harmless(key: str) -> str | None:
    folded = _folded(key)
    for pattern, value in _PROGRAMS:
        if fnmatch.fnmatchcase(folded, pattern):
            return value
    return None


def _folded(key: str) -> str:
    """``key`` with its section and name in lower case; what stands between them keeps its case."""
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    return ".".join(part for part in (section.lower(), middle, name.lower()) if part)


def _pair(entry: str) -> tuple[str, str]:
    key, _, value = entry.partition("\n")
    return key, value


TIMEOUT = 120.0


FETCH_HINT = (
    "fetch the history that the change is compared with: `fetch-depth: 0` of actions/checkout, "
    "or `git fetch --unshallow`"
)


_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Output:
    """What git printed; ``code`` is None where it did not end by itself."""

    code: int | None
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output without the last line's end; bytes that are no UTF-8 are kept."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")


def quiet_environment(
    directory: Path, environ: Mapping[str, str], *, protocols: Sequence[str] = ()
) -> dict[str, str]:
    """Make the variables that keep git quiet in ``directory``, and its configuration harmless.

    ``environ`` is the environment that git would have; ``protocols`` are those that it may fetch
    by. Raises :class:`UsageError` for a repository whose configuration cannot be read or names
    more programs than can be set to nothing.
    """
    try:
        made = _quiet(directory, _changed(directory), tuple(environ.items()), tuple(protocols))
    except TooManyPrograms as error:
        raise UsageError(str(error), hint="scan a fresh clone of the repository") from None
    return dict(made)


@lru_cache(maxsize=64)
def _quiet(
    directory: Path,
    _changed_at: int,
    environ: tuple[tuple[str, str], ...],
    protocols: tuple[str, ...],
) -> dict[str, str]:
    listed = _run(directory, LISTING, environment(dict(environ), (), environment_of(())), TIMEOUT)
    if listed.code not in (0, None) and listed.err:
        raise UsageError(f"git's configuration cannot be read: {listed.err.splitlines()[-1]}")
    # Without git, and where no file configures it, nothing is named either.
    return environment_of(read_settings(listed.text), protocols=protocols)


def _changed(directory: Path) -> int:
    """When the configuration of a repository with its top here was written, else 0."""
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
    """Run git in ``directory``. A failure, or having no git, is a code other than 0.

    No program that the repository's own configuration names is run
    (:mod:`secagg.system.git`).
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
        done = run(
            Command(argv=[program, *arguments], cwd=directory, env=env, timeout=timeout),
            private,
            Cancellation(),
        )
        err = done.stderr.read_text("utf-8", "replace").strip() if done.stderr.exists() else ""
        out = done.stdout.read_bytes() if done.stdout.exists() else b""
    if done.code is None:
        err = done.error or f"git {done.ended}"
    return Output(done.code, out, err)


def checked(directory: Path, *arguments: str) -> Output:
    """Like :func:`git`, but raises :class:`UsageError` with git's own words if it fails."""
    done = git(directory, *arguments)
    if done.code != 0:
        why = done.err.splitlines()[-1] if done.err else "it does not say why"
        hint = None
        if "dubious ownership" in done.err:
            hint = "git config --global --add safe.directory DIRECTORY"
        raise UsageError(f"git {arguments[0]} failed: {why}", hint=hint)
    return done


def find_commit(directory: Path, name: str) -> str | None:
    """Return the hash of the commit that ``name`` means, or None if there is none in this clone."""
    done = git(
        directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    return done.text if done.code == 0 and _HASH.fullmatch(done.text) else None


def resolve(directory: Path, name: str) -> str:
    """Return the hash of the commit that ``name`` means: here, or of the remote ``origin``.

    Raises :class:`UsageError` that tells the fetch depth to use if this clone does not hold it.
    """
    checked(directory, "rev-parse", "--git-dir")
    for candidate in (name, f"refs/remotes/origin/{name}"):
        commit = find_commit(directory, candidate)
        if commit is not None:
            return commit
    raise UsageError(f"{name!r} is no commit that this clone holds", hint=FETCH_HINT)
