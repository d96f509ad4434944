"""Recognize problems of the history in this scan, so that ids and decisions carry over.

An id is worked out of what a problem is and where it lies (``secagg/v1``). Where a file is
renamed, an advisory gets a CVE, one of two versions of a package goes, or the key for secrets
is another, the id that is worked out is another too, or is that of another problem. So a scan
that has a history takes over the ids of the problems that it knows again, and a decision, an age
or an alert stays with its problem.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.change.baseline import OTHER_KEY_NOTE, BaselineMatch, Comparison, compare
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.change.sighting import MatchLevel
from secagg.errors import UsageError
from secagg.merge import known_as
from secagg.merge.groups import Group, MergedSet, identity_of
from secagg.model.finding import Kind
from secagg.model.problem import Problem, RunRecord
from secagg.packages.keys import version_key
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
        history = list(_history(store, gate.root, origin, before))
    if not history:
        return []
    matches: dict[str, BaselineMatch] = {}
    for part in history:
        left = [group for group in merged.groups if group.identity not in matches]
        if not left:
            break
        recognized = compare(MergedSet(groups=left), part.groups, part.diff).matches
        if part.gone:
            # What was fixed in one version says nothing of another.
            by_identity = {group.identity: group for group in left}
            recognized = {
                identity: match
                for identity, match in recognized.items()
                if not differ(by_identity[identity], match.before)
            }
        matches |= recognized
    kept = [group for part in history for group in part.groups]
    carry_identities(merged.groups, Comparison(states={}, matches=matches), kept)
    if any(match.level is MatchLevel.OTHER_KEY for match in matches.values()):
        return [OTHER_KEY_NOTE]
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


def carry_identities(groups: Sequence[Group], comparison: Comparison, kept: Iterable[Group]) -> int:
    """Give each of ``groups`` the id of the group that ``comparison`` knows it as.

    ``kept`` are all groups of the history, gone ones too: no other problem takes an id of theirs.
    Sets ``identity`` and ``names``, and what ``related`` and ``near_misses`` call them by; answers
    how many ids are others than those worked out.
    """
    before = {identity: match.before for identity, match in comparison.matches.items()}
    owners = {group.identity: group for group in kept}
    taken = {match.identity for match in before.values()}
    renamed: dict[str, str] = {}
    for group in groups:
        earlier = before.get(group.identity)
        if earlier is not None:
            renamed[group.identity] = earlier.identity
    for group in groups:
        if group.identity not in renamed and not _is_free(group, taken, owners):
            renamed[group.identity] = _another(group, taken | owners.keys())
            taken.add(renamed[group.identity])
    given = {renamed.get(group.identity, group.identity) for group in groups}
    changed = 0
    for group in groups:
        earlier, worked_out = before.get(group.identity), group.identity
        identity = renamed.get(worked_out, worked_out)
        names = dict.fromkeys((identity, *known_as(group)))
        own = [name for name in names if name != identity]
        own = [name for name in own if _may_go_by(group, name, earlier, given, owners)]
        group.names = (identity, *own)
        changed += identity != worked_out
        group.identity = identity
    _relink(groups, renamed)
    return changed


def _is_free(group: Group, taken: Set[str], owners: Mapping[str, Group]) -> bool:
    """Whether a new problem may have the id that was worked out for it.

    That of a problem that is gone is its own if it is back.
    """
    owner = owners.get(group.identity)
    return group.identity not in taken and (owner is None or not differ(group, owner))


def _another(group: Group, taken: Set[str]) -> str:
    """An id for a problem whose own was given to another one."""
    number = 2
    while True:
        made = identity_of(group.representative.kind, group.identity, str(number))
        if made not in taken:
            return made
        number += 1


def _may_go_by(
    group: Group,
    name: str,
    known: Group | None,
    given: Set[str],
    owners: Mapping[str, Group],
) -> bool:
    """Whether ``name`` is no other problem's: neither one of this scan's nor one of before."""
    if name in given:
        return False
    owner = owners.get(name)
    return owner is None or owner is known or not differ(group, owner)


def differ(one: Group, other: Group) -> bool:
    """Return whether two groups cannot be one problem: other versions, values or resources."""
    if one.representative.kind is not other.representative.kind:
        return True
    mine, theirs = _versions(one), _versions(other)
    if mine and theirs and not mine & theirs:
        return True
    # Hashes of two keys say nothing of each other.
    keys = {key for key, _ in _values(one)} & {key for key, _ in _values(other)}
    mine, theirs = ({v for key, v in _values(group) if key in keys} for group in (one, other))
    return bool(mine and theirs) and not mine & theirs


def _versions(group: Group) -> set[str]:
    return {
        version_key(f.package.type, f.package.version)
        for f in group.members
        if f.package is not None and f.package.version
    }


def _values(group: Group) -> set[tuple[str | None, str]]:
    """The hashes of a secret's value, each with the name of its key."""
    if group.representative.kind is not Kind.SECRET:
        return set()
    return {
        (f.secret.key, f.secret.id)
        for f in group.members
        if f.secret is not None and f.secret.id is not None
    }


def _relink(groups: Sequence[Group], renamed: Mapping[str, str]) -> None:
    for group in groups:
        if group.related:
            group.related = [renamed.get(name, name) for name in group.related]
        for near in group.near_misses:
            near.identity = renamed.get(near.identity, near.identity)
