"""One comment on a pull request, kept up to date in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.github.client import Client
from secagg.github.event import text_at
from secagg.github.failures import GitHubError
from secagg.github.limits import LONGEST_COMMENT

MARK = "<!-- secagg -->"
_CUT = "\n\nThe rest does not fit into a comment.\n"


def put_comment(client: Client, repository: str, number: int, body: str) -> None:
    """Write ``body`` into our comment on pull request ``number``, or make one.

    A comment is ours if it begins with our mark and this token's user, or a bot where that is
    not known, wrote it: anybody can write the mark. Raises
    :class:`secagg.github.failures.GitHubError`.
    """
    text = f"{MARK}\n{body}"
    if len(text) > LONGEST_COMMENT:
        kept = text[: LONGEST_COMMENT - len(_CUT)]
        text = kept[: kept.rfind("\n") + 1] + _CUT
    issues = f"/repos/{repository}/issues"
    login = _login(client)
    for comment in client.pages(f"{issues}/{number}/comments"):
        if isinstance(comment, Mapping) and _ours(comment, login):
            if comment.get("body") != text:
                client.patch(f"{issues}/comments/{comment['id']}", {"body": text})
            return
    client.post(f"{issues}/{number}/comments", {"body": text})


def _ours(comment: Mapping[str, Any], login: str | None) -> bool:
    if not (text_at(comment, "body") or "").startswith(MARK):
        return False
    if login is None:
        return text_at(comment, "user", "type") == "Bot"
    return text_at(comment, "user", "login") == login


def _login(client: Client) -> str | None:
    """Who this token writes as; None for the token of a workflow or an app, which is a bot."""
    try:
        return text_at(client.get("/user") or {}, "login")
    except GitHubError:
        return None
