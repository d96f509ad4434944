"""What the history knows of a scan's problems: they keep the ids that they had."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.change.baseline import OTHER_KEY, BaselineMatch, Comparison, compare
from secagg.change.carry import carry_identities, differ
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.change.sighting import Level
from secagg.errors import UsageError
from secagg.merge.groups import Group, MergedSet
from secagg.model.problem import Problem, RunRecord
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import Origin, has_store, open_store_of
from secagg.report.findings import group_of
from secagg.system.git import git

if TYPE_CHECKING:
    from secagg.history import Store

# So many earlier runs are looked through for the commits at which problems were seen last.
_RUNS = 200
# Renames are followed from so many of these commits; older sightings are compared by name.
_DIFFS = 6
_ANCESTORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """Groups that were seen last at one commit, and the change since; ``gone`` were fixed."""

    groups: Sequence[Group]
    diff: Diff | None
    gone: bool


def recognize(
    merged: MergedSet, gate: Gate, origin: Origin, *, before: datetime.datetime
) -> list[str]:
    """Give the groups of ``merged`` the ids that the store knows them by; answers notes.

    The problems are those of the branch after its last run before the time ``before`` (UTC), or,
    of a branch without runs, those of the branch that it came from. Nothing happens where there
    is no store. Raises :class:`secagg.errors.StoreError`.
    """
    options = gate.options
    if not merged.groups or not has_store(options.store, gate.root):
        return []
    with open_store_of(options.store, gate.root) as store:
        known = list(_history(store, gate.root, origin, before))
    if not known:
        return []
    matches: dict[str, BaselineMatch] = {}
    for part in known:
        left = [group for group in merged.groups if group.identity not in matches]
        if not left:
            break
        found = compare(MergedSet(groups=left), part.groups, part.diff).matches
        if part.gone:
            # What was fixed in one version says nothing of another.
            by_identity = {group.identity: group for group in left}
            found = {
                identity: match
                for identity, match in found.items()
                if not differ(by_identity[identity], match.before)
            }
        matches |= found
    kept = [group for part in known for group in part.groups]
    carry_identities(merged.groups, Comparison(states={}, matches=matches), kept)
    if any(match.level is Level.OTHER_KEY for match in matches.values()):
        return [OTHER_KEY]
    return []


def _history(
    store: Store, root: Path, origin: Origin, before: datetime.datetime
) -> Iterator[_Before]:
    """The problems of the branch: the open ones first, and those seen last before others."""
    runs = _runs(store, root, origin)
    earlier = [run for run in runs if run.started_at < before]
    if not earlier:
        return
    last = earlier[0]
    as_of = None if last is runs[0] else last.key
    by_commit: dict[str | None, list[Problem]] = {}
    gone: list[Problem] = []
    commits = {run.started_at: run.commit for run in earlier}
    for problem in store.problems(last.repository, last.branch, as_of=as_of):
        if problem.fixed_at is not None:
            gone.append(problem)
            continue
        seen = problem.last_seen
        by_commit.setdefault(None if seen is None else commits.get(seen), []).append(problem)
    order = [commit for commit in dict.fromkeys(commits.values()) if commit in by_commit]
    for number, commit in enumerate(order):
        diff = _since(root, commit) if commit is not None and number < _DIFFS else None
        yield _before(by_commit.pop(commit), diff)
    for problems in by_commit.values():
        yield _before(problems, None)
    if gone:
        yield _before(gone, None, gone=True)


def _before(problems: Sequence[Problem], diff: Diff | None, *, gone: bool = False) -> _Before:
    return _Before(groups=[group_of(problem) for problem in problems], diff=diff, gone=gone)


def _runs(store: Store, root: Path, origin: Origin) -> list[RunRecord]:
    """The runs of the branch, newest first; else those of the branch that it came from."""
    runs = store.runs(origin.repository, origin.branch, limit=_RUNS)
    if runs:
        return runs
    others = store.runs(origin.repository, limit=_RUNS)
    commits = list(dict.fromkeys(run.commit for run in others if run.commit is not None))
    for commit in commits[:_ANCESTORS]:
        if git(root, "merge-base", "--is-ancestor", commit, "HEAD").code == 0:
            branch = next(run.branch for run in others if run.commit == commit)
            return [run for run in others if run.branch == branch]
    return []


def _since(root: Path, commit: str) -> Diff | None:
    """What has changed since ``commit``, the work tree included; None where git cannot tell."""
    try:
        ancestor = git(root, "merge-base", "--is-ancestor", commit, "HEAD").code == 0
        return read_diff(root, commit if ancestor else f"{commit}..HEAD")
    except UsageError:
        return None
