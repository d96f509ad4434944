"""``properties.secagg``: what SARIF itself has no place for, as one documented object.

Its JSON Schema is ``secagg/schemas/properties.secagg.schema.json``. Version 1; later
versions only add. A member without a value is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.finding import Finding, Location, Package, Rating

VERSION = 1


def to_bag(finding: Finding) -> dict[str, Any]:
    """The bag of one finding."""
    bag: dict[str, Any] = {
        "version": VERSION,
        "tool": finding.tool,
        "kind": finding.kind.value,
        "severity": finding.severity.value,
    }
    if not finding.severity_known:
        bag["severityKnown"] = False
    if finding.score is not None:
        bag["score"] = finding.score
    if finding.identity:
        bag["identity"] = finding.identity
    if finding.component is not None:
        bag["component"] = finding.component
    if finding.package is not None:
        bag["package"] = _package(finding.package)
    if finding.vulnerability is not None:
        bag["vulnerability"] = _vulnerability(finding)
    if finding.secret is not None:
        bag["secret"] = _secret(finding)
    if finding.misconfiguration is not None:
        bag["misconfiguration"] = _misconfiguration(finding)
    if finding.license:
        bag["license"] = finding.license
    if finding.cwes:
        bag["cwes"] = finding.cwes
    if finding.ratings:
        bag["ratings"] = [_rating(rating) for rating in finding.ratings]
    if finding.fix:
        bag["fix"] = finding.fix
    if finding.references:
        bag["references"] = finding.references
    place = _place(finding.location)
    if place:
        bag["location"] = place
    return bag


def source_bag(finding: Finding) -> dict[str, Any]:
    """How a group names one of its members in ``properties.secagg.sources``."""
    bag: dict[str, Any] = {
        "tool": finding.tool,
        "ruleId": finding.rule_id,
        "severity": finding.severity.value,
    }
    place = finding.location
    _add(
        bag,
        score=finding.score,
        identity=finding.identity or None,
        uri=place.uri,
        startLine=place.start_line,
        commit=place.commit,
        package=None if finding.package is None else _package(finding.package),
        detector=None if finding.secret is None else finding.secret.detector,
        decoder=None if finding.secret is None else finding.secret.decoder,
        verified=None if finding.secret is None else finding.secret.verified,
    )
    return bag


def _add(bag: dict[str, Any], **values: Any) -> dict[str, Any]:
    for key, value in values.items():
        if value is not None and value != ():
            bag[key] = value
    return bag


def _package(package: Package) -> dict[str, Any]:
    bag = {"type": package.type, "name": package.name}
    if package.version:
        bag["version"] = package.version
    if package.purl:
        bag["purl"] = package.purl
    return bag


def _vulnerability(finding: Finding) -> Mapping[str, Any]:
    known = finding.vulnerability
    assert known is not None
    return _add(
        {"aliases": known.aliases},
        fixedVersions=known.fixed_versions,
        dependencyPaths=known.dependency_paths,
        direct=known.direct,
        scope=known.scope,
        status=known.status,
        epss=known.epss,
        kev=known.kev,
        published=known.published,
    )


def _secret(finding: Finding) -> Mapping[str, Any]:
    known = finding.secret
    assert known is not None
    return _add(
        {"detector": known.detector},
        id=known.id,
        decoder=known.decoder,
        verified=known.verified,
        inHistory=known.in_history or None,
    )


def _misconfiguration(finding: Finding) -> Mapping[str, Any]:
    known = finding.misconfiguration
    assert known is not None
    return _add({"checks": known.checks}, resource=known.resource, provider=known.provider)


def _rating(rating: Rating) -> Mapping[str, Any]:
    bag = {"source": rating.source, "severity": rating.severity.value}
    return _add(bag, score=rating.score, vector=rating.vector)


def _place(place: Location) -> Mapping[str, Any]:
    if place.commit is None and place.image is None and place.layer is None:
        return {}
    return _add({}, commit=place.commit, image=place.image, layer=place.layer)
