"""Where results go: the repository, the ref and the commit that were analysed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from secagg.errors import UsageError
from secagg.github.checkout import Checkout, read_checkout
from secagg.github.event import Event, read_event, text_at

PUBLIC_API = "https://api.github.com"
_REPOSITORY = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:_[A-Za-z0-9]+)?/[A-Za-z0-9._-]{1,100}"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"refs/(?:heads/\S+|tags/\S+|pull/\d+/(?:merge|head))")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says; None leaves it to the environment or git."""

    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A commit on a ref of a repository, at one GitHub.

    ``read_only`` is True where GitHub gives this run no token that may upload.
    ``default_branch`` is the branch's name where it is known without asking.
    """

    repository: str
    ref: str
    commit: str
    api_url: str = PUBLIC_API
    event: str | None = None
    read_only: bool = False
    pull_number: int | None = None
    default_branch: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def on_default_branch(self) -> bool | None:
        """Whether the ref is the default branch; None where that is not known."""
        if not self.ref.startswith("refs/heads/"):
            return False
        return None if self.default_branch is None else self.ref == self._default_ref

    @property
    def _default_ref(self) -> str:
        return f"refs/heads/{self.default_branch}"


def find_target(asked: Asked, environ: Mapping[str, str], directory: Path) -> Target:
    """The target by the flags, the Actions environment and git in ``directory``, in that order.

    Raises :class:`UsageError` for what none of them says or what GitHub would not take.
    """
    event = read_event(environ)
    checkout = read_checkout(directory)
    notes: list[str] = []
    ref, commit = asked.ref, asked.commit
    if event is not None and (ref is None or commit is None):
        found_ref, found_commit = _of_event(event, environ, checkout, notes)
        ref, commit = ref or found_ref, commit or found_commit
    if checkout is not None:
        ref, commit = ref or checkout.branch, commit or checkout.commit
    repository = asked.repository or environ.get("GITHUB_REPOSITORY")
    repository = repository or (checkout.repository if checkout else None)
    return Target(
        repository=_checked(repository, _REPOSITORY, "repository", "--repository OWNER/NAME"),
        ref=_checked(ref, _REF, "ref", "--ref refs/heads/NAME (or tags, pull/N/head)"),
        commit=_checked(commit, _COMMIT, "commit", "--commit with all 40 hexadecimal digits"),
        api_url=api_url(asked.api_url or environ.get("GITHUB_API_URL"), asked, environ, checkout),
        event=None if event is None else event.name,
        read_only=event is not None and event.read_only,
        pull_number=_pull_number(event, ref),
        default_branch=None if event is None else event.default_branch,
        notes=tuple(notes),
    )


def api_url(
    given: str | None,
    asked: Asked | None = None,
    environ: Mapping[str, str] | None = None,
    checkout: Checkout | None = None,
) -> str:
    """The address of the API, checked. Without one it is that of github.com.

    Raises :class:`UsageError` where a token would travel unencrypted, and where only the
    remote of a checkout names another host: a cloned repository does not say who gets a token.
    """
    if given is None:
        named = (asked and asked.repository) or (environ or {}).get("GITHUB_REPOSITORY")
        if not named and checkout and checkout.host not in (None, "github.com", "ssh.github.com"):
            raise UsageError(
                f"the checkout's remote is at {checkout.host}, not at github.com",
                hint="say that a token may go there: --api-url https://HOST/api/v3",
            )
        return PUBLIC_API
    parts = urlsplit(given.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise UsageError("the API's address is no plain https address")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(
            f"the API at {parts.hostname} is not encrypted (http)",
            hint="a token is sent over https only",
        )
    return given.strip().rstrip("/")


def _of_event(
    event: Event, environ: Mapping[str, str], checkout: Checkout | None, notes: list[str]
) -> tuple[str | None, str | None]:
    """Ref and commit of a workflow run, by what is checked out rather than what was offered."""
    ref, commit = environ.get("GITHUB_REF") or None, environ.get("GITHUB_SHA") or None
    head = checkout.commit if checkout is not None else None
    if head is None or head == commit:
        return ref, commit
    number = event.pull_number
    if number is not None:
        # Not the merge commit that GitHub offers, or for pull_request_target not the base:
        # the head of the pull request, or something merged from it.
        if head == text_at(event.pull_request, "merge_commit_sha"):
            return f"refs/pull/{number}/merge", head
        if head != text_at(event.pull_request, "head", "sha"):
            notes.append(f"the checkout is at {head[:12]}, which is not the pull request's head")
        return f"refs/pull/{number}/head", head
    if event.name == "workflow_run":
        raise UsageError(
            "this workflow_run has another commit checked out than its own",
            hint="give --ref and --commit, or use secagg publish for a pull request's results",
        )
    notes.append(f"the checkout is at {head[:12]}, not at the event's commit {str(commit)[:12]}")
    return ref, head


def _pull_number(event: Event | None, ref: str | None) -> int | None:
    if event is not None and event.pull_number is not None:
        return event.pull_number
    match = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", ref or "")
    return int(match[1]) if match else None


def _checked(value: str | None, pattern: re.Pattern[str], what: str, how: str) -> str:
    if not value:
        raise UsageError(f"it is not known which {what} this is", hint=f"give {how}")
    if not pattern.fullmatch(value) or ".." in value:
        raise UsageError(f"{value!r} is no {what} that GitHub takes", hint=f"give {how}")
    return value
