"""The base of a change: its commit, its files, and where its history begins.

A change must not weaken its own gate: policy, exceptions, baseline and configuration are read
from the commit that it is to be merged into. It is an error if this clone does not hold that
commit; nothing falls back to the files of the change.

The history of a pull request or merge group begins where it left its base, that of a push at the
branch's commit before. Without such a commit (a first push, a force push, a tag) it begins where
it left the default branch; for a schedule and anything else it is all of the history.

Source: GitHub Docs, "Webhook events and payloads": ``push`` (``before``, ``created``,
``forced``) and ``merge_group``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from secagg.change.diff import merge_base, path_text
from secagg.errors import ReportError, UsageError
from secagg.github.event import PULL_REF, Event, head_of, read_checkout, read_event
from secagg.jsonio.members import text_at
from secagg.jsonio.reading import loads
from secagg.model.place import legible
from secagg.system.git import FETCH_HINT, checked, find_commit, git, resolve
from secagg.system.patterns import lazy

# Files that control what is scanned, merged, judged and left out.
CONTROLS = (
    "secagg.yaml",
    "secagg-merge.yaml",
    "secagg-policy*.yaml",
    "secagg-exceptions*.yaml",
    ".secagg/*",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    "docs/CODEOWNERS",
    ".github/codeql/*",
    ".trivyignore",
    ".trivyignore.yaml",
    "trivy.yaml",
    "trivy-secret.yaml",
    ".gitleaks.toml",
    ".gitleaksignore",
    ".snyk",
    "*.vex.json",
    "*.openvex.json",
)

# Those that their tools read in every directory.
_ANYWHERE = frozenset({".snyk", ".trivyignore", ".gitleaksignore"})
# The value of an option that stands for the commit of :func:`since_event`.
EVENT = "event"
_ORIGIN = "refs/remotes/origin/"
_PULL_REF = lazy(r"refs/pull/\d+/merge")
_LARGEST_EVENT = 32 * 1024 * 1024


def reader_at(root: Path, ref: str) -> Callable[[str], bytes | None]:
    """Make a function that reads files at the commit ``ref``, by their paths below ``root``.

    It returns None where the commit has no such file; it follows no links. Raises
    :class:`UsageError` at once if this clone does not hold the commit.
    """
    commit = resolve(root, ref)
    prefix = checked(root, "rev-parse", "--show-prefix").text

    def read(path: str) -> bytes | None:
        name = _repository_path(prefix, path)
        listing = checked(root, "ls-tree", "-z", "--full-tree", commit, "--", f":(literal){name}")
        entry = listing.out.partition(b"\0")[0].partition(b"\t")[0].split(b" ")
        if len(entry) != 3 or entry[0] not in (b"100644", b"100755"):
            return None
        return checked(root, "cat-file", "blob", entry[2].decode("ascii")).out

    return read


def changed_controls(root: Path, base: str, also: Sequence[str] = ()) -> list[str]:
    """Return the files that control the gate and differ between ``base`` and the work tree.

    ``also`` are further paths below ``root`` that options and configuration name. Untracked
    files, such as those that an earlier step of the workflow made, are not part of the change.
    """
    start = merge_base(root, resolve(root, base), resolve(root, "HEAD"))
    changed = checked(root, "diff", "--name-only", "--no-renames", "--relative", "-z", start).out
    names = [path_text(name) for name in changed.split(b"\0") if name]
    further = {str(PurePosixPath(path)) for path in also}
    return sorted(legible(name) for name in names if name in further or _is_control(name))


def default_base(root: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the commit that a pull request is to be merged into; None outside of one.

    It comes from GitHub's own merge commit where that is checked out, else from the event, else
    from the remote's branch. Raises :class:`UsageError` if the event is a pull request and this
    clone holds none of them. Source: GitHub Docs, "Variables reference" and "Webhook events and
    payloads", ``pull_request`` and ``merge_group``.
    """
    environ = os.environ if environ is None else environ
    if not is_change(environ):
        return _event_commit(root, environ)
    head = find_commit(root, "HEAD")
    # The base in the event may be outdated; the merge commit has the base it was made on.
    if (
        environ.get("GITHUB_EVENT_NAME") == "pull_request"
        and head is not None
        and head == environ.get("GITHUB_SHA")
        and _PULL_REF.fullmatch(environ.get("GITHUB_REF", ""))
        and find_commit(root, "HEAD^2") is not None
    ):
        parent = find_commit(root, "HEAD^1")
        if parent is not None:
            return parent
    branch = environ.get("GITHUB_BASE_REF")
    candidates = [_event_base(environ), f"{_ORIGIN}{branch}" if branch else None]
    for candidate in candidates:
        commit = None if candidate is None else find_commit(root, candidate)
        if commit is not None:
            return commit
    raise UsageError(
        "this clone does not hold the commit that the pull request is to be merged into",
        hint=FETCH_HINT,
    )


def is_change(environ: Mapping[str, str]) -> bool:
    """Tell whether the workflow runs for a change that is to be merged."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    return name.startswith("pull_request") or name == "merge_group"


def since_event(root: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the commit after which the history belongs to the event; None for all of it.

    Raises :class:`UsageError` where the base of a pull request is not in this clone.
    """
    environ = os.environ if environ is None else environ
    head = find_commit(root, "HEAD")
    if head is None:
        return None
    if is_change(environ):
        base = default_base(root, environ)
        return None if base is None else merge_base(root, base, head)
    event = read_event(environ)
    if event is None or event.name != "push":
        return None
    return _commit_before_push(root, event, head) or _fork_point(root, event, environ, head)


def _event_commit(root: Path, environ: Mapping[str, str]) -> str | None:
    """The event's own commit, where a comment or a dispatch checked out something else.

    That may be the head of a pull request, which must not bring its own gate. None where a branch
    or tag of this repository is checked out.
    """
    event = read_event(environ)
    checkout = read_checkout(root) if event is not None else None
    if event is None or checkout is None or checkout.commit is None:
        return None
    ref = head_of(event, environ, checkout).ref
    if ref is not None and not PULL_REF.fullmatch(ref):
        return None
    branch = event.default_branch
    candidates = [environ.get("GITHUB_SHA"), f"{_ORIGIN}{branch}" if branch else None]
    for candidate in candidates:
        commit = find_commit(root, candidate) if candidate else None
        if commit is not None:
            return commit
    raise UsageError(
        f"what this {event.name} event has checked out is no branch of this repository, and the "
        "commit whose policy holds for it is not in this clone",
        hint=f"{FETCH_HINT}; or say --policy-from REF",
    )


def _event_base(environ: Mapping[str, str]) -> str | None:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return None
    try:
        if os.path.getsize(path) > _LARGEST_EVENT:
            return None
        payload = loads(Path(path).read_bytes(), report="the event")
    except (OSError, ReportError):
        return None
    for keys in (("pull_request", "base", "sha"), ("merge_group", "base_sha")):
        commit = text_at(payload, *keys)
        if commit is not None and re.fullmatch(r"[0-9a-f]{40,64}", commit):
            return commit
    return None


def _is_control(name: str) -> bool:
    return PurePosixPath(name).name in _ANYWHERE or any(fnmatchcase(name, p) for p in CONTROLS)


def _repository_path(prefix: str, path: str) -> str:
    """The path in the repository of ``path`` below the scanned root."""
    name = os.path.normpath(f"{prefix}{path}")
    if os.path.isabs(path) or name.split("/")[0] == "..":
        raise UsageError(
            f"{path} lies outside of the repository", hint="give a path below the root"
        )
    return name


def _commit_before_push(root: Path, event: Event, head: str) -> str | None:
    """The branch's commit before the push; None for a first push, a force push and a tag."""
    before = text_at(event.payload, "before")
    if before is None or event.payload.get("forced") is True or not before.strip("0"):
        return None
    commit = find_commit(root, before)
    if commit is None or git(root, "merge-base", "--is-ancestor", commit, head).code != 0:
        return None
    return commit


def _fork_point(root: Path, event: Event, environ: Mapping[str, str], head: str) -> str | None:
    """Where ``head`` left the default branch; None on that branch itself, or without it."""
    branch = event.default_branch
    if branch is None or environ.get("GITHUB_REF") == f"refs/heads/{branch}":
        return None
    default = find_commit(root, f"{_ORIGIN}{branch}")
    if default is None:
        return None
    try:
        return merge_base(root, default, head)
    except UsageError:
        return None
