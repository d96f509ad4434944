"""``--since event``: which commits of the history belong to what a workflow runs for.

A pull request and a merge group are compared with where they left their base, a push with what
the branch was before. What has no such commit (a first push, a force push, a tag) is compared with
the default branch; a schedule and everything else reads all of the history. Source: GitHub Docs,
"Webhook events and payloads": ``push`` (``before``, ``created``, ``forced``) and ``merge_group``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from secagg.change.base import default_base
from secagg.change.diff import merge_base
from secagg.errors import UsageError
from secagg.github.event import Event, read_event, text_at
from secagg.system.git import find_commit, git

EVENT = "event"


def is_change(environ: Mapping[str, str]) -> bool:
    """Whether the workflow runs for a change that is to be merged."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    return name.startswith("pull_request") or name == "merge_group"


def since_event(root: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """The commit after which the history of ``root`` belongs to the event; None for all of it.

    Raises :class:`UsageError` where the base of a pull request is not in this clone.
    """
    environ = os.environ if environ is None else environ
    head = find_commit(root, "HEAD")
    if head is None:
        return None
    if is_change(environ):
        base = default_base(root, environ)
        return None if base is None else merge_base(root, base, head)
    event = read_event(environ)
    if event is None or event.name != "push":
        return None
    return _before(root, event, head) or _left_default(root, event, environ, head)


def _before(root: Path, event: Event, head: str) -> str | None:
    """What the branch was before the push; None for a first push, a force push and a tag."""
    before = text_at(event.payload, "before")
    if before is None or event.payload.get("forced") is True or not before.strip("0"):
        return None
    commit = find_commit(root, before)
    if commit is None or git(root, "merge-base", "--is-ancestor", commit, head).code != 0:
        return None
    return commit


def _left_default(root: Path, event: Event, environ: Mapping[str, str], head: str) -> str | None:
    """Where ``head`` left the default branch; None on that branch itself, or without it."""
    branch = event.default_branch
    if branch is None or environ.get("GITHUB_REF") == f"refs/heads/{branch}":
        return None
    default = find_commit(root, f"refs/remotes/origin/{branch}")
    if default is None:
        return None
    try:
        return merge_base(root, default, head)
    except UsageError:
        return None
