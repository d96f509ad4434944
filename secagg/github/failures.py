"""Classify the failures of GitHub, each with a message and a hint.

Status codes and texts are those of GitHub Docs, "REST API endpoints for code scanning",
"Rate limits for the REST API" and "Troubleshooting SARIF uploads".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from secagg.errors import UploadError

_UNKNOWN_COMMIT = re.compile(
    r"\b(?:commit|sha|ref)\b.*\b(?:not found|not exist|unknown)|no (?:commit|ref) (?:was )?found"
)


class Failure(StrEnum):
    """Each documented failure."""

    BAD_REQUEST = "bad request"
    BAD_CREDENTIALS = "bad credentials"
    NOT_PERMITTED = "token may not"
    FEATURE_OFF = "code scanning is off"
    RATE_LIMIT = "rate limit"
    SECONDARY_LIMIT = "secondary rate limit"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    TOO_LARGE = "too large"
    UNPROCESSABLE = "unprocessable"
    COMMIT_UNKNOWN = "commit unknown"
    UNAVAILABLE = "unavailable"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    REDIRECT = "redirect"
    DEFAULT_SETUP = "default setup"
    TOO_MANY_ALERTS = "too many alerts"
    REJECTED = "rejected in processing"


# Failures that concern the repository or the token, and so every analysis: the job summary and
# annotations then show the findings instead.
REPOSITORY_WIDE = frozenset(
    {
        Failure.NOT_PERMITTED,
        Failure.FEATURE_OFF,
        Failure.NOT_FOUND,
        Failure.COMMIT_UNKNOWN,
        Failure.FORBIDDEN,
        Failure.BAD_CREDENTIALS,
        Failure.UNAVAILABLE,
    }
)
# Failures that one analysis may cause for the others in its file.
SINGLE_ANALYSIS = frozenset(
    {
        Failure.BAD_REQUEST,
        Failure.TOO_LARGE,
        Failure.DEFAULT_SETUP,
        Failure.TOO_MANY_ALERTS,
        Failure.REJECTED,
    }
)
# Failures that are sometimes transient, by codeql-action.
SOMETIMES_TRANSIENT = frozenset(
    {
        Failure.BAD_CREDENTIALS,
        Failure.NOT_PERMITTED,
        Failure.FORBIDDEN,
        Failure.NOT_FOUND,
        Failure.COMMIT_UNKNOWN,
    }
)
# Failures after which waiting as long as GitHub asks helps.
RATE_LIMITED = frozenset({Failure.RATE_LIMIT, Failure.SECONDARY_LIMIT})

_MESSAGES: dict[Failure, tuple[str, str]] = {
    Failure.BAD_REQUEST: (
        "GitHub did not understand the upload",
        "run again with --dry-run and look at what would be sent",
    ),
    Failure.BAD_CREDENTIALS: (
        "GitHub does not know this token, or it has expired",
        "pass a valid token in GITHUB_TOKEN",
    ),
    Failure.NOT_PERMITTED: (
        "this token may not upload results",
        (
            "give the job the permission security-events: write (in a private repository also "
            "contents: read and actions: read): Dependabot's runs have it only where permissions: "
            "says so, pull requests from forks never, so use secagg bundle and secagg publish "
            "for them"
        ),
    ),
    Failure.FEATURE_OFF: (
        "code scanning is not enabled for this repository",
        (
            "enable GitHub Advanced Security or Code Security in the repository's settings, or "
            "leave --upload out"
        ),
    ),
    Failure.RATE_LIMIT: (
        "the rate limit of this token is used up",
        "run again later, or give secagg a token of its own",
    ),
    Failure.SECONDARY_LIMIT: (
        "GitHub asks for fewer requests (secondary rate limit)",
        "run again later, and fewer uploads at the same time",
    ),
    Failure.FORBIDDEN: (
        "GitHub refuses this upload",
        "see what GitHub says; organization policies and IP allow lists answer so, too",
    ),
    Failure.NOT_FOUND: (
        "there is no such repository, or this token cannot see it",
        "check --repo and that the token was made for it",
    ),
    Failure.TOO_LARGE: (
        "the upload is too large for this GitHub",
        "a proxy or an older GitHub Enterprise Server may take less than github.com",
    ),
    Failure.UNPROCESSABLE: (
        "GitHub cannot use this commit or ref",
        "push the commit before its results are uploaded, and check --ref and --commit",
    ),
    Failure.COMMIT_UNKNOWN: (
        "GitHub does not know this commit or ref",
        "push it before its results are uploaded, and check --ref and --commit",
    ),
    Failure.UNAVAILABLE: (
        "GitHub is not available",
        "see GitHub's status page, and run again later: what was sent is not sent twice",
    ),
    Failure.CONNECTION: (
        "the connection to GitHub breaks",
        "check network, proxy and GITHUB_API_URL",
    ),
    Failure.CERTIFICATE: (
        "the certificate of this GitHub cannot be verified",
        "name your authority's certificates in SSL_CERT_FILE",
    ),
    Failure.REDIRECT: (
        "GitHub's answer leads to another host, and the token does not go there",
        "check GITHUB_API_URL",
    ),
    Failure.DEFAULT_SETUP: (
        "default setup of code scanning is enabled and stands in the way of CodeQL results",
        "switch default setup off in the repository's settings, or leave CodeQL to it",
    ),
    Failure.TOO_MANY_ALERTS: (
        "the repository has more alerts than GitHub keeps",
        "remove analyses of categories that are no longer uploaded",
    ),
    Failure.REJECTED: (
        "GitHub could not process the results",
        "this is a gap in secagg's preflight; please report what GitHub says",
    ),
}


class GitHubError(UploadError):
    """GitHub refused, or could not be reached. ``github_text`` is GitHub's untrusted message."""

    def __init__(
        self, failure: Failure, github_text: str = "", *, status: int | None = None
    ) -> None:
        sentence, hint = _MESSAGES[failure]
        status_text = f" ({status})" if status is not None else ""
        super().__init__(
            f"{sentence}{status_text}: {github_text}"
            if github_text
            else f"{sentence}{status_text}",
            hint=hint,
        )
        self.failure = failure
        self.github_text = github_text
        self.status = status


def failure_of_status(status: int, github_text: str, *, limited: bool) -> Failure:
    """Return the failure of a response; ``limited`` says that its headers name a rate limit."""
    text = github_text.lower()
    if status in (403, 429):
        if "secondary rate limit" in text or "abuse" in text:
            return Failure.SECONDARY_LIMIT
        if limited or "rate limit" in text or status == 429:
            return Failure.RATE_LIMIT
        if "not accessible by" in text or "must have" in text:
            return Failure.NOT_PERMITTED
        if "must be enabled" in text or "not enabled" in text:
            return Failure.FEATURE_OFF
        return Failure.FORBIDDEN
    if status >= 500:
        return Failure.UNAVAILABLE
    if status in (404, 422) and _UNKNOWN_COMMIT.search(text):
        return Failure.COMMIT_UNKNOWN
    return {
        400: Failure.BAD_REQUEST,
        401: Failure.BAD_CREDENTIALS,
        404: Failure.NOT_FOUND,
        413: Failure.TOO_LARGE,
        422: Failure.UNPROCESSABLE,
    }.get(status, Failure.FORBIDDEN)


def error_of_processing(errors: Sequence[str]) -> GitHubError:
    """Return the error for the messages of an upload that GitHub could not process."""
    message = "; ".join(errors) or "without a reason"
    text = message.lower()
    if "default setup" in text:
        return GitHubError(Failure.DEFAULT_SETUP, message)
    if "too many" in text and "alerts" in text:
        return GitHubError(Failure.TOO_MANY_ALERTS, message)
    return GitHubError(Failure.REJECTED, message)
