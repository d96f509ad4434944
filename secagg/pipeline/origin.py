"""Which store, and where in it: the repository, the branch and the commit of a checkout.

Nothing of a scan is loaded here: ``secagg report`` is called many times a day.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.model.problem import STORE_FILE

if TYPE_CHECKING:
    from secagg.github.event import Checkout
    from secagg.history import Store

ENVIRONMENT = "SECAGG_STORE"
_DETACHED = "HEAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a scan belongs in the store."""

    repository: str
    branch: str
    commit: str | None


def origin_of(root: Path, *, repository: str | None = None, branch: str | None = None) -> Origin:
    """Return what git says of ``root``, where the arguments do not say it.

    Without a remote the repository is called by its directory's name. In a workflow the branch is
    the one that is checked out, whatever the event's is; without a workflow a detached HEAD takes
    it from GITHUB_REF_NAME. A pull request has a name of its own that no branch can have: one from
    a fork's ``main`` must not be taken for ours.
    """
    from secagg.github.event import read_checkout

    checkout = read_checkout(root)
    top = checkout.top if checkout is not None else root.resolve()
    if repository is None:
        repository = (checkout.repository if checkout else None) or top.name or "repository"
    return Origin(
        repository=repository,
        branch=branch if branch is not None else _branch(checkout),
        commit=checkout.commit if checkout else None,
    )


def _branch(checkout: Checkout | None) -> str:
    from secagg.github.event import PULL_REF, head_of, read_event

    head = os.environ.get("GITHUB_HEAD_REF")
    pull = f"pull request: {head}" if head else None
    event = read_event(os.environ)
    if event is None or not os.environ.get("GITHUB_REF"):
        full = checkout.branch if checkout is not None else None
        if full and not head:
            return full.removeprefix("refs/heads/")
        return pull or os.environ.get("GITHUB_REF_NAME") or _DETACHED
    ref = head_of(event, os.environ, checkout).ref
    if ref is None:
        return pull or _DETACHED
    number = PULL_REF.fullmatch(ref)
    if number is not None:
        return pull or f"pull request: #{number[1]}"
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def has_store(url: str | None, root: Path) -> bool:
    """Return whether there is a history to ask: one that is named, or the one under ``root``.

    ``url`` is as in :func:`open_store_of`; an empty one means none.
    """
    if url == "":
        return False
    return bool(url or os.environ.get(ENVIRONMENT)) or (root / STORE_FILE).exists()


def open_store_of(url: str | None, root: Path, *, create: bool = True) -> Store:
    """The store named by ``url`` or SECAGG_STORE, or else ``.secagg/secagg.db`` under ``root``."""
    from secagg.history import open_store

    return open_store(url or os.environ.get(ENVIRONMENT) or root / STORE_FILE, create=create)
