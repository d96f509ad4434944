"""Merge the findings of all tools into one group for each problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from secagg.merge.code import join_code
from secagg.merge.groups import MergedSet, MergeOutcome, Reason, identity_of, in_order
from secagg.merge.misconfiguration import join_misconfigurations
from secagg.merge.overrule import Overrule, apply_overrules
from secagg.merge.representative import Preference
from secagg.merge.secret import join_secrets
from secagg.merge.vulnerability import join_vulnerabilities
from secagg.model.finding import Finding, Kind
from secagg.model.place import package_place
from secagg.packages.keys import package_key
from secagg.parsing import without_collecting


def join_licenses(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Add groups of ``findings`` (all about licences) to ``out``."""
    by_key: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        package = finding.package
        place = package_place(finding.location, "" if package is None else package.type)
        name = license_key(finding.license or finding.rule_id)
        by_key.setdefault((name, package_key(package), place), []).append(finding)
    for key, licences in by_key.items():
        reasons = []
        if len(licences) > 1:
            members = tuple(range(len(licences)))
            reasons.append(Reason(rule="license", key=f"{key[0]} of {key[1]}", members=members))
        out.group(identity_of(Kind.LICENSE, *key), in_order(licences), reasons)


def license_key(name: str) -> str:
    """Normalize an SPDX id: ``GPL-3.0`` is the old name of ``GPL-3.0-only``."""
    return name.strip().lower().removesuffix("-only")


_JOIN: dict[Kind, Callable[[Iterable[Finding], MergeOutcome], None]] = {
    Kind.VULNERABILITY: join_vulnerabilities,
    Kind.SECRET: join_secrets,
    Kind.CODE: join_code,
    Kind.MISCONFIGURATION: join_misconfigurations,
    Kind.LICENSE: join_licenses,
}


def merge(
    findings: Iterable[Finding],
    *,
    overrules: Sequence[Overrule] = (),
    preference: Preference | None = None,
) -> MergedSet:
    """Group ``findings`` so that each group is one problem; groups are sorted by identity.

    Every finding is a member of exactly one group, and none is changed. The result does not
    depend on the order of ``findings``. ``overrules`` are decisions of people, which outrank the
    merging rules; ``preference`` says how representatives are chosen.
    """
    by_kind: dict[Kind, list[Finding]] = {kind: [] for kind in Kind}
    for finding in findings:
        by_kind[finding.kind].append(finding)
    outcome = MergeOutcome(preference or Preference())
    with without_collecting():
        for kind, of_kind in by_kind.items():
            if of_kind:
                _JOIN[kind](of_kind, outcome)
    merged = MergedSet(groups=outcome.groups, warnings=sorted(outcome.warnings))
    if overrules:
        apply_overrules(merged, overrules, outcome)
    merged.groups.sort(key=attrgetter("identity"))
    return merged
