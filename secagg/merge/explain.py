"""Explain a group: its members, the reasons that joined them, and the groups kept apart."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from secagg.merge.groups import Group, MergedSet, NearMiss, Reason, find_group, known_as
from secagg.merge.overrule import OVERRULED
from secagg.merge.part import aliases_of
from secagg.merge.secret import still_in_head
from secagg.model.finding import Finding, Kind
from secagg.packages.advisories import Advisories
from secagg.packages.keys import package_key


class Link(Struct, frozen=True, kw_only=True):
    """Another group, and why it is mentioned."""

    group: Group
    why: str


class Explanation(Struct, frozen=True, kw_only=True):
    """The explanation of ``group``, for a command to print.

    ``reasons`` name the key that joined members (by index); ``overrules`` are the reasons that a
    person decided. ``kept_apart`` are near misses with why they were not joined, ``related`` the
    linked groups. ``in_head`` tells whether a secret is in the work tree and not only in history;
    it is None for other kinds.
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
    """Explain the group with the id ``identity``, which may be shortened.

    Raises :class:`secagg.errors.UsageError` if there is no such group, or more than one.
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
            *_at_other_places(group, merged.groups),
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


def _at_other_places(group: Group, groups: Sequence[Group], most: int = 20) -> list[Link]:
    """Link the groups with the same advisory and package at other places."""
    if group.members[0].kind is not Kind.VULNERABILITY:
        return []
    advisories = Advisories()

    def advisory_and_package(other: Group) -> tuple[str, str]:
        first = other.representative
        return advisories.canonical(aliases_of(first)).id, package_key(first.package)

    key = advisory_and_package(group)
    excluded = {miss.identity for miss in group.near_misses} | {group.identity}
    candidates = (
        other
        for other in groups
        if other.members[0].kind is Kind.VULNERABILITY and other.identity not in excluded
    )
    same = [other for other in candidates if advisory_and_package(other) == key]
    return [Link(group=other, why="the same advisory at another place") for other in same[:most]]


def _is_about(warning: str, group: Group) -> bool:
    names = {alias for f in group.members for alias in aliases_of(f)}
    return any(name in warning for name in names)
