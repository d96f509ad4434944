"""Call the endpoints of code scanning, and write the comment on a pull request.

Source: GitHub Docs, "REST API endpoints for code scanning", API version 2022-11-28.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from secagg.github.client import Client
from secagg.github.failures import Failure, GitHubError
from secagg.github.limits import MOST_COMMENT_CHARACTERS
from secagg.github.target import Target
from secagg.jsonio.members import as_mapping, text_at
from secagg.system.dates import timestamp

_MOST_LISTED = 1_000
MARK = "<!-- secagg -->"
_TRUNCATED = "\n\nThe rest does not fit into a comment.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """The state of an upload: ``status`` is pending, complete or failed."""

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
        """Upload a gzipped SARIF file, and return the id of the upload."""
        answer = self._client.post(
            f"{self._base}/sarifs",
            {
                "commit_sha": self._target.commit,
                "ref": self._target.ref,
                "sarif": base64.b64encode(gzipped).decode("ascii"),
            },
            # No retry helps where the event makes the token read-only.
            retry_refusals=not self._target.read_only,
        )
        sarif_id = text_at(as_mapping(answer), "id")
        if sarif_id is None:
            raise GitHubError(Failure.CONNECTION, "GitHub took the upload but gave it no id")
        return sarif_id

    def processing(self, sarif_id: str) -> Processing:
        """Return the state of an upload."""
        answer = as_mapping(self._client.get(f"{self._base}/sarifs/{sarif_id}"))
        errors = answer.get("errors")
        return Processing(
            status=str(answer.get("processing_status")),
            errors=[
                self._client.mask(error)
                for error in (errors if isinstance(errors, list) else ())
                if isinstance(error, str)
            ],
        )

    def analyses(self, tool: str) -> Iterator[Analysis]:
        """Yield the analyses of ``tool`` on the target's ref, newest first."""
        items = self._client.pages(f"{self._base}/analyses", ref=self._target.ref, tool_name=tool)
        for analysis in items:
            if isinstance(analysis, dict) and text_at(analysis, "tool", "name") == tool:
                yield _analysis(analysis, tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestAnalysis:
    """The newest analysis of one tool and category; ``error`` is GitHub's message about it."""

    analysis: Analysis
    error: str = ""


def latest_analyses(client: Client, repository: str, ref: str) -> list[LatestAnalysis]:
    """Return the newest analysis of each tool and category on ``ref``, the oldest first.

    Reads only the newest analyses, as a repository may have many thousands. Raises
    :class:`GitHubError`.
    """
    path = f"/repos/{repository}/code-scanning/analyses"
    newest: dict[tuple[str, str], LatestAnalysis] = {}
    for item in islice(client.pages(path, ref=ref), _MOST_LISTED):
        if isinstance(item, dict):
            analysis = _analysis(item, text_at(item, "tool", "name") or "")
            latest = LatestAnalysis(
                analysis=analysis, error=client.mask(text_at(item, "error") or "")
            )
            newest.setdefault((analysis.tool, analysis.category), latest)
    return sorted(newest.values(), key=lambda latest: latest.analysis.at)


def put_comment(client: Client, repository: str, number: int, body: str) -> None:
    """Write ``body`` into our comment on pull request ``number``, or create the comment.

    Our comment begins with our mark, and its author is the user of this token, or a bot where the
    user is not known: anybody can write the mark. Raises
    :class:`secagg.github.failures.GitHubError`.
    """
    text = f"{MARK}\n{body}"
    if len(text) > MOST_COMMENT_CHARACTERS:
        truncated = text[: MOST_COMMENT_CHARACTERS - len(_TRUNCATED)]
        text = truncated[: truncated.rfind("\n") + 1] + _TRUNCATED
    issues = f"/repos/{repository}/issues"
    login = login_of(client)
    for comment in client.pages(f"{issues}/{number}/comments"):
        if isinstance(comment, Mapping) and _is_written_by(comment, login):
            if comment.get("body") != text:
                client.patch(f"{issues}/comments/{comment['id']}", {"body": text})
            return
    client.post(f"{issues}/{number}/comments", {"body": text})


def _analysis(document: dict[str, Any], tool: str) -> Analysis:
    count = document.get("results_count")
    return Analysis(
        tool=tool,
        category=text_at(document, "category") or "",
        commit=text_at(document, "commit_sha") or "",
        results=count if isinstance(count, int) else 0,
        at=timestamp(text_at(document, "created_at")),
    )


def _is_written_by(comment: Mapping[str, Any], login: str | None) -> bool:
    return (text_at(comment, "body") or "").startswith(MARK) and is_by(comment, login)


def is_by(document: Mapping[str, Any], login: str | None) -> bool:
    """Return whether ``login`` wrote a comment or an issue; without one, whether a bot did."""
    if login is None:
        return text_at(document, "user", "type") == "Bot"
    return text_at(document, "user", "login") == login


def login_of(client: Client) -> str | None:
    """Return the user of this token; None for that of a workflow or an app, which is a bot."""
    try:
        return text_at(client.get("/user") or {}, "login")
    except GitHubError:
        return None
