"""Which store, and where in it: the repository, the branch and the commit of a checkout.

Nothing of a scan is loaded here: ``secagg report`` is called many times a day.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secagg.store import Store

ENVIRONMENT = "SECAGG_STORE"
_DETACHED = "HEAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a scan belongs in the store."""

    repository: str
    branch: str
    commit: str | None


def origin_of(root: Path, *, repository: str | None = None, branch: str | None = None) -> Origin:
    """What git says of ``root``, where the arguments do not say it.

    Without a remote the repository is called by its directory's name. A detached HEAD takes the
    branch from GITHUB_REF_NAME. A pull request has a name of its own that no branch can have:
    one from a fork's ``main`` must not be taken for ours.
    """
    from secagg.github.checkout import read_checkout

    checkout = read_checkout(root)
    top = checkout.top if checkout is not None else root.resolve()
    if repository is None:
        repository = (checkout.repository if checkout else None) or top.name or "repository"
    if branch is None:
        full = checkout.branch if checkout is not None else None
        head = os.environ.get("GITHUB_HEAD_REF")
        named = f"pull request: {head}" if head else os.environ.get("GITHUB_REF_NAME")
        branch = full.removeprefix("refs/heads/") if full and not head else named or _DETACHED
    return Origin(
        repository=repository, branch=branch, commit=checkout.commit if checkout else None
    )


def open_store_of(url: str | None, root: Path, *, create: bool = True) -> Store:
    """The store named by ``url`` or SECAGG_STORE, or else ``.secagg/secagg.db`` under ``root``."""
    from secagg.store import DEFAULT, open_store

    return open_store(url or os.environ.get(ENVIRONMENT) or root / DEFAULT, create=create)
