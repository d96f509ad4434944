"""Alerts of code scanning: listed, dismissed and opened again.

Source: GitHub Docs, "REST API endpoints for code scanning" (list, update an alert).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from secagg.github.client import Client
from secagg.github.event import mapping, text_at
from secagg.github.limits import LONGEST_DISMISSAL

REASONS = ("false positive", "won't fix", "used in tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as GitHub tells it. Texts are untrusted. ``path`` is decoded."""

    number: int
    state: str
    tool: str
    rule: str
    path: str
    line: int
    category: str
    updated_at: str
    dismissed_reason: str | None = None
    dismissed_comment: str | None = None
    dismissed_at: str | None = None
    url: str | None = None

    @property
    def place(self) -> tuple[str, str, str, int]:
        """By what an alert and a result of an upload are known to be the same."""
        return self.tool, self.rule, self.path, self.line


class Alerts:
    """The alerts of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._path = f"/repos/{repository}/code-scanning/alerts"

    def list(self, **params: str) -> Iterator[Alert]:
        """Alerts by GitHub's own filters (state, tool_name, ref, sort, direction)."""
        for item in self._client.pages(self._path, **params):
            if isinstance(item, Mapping) and isinstance(item.get("number"), int):
                yield _alert(item)

    def dismiss(self, number: int, reason: str, comment: str) -> None:
        """Dismiss an alert; a longer comment than GitHub takes is cut."""
        assert reason in REASONS
        if len(comment) > LONGEST_DISMISSAL:
            comment = comment[: LONGEST_DISMISSAL - 1] + "…"
        body = {"state": "dismissed", "dismissed_reason": reason, "dismissed_comment": comment}
        self._client.patch(f"{self._path}/{number}", body)

    def reopen(self, number: int) -> None:
        """Open a dismissed alert again."""
        self._client.patch(f"{self._path}/{number}", {"state": "open"})


def _alert(item: Mapping[str, Any]) -> Alert:
    instance = mapping(item.get("most_recent_instance"))
    place = mapping(instance.get("location"))
    line = place.get("start_line")
    return Alert(
        number=item["number"],
        state=text_at(item, "state") or "",
        tool=text_at(item, "tool", "name") or "",
        rule=text_at(item, "rule", "id") or "",
        path=unquote(text_at(place, "path") or ""),
        line=line if isinstance(line, int) else 0,
        category=text_at(instance, "category") or "",
        updated_at=text_at(item, "updated_at") or "",
        dismissed_reason=text_at(item, "dismissed_reason"),
        dismissed_comment=text_at(item, "dismissed_comment"),
        dismissed_at=text_at(item, "dismissed_at"),
        url=text_at(item, "html_url"),
    )
