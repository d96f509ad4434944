"""The event of a GitHub Actions workflow, its commit and ref, and the checkout it runs in.

Source: GitHub Docs, "Events that trigger workflows" (GITHUB_SHA and GITHUB_REF of each event)
and "Variables reference".

A workflow may check out something else than its event's ref: a schedule that scans ``develop``, a
comment that has a pull request's head scanned. Results of one ref under the name of another close
alerts that stand, so the checkout decides and the event is only believed where both agree.

Source: GitHub Docs, "Events that trigger workflows" (GITHUB_SHA and GITHUB_REF of each event);
the names of refs are those that actions/checkout writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import loads
from secagg.system.git import find_commit, git

_TIMEOUT = 30.0


COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


# https://host/owner/name.git, ssh://git@host/owner/name, git@host:owner/name.git
_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]*@)?(?P<host>[\w.-]+)(?::\d+)?/|[\w.-]+@(?P<scp>[\w.-]+):)"
    r"(?P<path>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """``top`` is the root of the work tree; ``branch`` is None where HEAD is detached.

    ``host`` and ``repository`` are those of the remote ``origin``, without its user or token.
    """

    top: Path
    commit: str | None = None
    branch: str | None = None
    host: str | None = None
    repository: str | None = None

    def find(self, name: str) -> str | None:
        """Find the commit that ``name`` means; None where this clone does not hold it."""
        return find_commit(self.top, name)

    def refs_at(self, commit: str) -> Sequence[str]:
        """List the remote-tracking refs and tags whose tip is ``commit``, by their full names."""
        patterns = ("refs/remotes", "refs/tags")
        listed = _git(self.top, "for-each-ref", f"--points-at={commit}", "--format=%(refname)")
        return [name for name in listed.splitlines() if name.startswith(patterns)]

    def contains(self, tip: str, commit: str) -> bool:
        """Tell whether ``commit`` is the commit ``tip`` or, as far as git knows, an ancestor."""
        if tip == commit:
            return True
        done = git(self.top, "merge-base", "--is-ancestor", commit, tip, timeout=_TIMEOUT)
        return done.code == 0

    def had_directory(self, path: str) -> bool:
        """Tell whether any commit up to HEAD that this clone holds has files below ``path``."""
        pattern = f":(top,literal){path}/"
        return bool(_git(self.top, "log", "-1", "--format=%H", "--", pattern))

    def parents(self, commit: str) -> Sequence[str]:
        """List the parents that the commit itself names, also where a shallow clone lacks them."""
        done = git(self.top, "cat-file", "commit", commit, timeout=_TIMEOUT)
        head = done.out.partition(b"\n\n")[0].decode("ascii", "replace") if done.code == 0 else ""
        lines = (line.partition(" ") for line in head.splitlines())
        return [value for key, _, value in lines if key == "parent" and COMMIT.fullmatch(value)]


def read_checkout(directory: Path) -> Checkout | None:
    """Return the checkout that ``directory`` is in; None where there is none, or no git."""
    top = _git(directory, "rev-parse", "--show-toplevel")
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


def _git(directory: Path, *arguments: str) -> str:
    """What git prints, without the line's end; empty where it fails."""
    done = git(directory, *arguments, timeout=_TIMEOUT)
    return done.text if done.code == 0 else ""


def prefix_of(root: Path) -> str:
    """Return where ``root`` is in its repository: GitHub's paths begin at the top of it."""
    checkout = read_checkout(root)
    if checkout is None or not root.resolve().is_relative_to(checkout.top.resolve()):
        return ""
    below = root.resolve().relative_to(checkout.top.resolve()).as_posix()
    return "" if below == "." else f"{below}/"


_LARGEST = 32 * 1024 * 1024


_PULL_REQUEST = frozenset(
    {
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One workflow run's event; ``payload`` is empty where there is none to be read."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""

    @property
    def pull_request(self) -> Mapping[str, Any]:
        """The pull request that the event is about, or nothing."""
        return mapping(self.payload.get("pull_request"))

    @property
    def pull_number(self) -> int | None:
        number = self.pull_request.get("number") or self.payload.get("number")
        return number if isinstance(number, int) and self.name in _PULL_REQUEST else None

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository, or one that is gone."""
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
        """Whether GitHub gives such a run a token that may not write, whatever it asks for.

        Pull requests from forks and all that Dependabot starts; ``pull_request_target`` runs
        with the base's rights unless Dependabot started it.
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
            if os.path.getsize(path) <= _LARGEST:
                payload = mapping(loads(Path(path).read_bytes(), report="the event"))
        except (OSError, ReportError):
            payload = {}
    return Event(name, payload, environ.get("GITHUB_ACTOR", ""))


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text_at(value: Mapping[str, Any], *keys: str) -> str | None:
    """Return the text at a path of keys, or None."""
    inner: Any = value
    for key in keys:
        inner = mapping(inner).get(key)
    return inner if isinstance(inner, str) and inner else None


PULL_REF = re.compile(r"refs/pull/(\d+)/(?:merge|head)")


# How the head or the merge commit of a pull request is called after it was fetched.
_FETCHED_PULL = re.compile(r"refs/remotes/(?:origin/)?(pull/\d+/(?:merge|head))")


# Branches of `origin` whose names stand for pull requests: whose they are is not known.
_PULL_LIKE = re.compile(r"(?:pr|pull|pulls|merge-requests)/.*")


_ORIGIN = "refs/remotes/origin/"


_HEADS = "refs/heads/"


# Events whose commit is the default branch's, whatever they are about.
_ABOUT_SOMETHING_ELSE = frozenset({"issue_comment", "pull_request_target", "workflow_run"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is checked out. ``ref`` is None where it is no ref of this repository that is known.

    ``commit`` is None where neither the event nor git names one.
    """

    ref: str | None
    commit: str | None


def head_of(
    event: Event,
    environ: Mapping[str, str],
    checkout: Checkout | None,
    commit: str | None = None,
) -> Head:
    """Find the ref of ``commit`` (what is checked out, if None) in a workflow run of ``event``.

    Without any checkout it is the event's ref, unless the event is about something else than
    the commit that it names.
    """
    ref, sha = environ.get("GITHUB_REF") or None, environ.get("GITHUB_SHA") or None
    here = checkout.commit if checkout is not None else None
    analysed = commit or here or sha
    if analysed is None:
        return Head(ref=None, commit=None)
    refs = _Refs(checkout, analysed, environ.get("GITHUB_REPOSITORY"))
    number = event.pull_number or _number_of(ref)
    head = _of_pull(event, number, ref, sha, refs) if number is not None else None
    if head is None and analysed == (sha and (refs.find(sha) or sha)):
        if here is None and commit is None and event.name in _ABOUT_SOMETHING_ELSE:
            return Head(ref=None, commit=None)
        # Another branch may be at the same commit: the one that is checked out is meant.
        branch = refs.branch(exactly=True)
        head = branch if branch and (ref or "").startswith(_HEADS) else ref
    return Head(ref=head or refs.pull() or refs.branch() or refs.only(ref), commit=analysed)


def _number_of(ref: str | None) -> int | None:
    match = PULL_REF.fullmatch(ref or "")
    return int(match[1]) if match else None


def _of_pull(
    event: Event, number: int, ref: str | None, sha: str | None, refs: _Refs
) -> str | None:
    """The pull request's ref that is checked out; None for anything else, as its base."""
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
    # A newer push than the event's.
    own = not event.from_fork and text_at(event.pull_request, "head", "ref")
    if own and refs.branch() == f"{_HEADS}{own}":
        return f"refs/pull/{number}/head"
    # GitHub makes the merge commit anew whenever the base moves; its second parent is the head.
    parents = refs.parents()
    if head is not None and len(parents) == 2 and parents[1] == head:
        return f"refs/pull/{number}/merge"
    return None


class _Refs:
    """The refs of one commit in a checkout, as far as they are ``origin``'s.

    A local branch proves nothing: ``gh pr checkout`` makes one of a fork's.
    """

    def __init__(self, checkout: Checkout | None, commit: str, repository: str | None) -> None:
        self.commit = commit
        self._checkout = checkout
        # Refs of a checkout of another repository say nothing of this one's.
        theirs = checkout.repository if checkout is not None else None
        if theirs is not None and repository and theirs.lower() != repository.lower():
            self._checkout = None
        self._at = self._checkout.refs_at(commit) if self._checkout is not None else ()

    def find(self, name: str) -> str | None:
        """Return the commit that ``name`` means here, if it is here."""
        return None if self._checkout is None else self._checkout.find(name)

    def parents(self) -> Sequence[str]:
        """Return the parents of the commit, if it is here."""
        return () if self._checkout is None else self._checkout.parents(self.commit)

    def pull(self, number: int | None = None) -> str | None:
        """Return the pull request's ref that was fetched at this commit, if it is only one's."""
        refs = {m[1] for name in self._at if (m := _FETCHED_PULL.fullmatch(name))}
        if number is not None:
            refs = {name for name in refs if name.startswith(f"pull/{number}/")}
        numbers = {name.split("/")[1] for name in refs}
        return f"refs/{max(refs)}" if len(numbers) == 1 else None

    def branch(self, *, exactly: bool = False) -> str | None:
        """The branch that is checked out, where ``origin``'s branch of this name has the commit."""
        checkout = self._checkout
        if checkout is None or checkout.branch is None or self.commit != checkout.commit:
            return None
        name = checkout.branch.removeprefix(_HEADS)
        tip = checkout.find(f"{_ORIGIN}{name}")
        if tip is None or _PULL_LIKE.fullmatch(name):
            return None
        if tip == self.commit or (not exactly and checkout.contains(tip, self.commit)):
            return f"{_HEADS}{name}"
        return None

    def only(self, preferred: str | None) -> str | None:
        """The one branch, else the one tag, whose tip is the commit; ``preferred`` of several."""
        for prefix, kind in ((_ORIGIN, _HEADS), ("refs/tags/", "refs/tags/")):
            names = [name.removeprefix(prefix) for name in self._at if name.startswith(prefix)]
            refs = [f"{kind}{n}" for n in names if n != "HEAD" and not _PULL_LIKE.fullmatch(n)]
            if preferred in refs:
                return preferred
            if refs:
                return refs[0] if len(refs) == 1 else None
        return None
