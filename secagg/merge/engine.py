"""Findings in, groups out: each kind by its own rules, every finding in exactly one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from secagg.finding import Finding, Kind
from secagg.identity import place_of, secret_identity, vulnerability_identity
from secagg.merge.groups import Group, MergedSet, Reason
from secagg.merge.joining import Joining
from secagg.merge.places import join_code, join_licenses, join_misconfigurations, join_secrets
from secagg.merge.represent import represent
from secagg.merge.vulnerabilities import aliases_of, join_vulnerabilities, one_place

_JOINED_BY_PLACE = {
    Kind.SECRET: join_secrets,
    Kind.CODE: join_code,
    Kind.MISCONFIGURATION: join_misconfigurations,
    Kind.LICENSE: join_licenses,
}


def merge(findings: Iterable[Finding]) -> MergedSet:
    """The groups of ``findings``: those that are one real problem, and why they are.

    The identities of the findings must have been set (:func:`secagg.identity.mark_findings`).
    The answer depends on the set of findings and not on their order.
    """
    by_kind: defaultdict[Kind, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.kind].append(finding)
    merged = MergedSet()
    for kind in Kind:
        found = by_kind.get(kind, [])
        if kind is Kind.VULNERABILITY:
            joining, warnings = join_vulnerabilities(found)
            merged.warnings += warnings
        else:
            joining = _JOINED_BY_PLACE[kind](found)
        merged.groups += _groups(found, joining)
    _relate_secrets(merged.groups)
    return merged


def _groups(findings: Sequence[Finding], joining: Joining) -> list[Group]:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in range(len(findings)):
        members[joining.find(index)].append(index)
    reasons: defaultdict[int, list[tuple[str, str, int, int]]] = defaultdict(list)
    for reason in joining.reasons:
        reasons[joining.find(reason[2])].append(reason)
    return [
        _group([findings[i] for i in indices], indices, reasons.get(root, []))
        for root, indices in members.items()
    ]


def _group(
    members: list[Finding], indices: list[int], reasons: list[tuple[str, str, int, int]]
) -> Group:
    position = {index: place for place, index in enumerate(indices)}
    return Group(
        identity=group_identity(members),
        representative=represent(members),
        members=members,
        reasons=[
            Reason(rule=rule, key=key, members=(position[first], position[second]))
            for rule, key, first, second in reasons
        ],
    )


def group_identity(members: Sequence[Finding]) -> str:
    """The identity over time: that of the problem, not of any one tool's report of it."""
    if len(members) == 1:
        return members[0].identity
    first = members[0]
    if first.kind is Kind.VULNERABILITY and first.package is not None:
        aliases = set().union(*(aliases_of(member) for member in members))
        places = {place_of(member.location) for member in members}
        # One tool names the manifest, another its lock file: the lock file is what is scanned.
        place = max(places, key=lambda p: (one_place(p) != p, "lock" in p, p))
        numbered = {member.identity for member in members}
        plain = vulnerability_identity(aliases, first.package, place)
        alone = [
            vulnerability_identity(aliases_of(m), m.package, place_of(m.location)) for m in members
        ]
        # A second version of the package in one manifest carries a number of its own.
        return plain if numbered & set(alone) else min(numbered)
    if first.kind is Kind.SECRET:
        known = [m for m in members if m.secret is not None and m.secret.id is not None]
        if known and known[0].secret is not None and known[0].secret.id is not None:
            return secret_identity(known[0].secret.id, place_of(known[0].location))
    return min(member.identity for member in members)


def _relate_secrets(groups: Sequence[Group]) -> None:
    """Link the groups of one secret in several files."""
    same: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        ids = {m.secret.id for m in group.members if m.secret is not None and m.secret.id}
        for id_ in ids:
            same[id_].append(group)
    for linked in same.values():
        for group in linked[:100]:
            others = [g.identity for g in linked[:100] if g is not group]
            group.related = sorted({*group.related, *others})
