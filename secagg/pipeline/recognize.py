"""Match the groups of a scan with problems of the history, and give them the same ids.

An id is computed from what a problem is and where it is (``secagg/v1``). It changes, or becomes
that of another problem, when a file is renamed, an advisory gets a CVE, one of two versions of a
package goes, or the key for secrets changes. A scan with a history keeps the stored id, so that
decisions, ages and alerts stay with their problem.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from secagg.change.baseline import OTHER_KEY_NOTE, BaselineMatch, Comparison, match_groups
from secagg.change.diff import read_diff
from secagg.change.groupkeys import MatchLevel
from secagg.change.model import Diff
from secagg.errors import UsageError
from secagg.merge import known_as
from secagg.merge.groups import Group, MergedSet, identity_of
from secagg.model.finding import Kind
from secagg.packages.keys import version_key
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import Origin, has_store, open_store_of
from secagg.system.git import git

if TYPE_CHECKING:
    from secagg.history import Store
    from secagg.model.problem import Problem, RunRecord

# How many earlier runs tell at which commit a problem was seen last.
_MOST_RUNS = 200
# From how many of these commits renames are followed; older problems are compared by path.
_MOST_DIFFS = 6
# How many commits of other branches are tried as ancestors of HEAD.
_MOST_ANCESTORS = 20


class _KnownGroups(Struct, frozen=True, kw_only=True):
    """Groups of the history that were seen last at one commit, and the diff since.

    ``fixed`` says that they were fixed since.
    """

    groups: Sequence[Group]
    diff: Diff | None
    fixed: bool


def recognize(
    merged: MergedSet, gate: Gate, origin: Origin, *, before: datetime.datetime
) -> list[str]:
    """Give the groups of ``merged`` their ids in the store, and return notes.

    Compares with the problems of the branch after its last run before ``before`` (UTC), or, for a
    branch without runs, of the branch that it came from. Does nothing where there is no store.
    Raises :class:`secagg.errors.StoreError`.
    """
    options = gate.options
    if not merged.groups or not has_store(options.store, gate.root):
        return []
    with open_store_of(options.store, gate.root) as store:
        history = list(_history(store, gate.root, origin, before))
    if not history:
        return []
    matches: dict[str, BaselineMatch] = {}
    for known in history:
        unmatched = [group for group in merged.groups if group.identity not in matches]
        if not unmatched:
            break
        recognized = match_groups(unmatched, known.groups, known.diff)
        if known.fixed:
            # The problem of another version of the package is not the one that was fixed.
            by_identity = {group.identity: group for group in unmatched}
            recognized = {
                identity: match
                for identity, match in recognized.items()
                if not differ(by_identity[identity], match.before)
            }
        matches |= recognized
    known_groups = [group for known in history for group in known.groups]
    carry_identities(merged.groups, Comparison(states={}, matches=matches), known_groups)
    if any(match.level is MatchLevel.OTHER_KEY for match in matches.values()):
        return [OTHER_KEY_NOTE]
    return []


def carry_identities(
    groups: Sequence[Group], comparison: Comparison, known_groups: Iterable[Group]
) -> int:
    """Give each of ``groups`` the id of its match in ``comparison``; return how many ids changed.

    ``known_groups`` are all groups of the history, fixed ones too: no other group takes one of
    their ids. Sets ``identity`` and ``names``, and updates ``related`` and ``near_misses``.
    """
    matches = {identity: match.before for identity, match in comparison.matches.items()}
    owners = {group.identity: group for group in known_groups}
    taken = {match.identity for match in matches.values()}
    new_ids = {
        group.identity: matches[group.identity].identity
        for group in groups
        if group.identity in matches
    }
    for group in groups:
        if group.identity not in new_ids and not _may_keep_identity(group, taken, owners):
            new_ids[group.identity] = _unused_identity(group, taken | owners.keys())
            taken.add(new_ids[group.identity])
    identities = {new_ids.get(group.identity, group.identity) for group in groups}
    changed = 0
    for group in groups:
        match, computed = matches.get(group.identity), group.identity
        identity = new_ids.get(computed, computed)
        aliases = [
            name
            for name in dict.fromkeys(known_as(group))
            if name != identity and _may_have_alias(group, name, match, identities, owners)
        ]
        group.names = (identity, *aliases)
        changed += identity != computed
        group.identity = identity
    _update_references(groups, new_ids)
    return changed


def differ(first: Group, second: Group) -> bool:
    """Return whether two groups cannot be one problem: other versions, values or resources."""
    if first.representative.kind is not second.representative.kind:
        return True
    first_values, second_values = _versions(first), _versions(second)
    if first_values and second_values and not first_values & second_values:
        return True
    # Only hashes under the same key can be compared.
    keys = {key for key, _ in _secret_hashes(first)} & {key for key, _ in _secret_hashes(second)}
    first_values, second_values = (
        {value for key, value in _secret_hashes(group) if key in keys} for group in (first, second)
    )
    return bool(first_values and second_values) and not first_values & second_values


def _history(
    store: Store, root: Path, origin: Origin, before: datetime.datetime
) -> Iterator[_KnownGroups]:
    """Yield the problems of the branch by commit, the newest first and the fixed ones last."""
    runs = _branch_runs(store, root, origin)
    earlier = [run for run in runs if run.started_at < before]
    if not earlier:
        return
    last = earlier[0]
    as_of = None if last is runs[0] else last.key
    by_commit: dict[str | None, list[Problem]] = {}
    fixed: list[Problem] = []
    commits = {run.started_at: run.commit for run in earlier}
    for problem in store.problems(last.repository, last.branch, as_of=as_of):
        if problem.fixed_at is not None:
            fixed.append(problem)
            continue
        last_seen = problem.last_seen
        by_commit.setdefault(None if last_seen is None else commits.get(last_seen), []).append(
            problem
        )
    order = [commit for commit in dict.fromkeys(commits.values()) if commit in by_commit]
    for index, commit in enumerate(order):
        diff = _diff_since(root, commit) if commit is not None and index < _MOST_DIFFS else None
        yield _known_groups(by_commit.pop(commit), diff)
    for problems in by_commit.values():
        yield _known_groups(problems, None)
    if fixed:
        yield _known_groups(fixed, None, fixed=True)


def _known_groups(
    problems: Sequence[Problem], diff: Diff | None, *, fixed: bool = False
) -> _KnownGroups:
    from secagg.report.findings import group_of

    return _KnownGroups(groups=[group_of(problem) for problem in problems], diff=diff, fixed=fixed)


def _branch_runs(store: Store, root: Path, origin: Origin) -> list[RunRecord]:
    """Return the runs of the branch, newest first; else those of the branch that it came from."""
    runs = store.runs(origin.repository, origin.branch, limit=_MOST_RUNS)
    if runs:
        return runs
    all_runs = store.runs(origin.repository, limit=_MOST_RUNS)
    commits = list(dict.fromkeys(run.commit for run in all_runs if run.commit is not None))
    for commit in commits[:_MOST_ANCESTORS]:
        if git(root, "merge-base", "--is-ancestor", commit, "HEAD").code == 0:
            branch = next(run.branch for run in all_runs if run.commit == commit)
            return [run for run in all_runs if run.branch == branch]
    return []


def _diff_since(root: Path, commit: str) -> Diff | None:
    """Return the diff since ``commit``, with the work tree; None where git cannot tell."""
    try:
        ancestor = git(root, "merge-base", "--is-ancestor", commit, "HEAD").code == 0
        return read_diff(root, commit if ancestor else f"{commit}..HEAD")
    except UsageError:
        return None


def _may_keep_identity(group: Group, taken: Set[str], owners: Mapping[str, Group]) -> bool:
    """Return whether a group without a match may have its computed id.

    It may have that of a fixed problem if it can be the same problem.
    """
    owner = owners.get(group.identity)
    return group.identity not in taken and (owner is None or not differ(group, owner))


def _unused_identity(group: Group, taken: Set[str]) -> str:
    """Return an id for a group whose computed id belongs to another."""
    identities = (
        identity_of(group.representative.kind, group.identity, str(number))
        for number in itertools.count(2)
    )
    return next(identity for identity in identities if identity not in taken)


def _may_have_alias(
    group: Group,
    name: str,
    match: Group | None,
    identities: Set[str],
    owners: Mapping[str, Group],
) -> bool:
    """Return whether ``name`` belongs to no other problem, of this scan or of the history."""
    if name in identities:
        return False
    owner = owners.get(name)
    return owner is None or owner is match or not differ(group, owner)


def _versions(group: Group) -> set[str]:
    return {
        version_key(finding.package.type, finding.package.version)
        for finding in group.members
        if finding.package is not None and finding.package.version
    }


def _secret_hashes(group: Group) -> set[tuple[str | None, str]]:
    """Return the hashes of a secret's value, each with the name of its key."""
    if group.representative.kind is not Kind.SECRET:
        return set()
    return {
        (finding.secret.key, finding.secret.id)
        for finding in group.members
        if finding.secret is not None and finding.secret.id is not None
    }


def _update_references(groups: Sequence[Group], renamed: Mapping[str, str]) -> None:
    for group in groups:
        if group.related:
            group.related = [renamed.get(identity, identity) for identity in group.related]
        for near_miss in group.near_misses:
            near_miss.identity = renamed.get(near_miss.identity, near_miss.identity)
