"""What git says of the checkout: where it came from, which commit and which refs it is at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secagg.system.git import find_commit, git

_TIMEOUT = 30.0
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# https://host/owner/name.git, ssh://git@host/owner/name, git@host:owner/name.git
_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]*@)?(?P<host>[\w.-]+)(?::\d+)?/|[\w.-]+@(?P<scp>[\w.-]+):)"
    r"(?P<path>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """``top`` is the root of the work tree; ``branch`` is None where HEAD is detached.

    ``host`` and ``repository`` are those of the remote ``origin``, without its user or token.
    """

    top: Path
    commit: str | None = None
    branch: str | None = None
    host: str | None = None
    repository: str | None = None

    def find(self, name: str) -> str | None:
        """Find the commit that ``name`` means; None where this clone does not hold it."""
        return find_commit(self.top, name)

    def refs_at(self, commit: str) -> Sequence[str]:
        """List the remote-tracking refs and tags whose tip is ``commit``, by their full names."""
        patterns = ("refs/remotes", "refs/tags")
        listed = _git(self.top, "for-each-ref", f"--points-at={commit}", "--format=%(refname)")
        return [name for name in listed.splitlines() if name.startswith(patterns)]

    def contains(self, tip: str, commit: str) -> bool:
        """Tell whether ``commit`` is the commit ``tip`` or, as far as git knows, an ancestor."""
        if tip == commit:
            return True
        done = git(self.top, "merge-base", "--is-ancestor", commit, tip, timeout=_TIMEOUT)
        return done.code == 0

    def had_directory(self, path: str) -> bool:
        """Tell whether any commit up to HEAD that this clone holds has files below ``path``."""
        pattern = f":(top,literal){path}/"
        return bool(_git(self.top, "log", "-1", "--format=%H", "--", pattern))

    def parents(self, commit: str) -> Sequence[str]:
        """List the parents that the commit itself names, also where a shallow clone lacks them."""
        done = git(self.top, "cat-file", "commit", commit, timeout=_TIMEOUT)
        head = done.out.partition(b"\n\n")[0].decode("ascii", "replace") if done.code == 0 else ""
        lines = (line.partition(" ") for line in head.splitlines())
        return [value for key, _, value in lines if key == "parent" and COMMIT.fullmatch(value)]


def read_checkout(directory: Path) -> Checkout | None:
    """The checkout that ``directory`` is in; None where there is none, or no git."""
    top = _git(directory, "rev-parse", "--show-toplevel")
    if not top:
        return None
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = _git(directory, "symbolic-ref", "--quiet", "HEAD")
    remote = _REMOTE.fullmatch(_git(directory, "remote", "get-url", "origin"))
    return Checkout(
        top=Path(top),
        commit=commit if COMMIT.fullmatch(commit) else None,
        branch=branch if branch.startswith("refs/heads/") else None,
        host=(remote["host"] or remote["scp"]).lower() if remote else None,
        repository=remote["path"] if remote else None,
    )


def _git(directory: Path, *arguments: str) -> str:
    """What git prints, without the line's end; empty where it fails."""
    done = git(directory, *arguments, timeout=_TIMEOUT)
    return done.text if done.code == 0 else ""


def prefix_of(root: Path) -> str:
    """Where ``root`` is in its repository: GitHub's paths begin at the top of it."""
    checkout = read_checkout(root)
    if checkout is None or not root.resolve().is_relative_to(checkout.top.resolve()):
        return ""
    below = root.resolve().relative_to(checkout.top.resolve()).as_posix()
    return "" if below == "." else f"{below}/"
