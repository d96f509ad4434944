"""Links between groups of one file that lie on the same lines and were not merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from secagg.merge.groups import Group, NearMiss

# So many following neighbours of a group are looked at to link what is nearby.
_NEIGHBOURS = 4


def link_neighbours(
    groups: Sequence[tuple[Group, int, int]], same: Mapping[str, frozenset[str]]
) -> None:
    """Link groups (with first and last line) of one file that overlap.

    ``same`` gives what each group (by identity) is about: those that share something were
    near misses, the others are related. A group is linked to a few neighbours only, however
    many there are.
    """
    related: dict[str, list[str]] = {}
    near: dict[str, list[NearMiss]] = {}
    for one, other in _overlapping(groups):
        shared = same[one.identity] & same[other.identity]
        if not shared:
            related.setdefault(one.identity, []).append(other.identity)
            related.setdefault(other.identity, []).append(one.identity)
            continue
        why = _why(one, other, min(shared))
        near.setdefault(one.identity, []).append(NearMiss(identity=other.identity, why=why))
        near.setdefault(other.identity, []).append(NearMiss(identity=one.identity, why=why))
    for group, _, _ in groups:
        if group.identity in related:
            group.related = (*group.related, *related[group.identity])
        if group.identity in near:
            group.near_misses = (*group.near_misses, *near[group.identity])


def _overlapping(groups: Sequence[tuple[Group, int, int]]) -> Iterator[tuple[Group, Group]]:
    ordered = sorted(groups, key=lambda item: (item[1], item[2], item[0].identity))
    for at, (group, _, last) in enumerate(ordered):
        for other, first, _ in ordered[at + 1 : at + 1 + _NEIGHBOURS]:
            if first > last:
                break
            yield group, other


def _why(one: Group, other: Group, label: str) -> str:
    tools = sorted({f.tool for f in one.members} & {f.tool for f in other.members})
    if tools:
        return f"{label} too, but {' and '.join(tools)} reports both"
    return f"{label} too, but it is unclear which of several results it is"
