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
from secagg.github.failures import LIMITED, Failure, GitHubError
from secagg.github.limits import LONGEST_DISMISSAL

# Seconds between two requests that change something.
_PAUSE = 1.0
# What our dismissals begin with, by which they are known again.
MARK = "secagg: "
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
    dismissed_by: str | None = None
    url: str | None = None

    @property
    def by_secagg(self) -> bool:
        """Whether it was dismissed by a run of secagg, and not by a person at GitHub."""
        return (self.dismissed_comment or "").startswith(MARK)

    @property
    def place(self) -> tuple[str, str, str, int]:
        """By what an alert and a result of an upload are known to be the same."""
        return self.tool, self.rule, self.path, self.line


class Alerts:
    """The alerts of one repository. Changes are a second apart, as GitHub asks for.

    Source: GitHub Docs, "Best practices for using the REST API" (pause between requests that
    change something).
    """

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._changed_before = False
        self._by_request = False
        self._path = f"/repos/{repository}/code-scanning/alerts"

    def list(self, **params: str) -> Iterator[Alert]:
        """Alerts by GitHub's own filters (state, tool_name, ref, sort, direction)."""
        for item in self._client.pages(self._path, **params):
            if isinstance(item, Mapping) and isinstance(item.get("number"), int):
                yield _alert(item)

    def dismiss(self, number: int, reason: str, comment: str) -> bool:
        """Dismiss an alert; a longer comment than GitHub takes is cut.

        False where dismissals are delegated, so that it could only be asked for. Raises
        :class:`GitHubError` if that is refused as well.
        """
        assert reason in REASONS
        if len(comment) > LONGEST_DISMISSAL:
            comment = comment[: LONGEST_DISMISSAL - 1] + "…"
        body = {"state": "dismissed", "dismissed_reason": reason, "dismissed_comment": comment}
        if not self._by_request:
            try:
                self._change(number, body)
                return True
            except GitHubError as error:
                if error.status != 403 or error.failure in LIMITED:
                    raise
                refused = error
        else:
            refused = None
        try:
            self._change(number, {**body, "create_request": True})
        except GitHubError as error:
            # 422: it was asked for before, and nobody has answered yet.
            if error.failure is not Failure.UNPROCESSABLE:
                raise (refused or error) from None
        self._by_request = True
        return False

    def reopen(self, number: int) -> None:
        """Open a dismissed alert again."""
        self._change(number, {"state": "open"})

    def _change(self, number: int, body: Mapping[str, Any]) -> None:
        if self._changed_before:
            self._client.clock.sleep(_PAUSE)
        self._changed_before = True
        self._client.patch(f"{self._path}/{number}", body)


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
        dismissed_by=text_at(item, "dismissed_by", "login"),
        url=text_at(item, "html_url"),
    )
