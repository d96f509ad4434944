"""Find the target of an upload: the repository, ref and commit that were analysed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from secagg.errors import UsageError
from secagg.github.event import (
    COMMIT,
    PULL_REF,
    Checkout,
    Event,
    Head,
    head_of,
    read_checkout,
    read_event,
)
from secagg.system.git import short_commit
from secagg.system.network import is_loopback

PUBLIC_API = "https://api.github.com"

_REPOSITORY = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:_[A-Za-z0-9]+)?/[A-Za-z0-9._-]{1,100}"
)
_REF = re.compile(r"refs/(?:heads/\S+|tags/\S+|pull/\d+/(?:merge|head))")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """The options on the command line; None leaves a value to the environment or git."""

    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A commit on a ref of a repository, at one GitHub.

    ``read_only``: the token of this run may not upload, unless the workflow's ``permissions`` allow
    it. ``default_branch`` is None where only GitHub can tell it. ``on_ref``: the commit is the tip
    of the ref or an ancestor of it; None where neither the event nor this clone can tell.
    """

    repository: str
    ref: str
    commit: str
    api_url: str = PUBLIC_API
    event: str | None = None
    read_only: bool = False
    pull_number: int | None = None
    default_branch: str | None = None
    on_ref: bool | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def on_default_branch(self) -> bool | None:
        """Whether the ref is the default branch; None where that is not known yet."""
        if not self.ref.startswith("refs/heads/"):
            return False
        if self.default_branch is None:
            return None
        return self.ref == f"refs/heads/{self.default_branch}"


def find_target(options: TargetOptions, environ: Mapping[str, str], directory: Path) -> Target:
    """Return the target by the options, the Actions environment and git, in this order.

    Raises :class:`UsageError` for a value that none of them has, or that GitHub would not take.
    """
    event = read_event(environ)
    checkout = read_checkout(directory)
    head = _checked_out_head(event, environ, checkout, options)
    ref, commit = options.ref or head.ref, options.commit or head.commit
    if event is not None and ref is None:
        raise _unknown_ref_error(event, head)
    repository, api = _repository(options, environ, checkout)
    return Target(
        repository=repository,
        ref=_require_match(ref, _REF, "ref", "--ref refs/heads/NAME (or tags, pull/N/head)"),
        commit=_require_match(commit, COMMIT, "commit", "--commit with all 40 hexadecimal digits"),
        api_url=api,
        event=None if event is None else event.name,
        read_only=event is not None and event.read_only,
        pull_number=_pull_number(event, ref),
        default_branch=None if event is None else event.default_branch,
        on_ref=_on_ref(ref, commit, event, environ, checkout),
    )


def find_repository(
    options: TargetOptions, environ: Mapping[str, str], directory: Path
) -> tuple[str, str]:
    """Return the repository and the API's address, where no commit is needed.

    Raises :class:`UsageError` as :func:`find_target` does.
    """
    return _repository(options, environ, read_checkout(directory))


def api_url(
    address: str | None,
    options: TargetOptions | None = None,
    environ: Mapping[str, str] | None = None,
    checkout: Checkout | None = None,
) -> str:
    """Return the API's ``address`` after checking it, by default that of github.com.

    Raises :class:`UsageError` where the token would travel unencrypted, and where only the remote
    of a checkout names another host: a cloned repository must not choose who gets the token.
    """
    if address is None:
        repository = (options and options.repository) or (environ or {}).get("GITHUB_REPOSITORY")
        if (
            not repository
            and checkout
            and checkout.host not in (None, "github.com", "ssh.github.com")
        ):
            raise UsageError(
                f"the checkout's remote is at {checkout.host}, not at github.com",
                hint="say that a token may go there: --api-url https://HOST/api/v3",
            )
        return PUBLIC_API
    parts = urlsplit(address.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise UsageError("the API's address is no plain https address")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(
            f"the API at {parts.hostname} is not encrypted (http)",
            hint="a token is sent over https only",
        )
    return address.strip().rstrip("/")


def _repository(
    options: TargetOptions, environ: Mapping[str, str], checkout: Checkout | None
) -> tuple[str, str]:
    repository = options.repository or environ.get("GITHUB_REPOSITORY")
    repository = repository or (checkout.repository if checkout else None)
    address = options.api_url or environ.get("GITHUB_API_URL")
    return (
        _require_match(repository, _REPOSITORY, "repository", "--repo OWNER/NAME"),
        api_url(address, options, environ, checkout),
    )


def _checked_out_head(
    event: Event | None,
    environ: Mapping[str, str],
    checkout: Checkout | None,
    options: TargetOptions,
) -> Head:
    """Return the ref and commit that are checked out, by the workflow's event and git."""
    if event is not None:
        return head_of(event, environ, checkout, options.commit)
    if checkout is None:
        return Head(ref=None, commit=None)
    return Head(ref=checkout.branch, commit=checkout.commit)


def _unknown_ref_error(event: Event, head: Head) -> UsageError:
    message = (
        f"the checkout is at {short_commit(head.commit)}, which is neither the commit of this "
        f"{event.name} event nor a branch of this repository that the clone knows"
        if head.commit
        else f"nothing is checked out, and a {event.name} event is about another commit than its "
        "own"
    )
    return UsageError(
        message,
        hint="give --ref (refs/heads/NAME, or refs/pull/N/head for a pull request's head) and "
        "--commit; for a pull request's results in workflow_run use secagg publish",
    )


def _on_ref(
    ref: str | None,
    commit: str | None,
    event: Event | None,
    environ: Mapping[str, str],
    checkout: Checkout | None,
) -> bool | None:
    """Return whether the commit is on the branch ``ref``; None where this clone cannot tell."""
    if ref is None or commit is None or not ref.startswith("refs/heads/"):
        return None
    if event is not None and (environ.get("GITHUB_REF"), environ.get("GITHUB_SHA")) == (
        ref,
        commit,
    ):
        return True
    tip = (
        checkout.find(f"refs/remotes/origin/{ref.removeprefix('refs/heads/')}")
        if (checkout is not None)
        else None
    )
    if tip is None or checkout is None:
        return None
    # Never False: the clone may be shallow or out of date.
    return checkout.contains(tip, commit) or None


def _pull_number(event: Event | None, ref: str | None) -> int | None:
    if event is not None and event.pull_number is not None:
        return event.pull_number
    match = PULL_REF.fullmatch(ref or "")
    return int(match[1]) if match else None


def _require_match(value: str | None, pattern: re.Pattern[str], noun: str, hint: str) -> str:
    if not value:
        raise UsageError(f"it is not known which {noun} this is", hint=f"give {hint}")
    if not pattern.fullmatch(value) or ".." in value:
        raise UsageError(f"{value!r} is no {noun} that GitHub takes", hint=f"give {hint}")
    return value
