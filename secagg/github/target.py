"""Where results go: the repository, the ref and the commit that were analysed."""

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

PUBLIC_API = "https://api.github.com"


_REPOSITORY = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:_[A-Za-z0-9]+)?/[A-Za-z0-9._-]{1,100}"
)


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

    ``read_only`` is True where GitHub gives this run no token that may upload, unless the
    workflow's ``permissions`` say otherwise. ``default_branch`` is the branch's name where it is
    known without asking. ``on_ref`` says whether the commit is the ref's tip or an ancestor of
    it, None where the event and this clone do not know.
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
    here = _checked_out(event, environ, checkout, asked)
    ref, commit = asked.ref or here.ref, asked.commit or here.commit
    if event is not None and ref is None:
        raise _another_checkout(event, here)
    repository, address = _repository(asked, environ, checkout)
    return Target(
        repository=repository,
        ref=_checked(ref, _REF, "ref", "--ref refs/heads/NAME (or tags, pull/N/head)"),
        commit=_checked(commit, COMMIT, "commit", "--commit with all 40 hexadecimal digits"),
        api_url=address,
        event=None if event is None else event.name,
        read_only=event is not None and event.read_only,
        pull_number=_pull_number(event, ref),
        default_branch=None if event is None else event.default_branch,
        on_ref=_on_ref(ref, commit, event, environ, checkout),
    )


def find_repository(asked: Asked, environ: Mapping[str, str], directory: Path) -> tuple[str, str]:
    """Return the repository and the API's address, for what is about no commit.

    Raises :class:`UsageError` as :func:`find_target` does.
    """
    return _repository(asked, environ, read_checkout(directory))


def _repository(
    asked: Asked, environ: Mapping[str, str], checkout: Checkout | None
) -> tuple[str, str]:
    repository = asked.repository or environ.get("GITHUB_REPOSITORY")
    repository = repository or (checkout.repository if checkout else None)
    address = asked.api_url or environ.get("GITHUB_API_URL")
    return (
        _checked(repository, _REPOSITORY, "repository", "--repository OWNER/NAME"),
        api_url(address, asked, environ, checkout),
    )


def api_url(
    given: str | None,
    asked: Asked | None = None,
    environ: Mapping[str, str] | None = None,
    checkout: Checkout | None = None,
) -> str:
    """Return the address of the API, checked. Without one it is that of github.com.

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


def _checked_out(
    event: Event | None, environ: Mapping[str, str], checkout: Checkout | None, asked: Asked
) -> Head:
    """What is checked out, as the workflow's event and git together know it."""
    if event is not None:
        return head_of(event, environ, checkout, asked.commit)
    if checkout is None:
        return Head(ref=None, commit=None)
    return Head(ref=checkout.branch, commit=checkout.commit)


def _another_checkout(event: Event, here: Head) -> UsageError:
    what = (
        f"the checkout is at {here.commit[:12]}, which is neither the commit of this {event.name} "
        "event nor a branch of this repository that the clone knows"
        if here.commit
        else f"nothing is checked out, and a {event.name} event is about another commit than its "
        "own"
    )
    return UsageError(
        what,
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
    """Whether the commit is on the branch ``ref``; None where nobody here knows."""
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
    # A shallow clone, or one that was fetched long ago, cannot say no.
    return checkout.contains(tip, commit) or None


def _pull_number(event: Event | None, ref: str | None) -> int | None:
    if event is not None and event.pull_number is not None:
        return event.pull_number
    match = PULL_REF.fullmatch(ref or "")
    return int(match[1]) if match else None


def _checked(value: str | None, pattern: re.Pattern[str], what: str, how: str) -> str:
    if not value:
        raise UsageError(f"it is not known which {what} this is", hint=f"give {how}")
    if not pattern.fullmatch(value) or ".." in value:
        raise UsageError(f"{value!r} is no {what} that GitHub takes", hint=f"give {how}")
    return value
