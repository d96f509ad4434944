"""Find the ref and commit of a GitHub Actions workflow run, from its event and its checkout.

A workflow may check out something else than its event's ref: a schedule may scan ``develop``, a
comment the head of a pull request. Results of one ref under the name of another would close alerts
by mistake. So the checkout decides, and the event counts only where both agree.

Source: GitHub Docs, "Events that trigger workflows" (GITHUB_SHA and GITHUB_REF of each event) and
"Variables reference"; actions/checkout for the names of refs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from secagg.errors import ReportError
from secagg.jsonio.members import as_mapping, text_at
from secagg.jsonio.reading import loads
from secagg.system.git import find_commit, git
from secagg.system.patterns import lazy
from secagg.system.root import is_in_git

COMMIT = lazy(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
PULL_REF = lazy(r"refs/pull/(\d+)/(?:merge|head)")

_TIMEOUT = 30.0
_MOST_EVENT_BYTES = 32 * 1024 * 1024
_ORIGIN_PREFIX = "refs/remotes/origin/"
_HEADS_PREFIX = "refs/heads/"
# The head or the merge commit of a pull request after a fetch.
_FETCHED_PULL_REF = lazy(r"refs/remotes/(?:origin/)?(pull/\d+/(?:merge|head))")
# Branches of origin whose names look like pull requests: they may hold a fork's commits.
_PULL_LIKE_BRANCH = lazy(r"(?:pr|pull|pulls|merge-requests)/.*")
_PULL_REQUEST_EVENTS = frozenset(
    {
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
    }
)
# Events whose GITHUB_SHA is on the default branch, whatever the event is about.
_OTHER_COMMIT_EVENTS = frozenset({"issue_comment", "pull_request_target", "workflow_run"})
# https://host/owner/name.git, ssh://git@host/owner/name, git@host:owner/name.git
_REMOTE = lazy(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]*@)?(?P<host>[\w.-]+)(?::\d+)?/|[\w.-]+@(?P<scp>[\w.-]+):)"
    r"(?P<path>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


class Checkout(Struct, frozen=True, kw_only=True):
    """A git checkout. ``top`` is the root of the work tree; a detached HEAD has no ``branch``.

    ``host`` and ``repository`` are those of the remote ``origin``, without its user or token.
    """

    top: Path
    commit: str | None = None
    branch: str | None = None
    host: str | None = None
    repository: str | None = None

    def find(self, name: str) -> str | None:
        """Return the commit that ``name`` means; None where this clone does not hold it."""
        return find_commit(self.top, name)

    def refs_at(self, commit: str) -> Sequence[str]:
        """Return the full names of remote-tracking refs and tags whose tip is ``commit``."""
        patterns = ("refs/remotes", "refs/tags")
        output = _git(self.top, "for-each-ref", f"--points-at={commit}", "--format=%(refname)")
        # A name may hold U+2028 and U+0085, at which splitlines would begin the next.
        return [name for name in output.split("\n") if name.startswith(patterns)]

    def contains(self, tip: str, commit: str) -> bool:
        """Return whether ``commit`` is ``tip`` or, as far as git knows, an ancestor of it."""
        if tip == commit:
            return True
        result = git(self.top, "merge-base", "--is-ancestor", commit, tip, timeout=_TIMEOUT)
        return result.code == 0

    def had_directory(self, path: str) -> bool:
        """Return whether a commit up to HEAD in this clone has files below ``path``."""
        pattern = f":(top,literal){path}/"
        return bool(_git(self.top, "log", "-1", "--format=%H", "--", pattern))

    def parents(self, commit: str) -> Sequence[str]:
        """Return the parents that the commit names, even where a shallow clone lacks them."""
        result = git(self.top, "cat-file", "commit", commit, timeout=_TIMEOUT)
        head = (
            result.out.partition(b"\n\n")[0].decode("ascii", "replace") if result.code == 0 else ""
        )
        lines = (line.partition(" ") for line in head.splitlines())
        return [value for key, _, value in lines if key == "parent" and COMMIT.fullmatch(value)]


def read_checkout(directory: Path) -> Checkout | None:
    """Return the checkout around ``directory``; None where there is none, or no git."""
    top = _git(directory, "rev-parse", "--show-toplevel") if is_in_git(directory) else ""
    if not top:
        return None
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = _git(directory, "symbolic-ref", "--quiet", "HEAD")
    remote = _REMOTE.fullmatch(_git(directory, "remote", "get-url", "origin"))
    return Checkout(
        top=Path(top),
        commit=commit if COMMIT.fullmatch(commit) else None,
        branch=branch if branch.startswith("refs/heads/") else None,
        host=(remote["host"] or remote["scp"]).lower() if remote else None,
        repository=remote["path"] if remote else None,
    )


def prefix_of(root: Path) -> str:
    """Return the path of ``root`` in its repository, with a slash at its end; empty at the top."""
    checkout = read_checkout(root)
    if checkout is None or not root.resolve().is_relative_to(checkout.top.resolve()):
        return ""
    relative = root.resolve().relative_to(checkout.top.resolve()).as_posix()
    return "" if relative == "." else f"{relative}/"


class Event(Struct, frozen=True):
    """The event of a workflow run; ``payload`` is empty where it cannot be read."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""

    @property
    def pull_request(self) -> Mapping[str, Any]:
        """The pull request of the event, or an empty object."""
        return as_mapping(self.payload.get("pull_request"))

    @property
    def pull_number(self) -> int | None:
        number = self.pull_request.get("number") or self.payload.get("number")
        return number if isinstance(number, int) and self.name in _PULL_REQUEST_EVENTS else None

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository, or one that was deleted."""
        if not self.pull_request:
            return False
        head = text_at(self.pull_request, "head", "repo", "full_name")
        base = text_at(self.pull_request, "base", "repo", "full_name")
        return head is None or base is None or head.lower() != base.lower()

    @property
    def from_dependabot(self) -> bool:
        author = text_at(self.pull_request, "user", "login")
        return "dependabot[bot]" in (self.actor, author)

    @property
    def read_only(self) -> bool:
        """Whether the token of such a run may not write, whatever the workflow's permissions.

        True for pull requests from forks and for runs that Dependabot starts.
        ``pull_request_target`` has the rights of the base unless Dependabot started it.
        """
        if self.name == "pull_request_target":
            return self.from_dependabot
        return self.from_fork or self.from_dependabot

    @property
    def default_branch(self) -> str | None:
        return text_at(self.payload, "repository", "default_branch")


def read_event(environ: Mapping[str, str]) -> Event | None:
    """Return the event of this workflow run; None outside of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    name = environ.get("GITHUB_EVENT_NAME", "")
    payload: Mapping[str, Any] = {}
    path = environ.get("GITHUB_EVENT_PATH")
    if path:
        try:
            if os.path.getsize(path) <= _MOST_EVENT_BYTES:
                payload = as_mapping(loads(Path(path).read_bytes(), report="the event"))
        except (OSError, ReportError):
            payload = {}
    return Event(name, payload, environ.get("GITHUB_ACTOR", ""))


class Head(Struct, frozen=True, kw_only=True):
    """The ref and commit that are checked out.

    ``ref`` is None where no ref of this repository is known for the commit; ``commit`` is None
    where neither the event nor git names one.
    """

    ref: str | None
    commit: str | None


def head_of(
    event: Event,
    environ: Mapping[str, str],
    checkout: Checkout | None,
    commit: str | None = None,
) -> Head:
    """Return the ref of ``commit``, by default the one checked out, in a run of ``event``.

    Without a checkout it is the event's ref, unless GITHUB_SHA is not what the event is about.
    """
    ref, sha = environ.get("GITHUB_REF") or None, environ.get("GITHUB_SHA") or None
    checked_out = checkout.commit if checkout is not None else None
    analysed = commit or checked_out or sha
    if analysed is None:
        return Head(ref=None, commit=None)
    refs = _Refs(checkout, analysed, environ.get("GITHUB_REPOSITORY"))
    number = event.pull_number or _pull_number(ref)
    head = _pull_request_ref(event, number, ref, sha, refs) if number is not None else None
    if head is None and analysed == (sha and (refs.find(sha) or sha)):
        if checked_out is None and commit is None and event.name in _OTHER_COMMIT_EVENTS:
            return Head(ref=None, commit=None)
        # Several branches may be at this commit: the one that is checked out counts.
        branch = refs.branch(at_tip=True)
        head = branch if branch and (ref or "").startswith(_HEADS_PREFIX) else ref
    return Head(ref=head or refs.pull() or refs.branch() or refs.single(ref), commit=analysed)


class _Refs:
    """The refs of ``origin`` at one commit in a checkout.

    Local branches do not count: ``gh pr checkout`` creates one of a fork's branch.
    """

    def __init__(self, checkout: Checkout | None, commit: str, repository: str | None) -> None:
        self.commit = commit
        self._checkout = checkout
        # The refs of another repository are not those of this one.
        checkout_repository = checkout.repository if checkout is not None else None
        if (
            checkout_repository is not None
            and repository
            and checkout_repository.lower() != repository.lower()
        ):
            self._checkout = None
        self._names = self._checkout.refs_at(commit) if self._checkout is not None else ()

    def find(self, name: str) -> str | None:
        """Return the commit that ``name`` means, if this clone holds it."""
        return None if self._checkout is None else self._checkout.find(name)

    def parents(self) -> Sequence[str]:
        """Return the parents of the commit, if this clone holds it."""
        return () if self._checkout is None else self._checkout.parents(self.commit)

    def pull(self, number: int | None = None) -> str | None:
        """Return the fetched ref of a pull request at this commit, if there is only one request."""
        refs = {match[1] for name in self._names if (match := _FETCHED_PULL_REF.fullmatch(name))}
        if number is not None:
            refs = {name for name in refs if name.startswith(f"pull/{number}/")}
        numbers = {name.split("/")[1] for name in refs}
        return f"refs/{max(refs)}" if len(numbers) == 1 else None

    def branch(self, *, at_tip: bool = False) -> str | None:
        """Return the branch that is checked out, if that branch of ``origin`` has the commit.

        ``at_tip`` asks for the commit at its tip.
        """
        checkout = self._checkout
        if checkout is None or checkout.branch is None or self.commit != checkout.commit:
            return None
        name = checkout.branch.removeprefix(_HEADS_PREFIX)
        tip = checkout.find(f"{_ORIGIN_PREFIX}{name}")
        if tip is None or _PULL_LIKE_BRANCH.fullmatch(name):
            return None
        if tip == self.commit or (not at_tip and checkout.contains(tip, self.commit)):
            return f"{_HEADS_PREFIX}{name}"
        return None

    def single(self, preferred: str | None) -> str | None:
        """Return the only branch, else the only tag, at the commit; ``preferred`` of several."""
        for prefix, ref_prefix in ((_ORIGIN_PREFIX, _HEADS_PREFIX), ("refs/tags/", "refs/tags/")):
            names = [name.removeprefix(prefix) for name in self._names if name.startswith(prefix)]
            refs = [
                f"{ref_prefix}{name}"
                for name in names
                if name != "HEAD" and not _PULL_LIKE_BRANCH.fullmatch(name)
            ]
            if preferred in refs:
                return preferred
            if refs:
                return refs[0] if len(refs) == 1 else None
        return None


def _git(directory: Path, *arguments: str) -> str:
    """Return what git prints, without the end of the line; empty where git fails."""
    result = git(directory, *arguments, timeout=_TIMEOUT)
    return result.text if result.code == 0 else ""


def _pull_number(ref: str | None) -> int | None:
    match = PULL_REF.fullmatch(ref or "")
    return int(match[1]) if match else None


def _pull_request_ref(
    event: Event, number: int, ref: str | None, sha: str | None, refs: _Refs
) -> str | None:
    """Return the ref of the pull request that is checked out; None for another, as its base."""
    analysed = refs.commit
    head = text_at(event.pull_request, "head", "sha")
    if analysed == sha and PULL_REF.fullmatch(ref or ""):
        return ref
    if analysed == sha:
        return None
    if analysed == text_at(event.pull_request, "merge_commit_sha"):
        return f"refs/pull/{number}/merge"
    if analysed == head:
        return f"refs/pull/{number}/head"
    fetched = refs.pull(number)
    if fetched is not None:
        return fetched
    # The checkout may be of a push after the event.
    branch = not event.from_fork and text_at(event.pull_request, "head", "ref")
    if branch and refs.branch() == f"{_HEADS_PREFIX}{branch}":
        return f"refs/pull/{number}/head"
    # GitHub creates a new merge commit when the base moves; its second parent is the head.
    parents = refs.parents()
    if head is not None and len(parents) == 2 and parents[1] == head:
        return f"refs/pull/{number}/merge"
    return None
