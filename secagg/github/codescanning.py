"""The endpoints of code scanning, and the one comment on a pull request.

Source: GitHub Docs, "REST API endpoints for code scanning", API version 2022-11-28.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from secagg.github.client import Client
from secagg.github.event import mapping, text_at
from secagg.github.failures import Failure, GitHubError
from secagg.github.limits import LONGEST_COMMENT
from secagg.github.target import Target

_LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What became of an upload: ``status`` is pending, complete or failed."""

    status: str
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A processed run, as GitHub lists it. ``at`` is seconds since 1970."""

    tool: str
    category: str
    commit: str
    results: int
    at: float


class CodeScanning:
    """Code scanning of one repository."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client = client
        self._target = target
        self._base = f"/repos/{target.repository}/code-scanning"

    def upload(self, gzipped: bytes) -> str:
        """Send a SARIF file; returns the id to ask after it by."""
        answer = self._client.post(
            f"{self._base}/sarifs",
            {
                "commit_sha": self._target.commit,
                "ref": self._target.ref,
                "sarif": base64.b64encode(gzipped).decode("ascii"),
            },
            # A token that is read-only by the event stays so.
            insist=not self._target.read_only,
        )
        sarif_id = text_at(mapping(answer), "id")
        if sarif_id is None:
            raise GitHubError(Failure.CONNECTION, "GitHub took the upload but gave it no id")
        return sarif_id

    def processing(self, sarif_id: str) -> Processing:
        """Return how far GitHub is with an upload."""
        answer = mapping(self._client.get(f"{self._base}/sarifs/{sarif_id}"))
        errors = answer.get("errors")
        return Processing(
            status=str(answer.get("processing_status")),
            errors=[
                self._client.mask(e)
                for e in (errors if isinstance(errors, list) else ())
                if isinstance(e, str)
            ],
        )

    def analyses(self, tool: str) -> Iterator[Analysis]:
        """Yield the analyses of ``tool`` on the target's ref, newest first."""
        listed = self._client.pages(f"{self._base}/analyses", ref=self._target.ref, tool_name=tool)
        for item in listed:
            if isinstance(item, dict) and text_at(item, "tool", "name") == tool:
                yield _analysis(item, tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """The newest analysis of one tool and category; ``error`` is GitHub's own message about it."""

    analysis: Analysis
    error: str = ""


def last_fed(client: Client, repository: str, ref: str) -> list[Fed]:
    """List for each tool and category the newest analysis on ``ref``, the oldest first.

    Looks at the newest analyses only, as a repository may have many thousands. Raises
    :class:`GitHubError`.
    """
    path = f"/repos/{repository}/code-scanning/analyses"
    newest: dict[tuple[str, str], Fed] = {}
    for item in islice(client.pages(path, ref=ref), _LISTED):
        if isinstance(item, dict):
            analysis = _analysis(item, text_at(item, "tool", "name") or "")
            fed = Fed(analysis=analysis, error=client.mask(text_at(item, "error") or ""))
            newest.setdefault((analysis.tool, analysis.category), fed)
    return sorted(newest.values(), key=lambda fed: fed.analysis.at)


def _analysis(item: dict[str, Any], tool: str) -> Analysis:
    count = item.get("results_count")
    return Analysis(
        tool=tool,
        category=text_at(item, "category") or "",
        commit=text_at(item, "commit_sha") or "",
        results=count if isinstance(count, int) else 0,
        at=_seconds(text_at(item, "created_at")),
    )


def _seconds(text: str | None) -> float:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return 0.0
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


MARK = "<!-- secagg -->"


_CUT_COMMENT = "\n\nThe rest does not fit into a comment.\n"


def put_comment(client: Client, repository: str, number: int, body: str) -> None:
    """Write ``body`` into our comment on pull request ``number``, or make one.

    A comment is ours if it begins with our mark and this token's user, or a bot where that is
    not known, wrote it: anybody can write the mark. Raises
    :class:`secagg.github.failures.GitHubError`.
    """
    text = f"{MARK}\n{body}"
    if len(text) > LONGEST_COMMENT:
        kept = text[: LONGEST_COMMENT - len(_CUT_COMMENT)]
        text = kept[: kept.rfind("\n") + 1] + _CUT_COMMENT
    issues = f"/repos/{repository}/issues"
    login = _login(client)
    for comment in client.pages(f"{issues}/{number}/comments"):
        if isinstance(comment, Mapping) and _is_written_by(comment, login):
            if comment.get("body") != text:
                client.patch(f"{issues}/comments/{comment['id']}", {"body": text})
            return
    client.post(f"{issues}/{number}/comments", {"body": text})


def _is_written_by(comment: Mapping[str, Any], login: str | None) -> bool:
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
