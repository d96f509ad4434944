"""Which ref of this repository is checked out: what an upload, the store and the gate speak of.

A workflow may check out something else than its event's ref: a schedule that scans ``develop``, a
comment that has a pull request's head scanned. Results of one ref under the name of another close
alerts that stand, so the checkout decides and the event is only believed where both agree.

Source: GitHub Docs, "Events that trigger workflows" (GITHUB_SHA and GITHUB_REF of each event);
the names of refs are those that actions/checkout writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secagg.github.checkout import Checkout
from secagg.github.event import Event, text_at

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
    found = _of_pull(event, number, ref, sha, refs) if number is not None else None
    if found is None and analysed == (sha and (refs.find(sha) or sha)):
        if here is None and commit is None and event.name in _ABOUT_SOMETHING_ELSE:
            return Head(ref=None, commit=None)
        # Another branch may be at the same commit: the one that is checked out is meant.
        branch = refs.branch(exactly=True)
        found = branch if branch and (ref or "").startswith(_HEADS) else ref
    return Head(ref=found or refs.pull() or refs.branch() or refs.only(ref), commit=analysed)


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
        """The commit that ``name`` means here, if it is here."""
        return None if self._checkout is None else self._checkout.find(name)

    def parents(self) -> Sequence[str]:
        """The parents of the commit, if it is here."""
        return () if self._checkout is None else self._checkout.parents(self.commit)

    def pull(self, number: int | None = None) -> str | None:
        """The pull request's ref that was fetched at this commit, if it is only one's."""
        found = {m[1] for name in self._at if (m := _FETCHED_PULL.fullmatch(name))}
        if number is not None:
            found = {name for name in found if name.startswith(f"pull/{number}/")}
        numbers = {name.split("/")[1] for name in found}
        return f"refs/{max(found)}" if len(numbers) == 1 else None

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
