"""Git, run quietly: no prompts, no pager, none of the user's settings that change its output."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from secagg.errors import UsageError
from secagg.process import (
    Cancellation,
    Command,
    environment,
    private_directory,
    run,
    search_path_outside,
)

TIMEOUT = 120.0
FETCH_HINT = (
    "fetch the history that the change is compared with: `fetch-depth: 0` of actions/checkout, "
    "or `git fetch --unshallow`"
)
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# A user's own git settings that change what `git log -p` and `git diff` print, set back to their
# defaults: what reads that text misreads it with some of them. The monitor would run a program.
_SETTINGS = {
    "color.ui": "false",
    "core.fsmonitor": "false",
    "core.quotePath": "true",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "diff.renames": "true",
    "diff.srcPrefix": "a/",
    "diff.dstPrefix": "b/",
    "format.pretty": "medium",
    "log.date": "default",
    "log.showSignature": "false",
}


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


def quiet_environment() -> dict[str, str]:
    """Variables that keep git quiet, and its output the way that readers expect it."""
    extra = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    }
    for number, (key, value) in enumerate(_SETTINGS.items()):
        extra[f"GIT_CONFIG_KEY_{number}"] = key
        extra[f"GIT_CONFIG_VALUE_{number}"] = value
    return extra


def git(
    directory: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Output:
    """Run git in ``directory``. A failure, or having no git, is a code other than 0."""
    env = environment(os.environ if environ is None else environ, (), quiet_environment())
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
    """The hash of the commit that ``name`` means, or None if there is none in this clone."""
    done = git(
        directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    return done.text if done.code == 0 and _HASH.fullmatch(done.text) else None


def resolve(directory: Path, name: str) -> str:
    """The hash of the commit that ``name`` means: here, or of the remote ``origin``.

    Raises :class:`UsageError` that tells the fetch depth to use if this clone does not hold it.
    """
    checked(directory, "rev-parse", "--git-dir")
    for candidate in (name, f"refs/remotes/origin/{name}"):
        commit = find_commit(directory, candidate)
        if commit is not None:
            return commit
    raise UsageError(f"{name!r} is no commit that this clone holds", hint=FETCH_HINT)
