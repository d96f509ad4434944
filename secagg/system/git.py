"""Git, run quietly: no prompts, no pager, none of the user's settings that change its output."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from secagg.errors import UsageError
from secagg.system.gitconfig import LISTING, TooManyPrograms, environment_of, read_settings
from secagg.system.process import (
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
    (:mod:`secagg.system.gitconfig`).
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
