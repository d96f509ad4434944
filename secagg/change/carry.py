"""The ids that an earlier scan gave: a problem that is known again keeps its own.

An id is worked out of what a problem is and where it lies (``secagg/v1``). Where a file is
renamed, an advisory gets a CVE, one of two versions of a package goes, or the key for secrets
is another, the id that is worked out is another too, or is that of another problem. So a scan
that has a history takes over the ids of the problems that it knows again, and a decision, an age
or an alert stays with its problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from secagg.change.baseline import Comparison
from secagg.merge import known_as
from secagg.merge.groups import Group
from secagg.merge.identity import identity_of
from secagg.model.finding import Kind
from secagg.packages.keys import version_key


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
        known = before.get(group.identity)
        if known is not None:
            renamed[group.identity] = known.identity
    for group in groups:
        if group.identity not in renamed and not _is_free(group, taken, owners):
            renamed[group.identity] = _another(group, taken | owners.keys())
            taken.add(renamed[group.identity])
    given = {renamed.get(group.identity, group.identity) for group in groups}
    changed = 0
    for group in groups:
        known, worked_out = before.get(group.identity), group.identity
        identity = renamed.get(worked_out, worked_out)
        names = dict.fromkeys((identity, *known_as(group)))
        own = [name for name in names if name != identity]
        own = [name for name in own if _may_go_by(group, name, known, given, owners)]
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
    """Whether two groups cannot be one problem: other versions, values or resources."""
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
