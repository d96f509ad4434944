"""What git says of the checkout: where it came from and which commit it is at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from secagg.git import git

_TIMEOUT = 30.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
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
        commit=commit if _COMMIT.fullmatch(commit) else None,
        branch=branch if branch.startswith("refs/heads/") else None,
        host=(remote["host"] or remote["scp"]).lower() if remote else None,
        repository=remote["path"] if remote else None,
    )


def _git(directory: Path, *arguments: str) -> str:
    """What git prints, without the line's end; empty where it fails."""
    done = git(directory, *arguments, timeout=_TIMEOUT)
    return done.text if done.code == 0 else ""
