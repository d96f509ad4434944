"""Licences: the same licence of the same package at the same place is one finding."""

from __future__ import annotations

from collections.abc import Iterable

from secagg.merge.collect import MergeOutcome, in_order
from secagg.merge.groups import Reason
from secagg.merge.identity import identity_of
from secagg.model.finding import Finding, Kind
from secagg.model.place import package_place
from secagg.packages.keys import package_key


def join_licenses(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Put groups of ``findings`` (all of them about licences) into ``out``."""
    held: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        package = finding.package
        place = package_place(finding.location, "" if package is None else package.type)
        name = license_key(finding.license or finding.rule_id)
        held.setdefault((name, package_key(package), place), []).append(finding)
    for key, found in held.items():
        reasons = []
        if len(found) > 1:
            members = tuple(range(len(found)))
            reasons.append(Reason(rule="license", key=f"{key[0]} of {key[1]}", members=members))
        out.group(identity_of(Kind.LICENSE, *key), in_order(found), reasons)


def license_key(name: str) -> str:
    """An SPDX id in one spelling: ``GPL-3.0`` is the old name of ``GPL-3.0-only``."""
    return name.strip().lower().removesuffix("-only")
