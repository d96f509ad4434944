"""The GitHub Actions environment: which event, and what its payload says.

Source: GitHub Docs, "Events that trigger workflows" (GITHUB_SHA and GITHUB_REF of each event)
and "Variables reference".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.text import loads

_LARGEST = 32 * 1024 * 1024
_PULL_REQUEST = frozenset(
    {
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One workflow run's event; ``payload`` is empty where there is none to be read."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""

    @property
    def pull_request(self) -> Mapping[str, Any]:
        """The pull request that the event is about, or nothing."""
        return mapping(self.payload.get("pull_request"))

    @property
    def pull_number(self) -> int | None:
        number = self.pull_request.get("number") or self.payload.get("number")
        return number if isinstance(number, int) and self.name in _PULL_REQUEST else None

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository, or one that is gone."""
        if not self.pull_request:
            return False
        head = text_at(self.pull_request, "head", "repo", "full_name")
        base = text_at(self.pull_request, "base", "repo", "full_name")
        return head is None or base is None or head.lower() != base.lower()

    @property
    def from_dependabot(self) -> bool:
        author = text_at(self.pull_request, "user", "login")
        return "dependabot[bot]" in (self.actor, author)

    @property
    def read_only(self) -> bool:
        """Whether GitHub gives such a run a token that may not write, whatever it asks for.

        Pull requests from forks and all that Dependabot starts; ``pull_request_target`` runs
        with the base's rights unless Dependabot started it.
        """
        if self.name == "pull_request_target":
            return self.from_dependabot
        return self.from_fork or self.from_dependabot

    @property
    def default_branch(self) -> str | None:
        return text_at(self.payload, "repository", "default_branch")


def read_event(environ: Mapping[str, str]) -> Event | None:
    """The event of this workflow run; None outside of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    name = environ.get("GITHUB_EVENT_NAME", "")
    payload: Mapping[str, Any] = {}
    path = environ.get("GITHUB_EVENT_PATH")
    if path:
        try:
            if os.path.getsize(path) <= _LARGEST:
                payload = mapping(loads(Path(path).read_bytes(), report="the event"))
        except (OSError, ReportError):
            payload = {}
    return Event(name, payload, environ.get("GITHUB_ACTOR", ""))


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text_at(value: Mapping[str, Any], *keys: str) -> str | None:
    """The text at a path of keys, or None."""
    found: Any = value
    for key in keys:
        found = mapping(found).get(key)
    return found if isinstance(found, str) and found else None
