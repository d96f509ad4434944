"""Read a decision from a comment on a pull request: ``/secagg accept 3f2a91c0 reason: made up``.

Anybody can comment. A comment counts if its author has write access to the repository. Only
GitHub's API tells that; ``author_association`` in the event does not.

Source: GitHub Docs, "Webhook events and payloads" (issue_comment), "REST API endpoints for
collaborators" (get repository permissions for a user).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from secagg.errors import UsageError
from secagg.github.client import Client
from secagg.github.event import Event
from secagg.github.failures import GitHubError
from secagg.jsonio.members import as_mapping, text_at
from secagg.model.problem import State

_STATES = {
    "accept": State.ACCEPTED,
    "false-positive": State.FALSE_POSITIVE,
    "confirm": State.CONFIRMED,
    "undo": None,
}
_USAGE = "/secagg accept ID reason: why (or false-positive, confirm, undo; expires: 30d)"
_LINE = re.compile(r"/secagg[ \t]+(?P<verb>[a-z-]{1,20})[ \t]+(?P<id>[0-9a-f]{6,32})(?P<rest>.*)")
_REASON = re.compile(r"[ \t]+reason:[ \t]*(?P<reason>.{3,500})")
_EXPIRES = re.compile(r"[ \t]expires:[ \t]*(?P<expires>[0-9dw-]{2,10})")
_MAY_WRITE = frozenset({"admin", "write"})
_MOST_CHARACTERS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDecision:
    """The decision of a comment on the problem ``identity``; ``state`` None withdraws one."""

    identity: str
    state: State | None
    reason: str
    expires: str | None
    author: str
    number: int


def read_decision(event: Event | None) -> CommentDecision | None:
    """Return the decision in the comment of ``event``; None where it is no command of ours.

    Raises :class:`UsageError` where the event is no new comment on a pull request, and for a
    command that cannot be parsed.
    """
    payload = event.payload if event is not None else {}
    issue = as_mapping(payload.get("issue"))
    number = issue.get("number")
    if (
        event is None
        or event.name != "issue_comment"
        or payload.get("action") != "created"
        or not as_mapping(issue.get("pull_request"))
        or not isinstance(number, int)
    ):
        raise UsageError(
            "no new comment on a pull request",
            hint="for a workflow on: issue_comment, types: [created]",
        )
    body = (text_at(payload, "comment", "body") or "")[:_MOST_CHARACTERS]
    author = text_at(payload, "comment", "user", "login")
    command = body.strip().splitlines()[0].strip() if body.strip() else ""
    if author is None or command.split(maxsplit=1)[:1] != ["/secagg"]:
        return None
    match = _LINE.fullmatch(command)
    if match is None or match["verb"] not in _STATES:
        raise UsageError("a comment that cannot be understood", hint=_USAGE)
    state, rest, expires = _STATES[match["verb"]], match["rest"], None
    expires_match = _EXPIRES.search(rest)
    if expires_match is not None:
        expires, rest = (
            expires_match["expires"],
            rest[: expires_match.start()] + rest[expires_match.end() :],
        )
    reason = _REASON.fullmatch(rest.rstrip())
    if (reason is None) is (state is not None) or (reason is None and rest.strip()):
        raise UsageError("a decision needs a reason", hint=_USAGE)
    return CommentDecision(
        identity=match["id"],
        state=state,
        reason=reason["reason"].strip() if reason is not None else "",
        expires=expires,
        author=author,
        number=number,
    )


def require_write_access(client: Client, repository: str, login: str) -> None:
    """Raise :class:`UsageError` unless ``login`` may write to ``repository``."""
    path = f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission"
    try:
        permission = text_at(as_mapping(client.get(path)), "permission")
    except GitHubError as error:
        if error.status != 404:
            raise
        permission = None
    if permission not in _MAY_WRITE:
        raise UsageError(
            f"{login} may not decide here", hint="decisions are of people with write access"
        )
