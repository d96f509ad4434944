"""Find the store, and the repository, branch and commit of a checkout in it.

Imports no module of a scan, so that ``secagg report`` starts quickly.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from secagg.model.state import STORE_FILE
from secagg.system.patterns import lazy

if TYPE_CHECKING:
    from secagg.github.event import Checkout
    from secagg.history import Store

ENVIRONMENT = "SECAGG_STORE"
_DETACHED = "HEAD"
_SERVERS = ("https://", "http://")
# A quick look at a name, before the redactor is imported: tokens have so many characters in a row.
_MAYBE_SECRET = lazy(r"[A-Za-z0-9_-]{16}|[=@]")


class Origin(Struct, frozen=True, kw_only=True):
    """The repository, branch and commit under which the store keeps a scan."""

    repository: str
    branch: str
    commit: str | None


def origin_of(root: Path, *, repository: str | None = None, branch: str | None = None) -> Origin:
    """Return the origin of ``root`` by git, unless the arguments name it.

    Without a remote the repository has the name of its directory. In a workflow the branch is the
    one that is checked out, whatever that of the event; outside of one a detached HEAD takes it
    from GITHUB_REF_NAME. A pull request gets a name that no branch can have, so that a fork's
    ``main`` is not taken for ours. What has the shape of a secret is masked in both names.
    """
    from secagg.github.event import read_checkout

    checkout = read_checkout(root)
    top = checkout.top if checkout is not None else root.resolve()
    if repository is None:
        repository = (checkout.repository if checkout else None) or top.name or "repository"
    return Origin(
        repository=_masked(repository),
        branch=_masked(branch if branch is not None else _branch(checkout)),
        commit=checkout.commit if checkout else None,
    )


def _masked(name: str) -> str:
    """Return ``name`` for the store and for screens, without tokens and passwords."""
    if _MAYBE_SECRET.search(name) is None:
        return name
    from secagg.secrets.lastfilter import filtered_error

    return filtered_error(name)


def default_branch_of(repository: str) -> str | None:
    """Return the default branch of ``repository``, where GitHub's or GitLab's job names it."""
    from secagg.github.event import read_event

    event = read_event(os.environ)
    if event is not None and os.environ.get("GITHUB_REPOSITORY") == repository:
        return event.default_branch
    if os.environ.get("CI_PROJECT_PATH") == repository:
        return os.environ.get("CI_DEFAULT_BRANCH") or None
    return None


def has_store(url: str | None, root: Path) -> bool:
    """Return whether there is a store: one that is named, or the default one under ``root``.

    ``url`` is as in :func:`open_store_of`; an empty one means none.
    """
    if url == "":
        return False
    return bool(url or os.environ.get(ENVIRONMENT)) or (root / STORE_FILE).exists()


def open_store_of(url: str | None, root: Path, *, create: bool = True) -> Store:
    """Open the store of ``url`` or SECAGG_STORE, else ``.secagg/secagg.db`` under ``root``.

    A URL of ``https`` is the address of ``secagg serve``.
    """
    from secagg.history import open_store

    where = url or os.environ.get(ENVIRONMENT) or root / STORE_FILE
    if isinstance(where, str) and where.startswith(_SERVERS):
        from secagg.remote.store import RemoteStore

        return RemoteStore(where)
    return open_store(where, create=create)


def is_server(url: str | None) -> bool:
    """Return whether the store of ``url`` or SECAGG_STORE is behind ``secagg serve``."""
    return (url or os.environ.get(ENVIRONMENT) or "").startswith(_SERVERS)


def _branch(checkout: Checkout | None) -> str:
    from secagg.github.event import PULL_REF, head_of, read_event

    head = os.environ.get("GITHUB_HEAD_REF")
    pull_request_name = f"pull request: {head}" if head else None
    event = read_event(os.environ)
    if event is None or not os.environ.get("GITHUB_REF"):
        branch_ref = checkout.branch if checkout is not None else None
        if branch_ref and not head:
            return branch_ref.removeprefix("refs/heads/")
        return pull_request_name or os.environ.get("GITHUB_REF_NAME") or _DETACHED
    ref = head_of(event, os.environ, checkout).ref
    if ref is None:
        return pull_request_name or _DETACHED
    match = PULL_REF.fullmatch(ref)
    if match is not None:
        return pull_request_name or f"pull request: #{match[1]}"
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
