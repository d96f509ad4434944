"""Why a group is a group: its members, what joined them, and what was kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from secagg.merge.groups import Group, MergedSet, NearMiss, Reason, find_group, known_as
from secagg.merge.overrule import OVERRULED
from secagg.merge.part import aliases_of
from secagg.merge.secret import still_in_head
from secagg.model.finding import Finding, Kind
from secagg.packages.advisories import Advisories
from secagg.packages.keys import package_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Another group, and why it is told of."""

    group: Group
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known on why ``group`` stands as it does; for a command to print.

    ``reasons`` say which key joined which members (by index); ``overrules`` are those of them
    that a person decided. ``kept_apart`` are near misses with why they were not joined,
    ``related`` the linked groups. ``in_head`` is None for what is no secret, else whether it
    is still in the work tree rather than in history only.
    """

    group: Group
    members: Sequence[Finding]
    reasons: Sequence[Reason]
    overrules: Sequence[Reason]
    kept_apart: Sequence[Link]
    related: Sequence[Link]
    known_as: Sequence[str]
    in_head: bool | None = None
    warnings: Sequence[str] = field(default_factory=tuple)


def explain(merged: MergedSet, identity: str) -> Explanation:
    """Explain the group with the id ``identity``, or by an id that begins so.

    Raises :class:`secagg.errors.UsageError` if there is none or more than one.
    """
    groups = {group.identity: group for group in merged.groups}
    group = find_group(merged.groups, identity)
    near = [miss for miss in group.near_misses if miss.identity in groups]
    related = [groups[other] for other in group.related if other in groups]
    return Explanation(
        group=group,
        members=group.members,
        reasons=[r for r in group.reasons if r.rule != OVERRULED],
        overrules=[r for r in group.reasons if r.rule == OVERRULED],
        kept_apart=[Link(group=groups[miss.identity], why=miss.why) for miss in _distinct(near)],
        related=[
            *(Link(group=other, why=_why_related(group, other)) for other in related),
            *_elsewhere(group, merged.groups),
        ],
        known_as=known_as(group),
        in_head=still_in_head(group) if group.members[0].kind is Kind.SECRET else None,
        warnings=[warning for warning in merged.warnings if _is_about(warning, group)],
    )


def _distinct(misses: Sequence[NearMiss]) -> list[NearMiss]:
    return list({(miss.identity, miss.why): miss for miss in misses}.values())


def _why_related(group: Group, other: Group) -> str:
    if group.members[0].kind is Kind.SECRET:
        return "the same value in another file"
    lines = [one.representative.location.start_line for one in (group, other)]
    return "in the same file" if None in lines else "on the same lines"


def _elsewhere(group: Group, groups: Sequence[Group], most: int = 20) -> list[Link]:
    """The same advisory in the same package at other places."""
    if group.members[0].kind is not Kind.VULNERABILITY:
        return []
    advisories = Advisories()

    def named(other: Group) -> tuple[str, str]:
        first = other.representative
        return advisories.canonical(aliases_of(first)).id, package_key(first.package)

    own = named(group)
    apart = {miss.identity for miss in group.near_misses} | {group.identity}
    candidates = (
        other
        for other in groups
        if other.members[0].kind is Kind.VULNERABILITY and other.identity not in apart
    )
    same = [other for other in candidates if named(other) == own]
    return [Link(group=other, why="the same advisory at another place") for other in same[:most]]


def _is_about(warning: str, group: Group) -> bool:
    names = {alias for f in group.members for alias in aliases_of(f)}
    return any(name in warning for name in names)
