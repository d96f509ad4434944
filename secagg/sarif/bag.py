"""``properties.secagg``: what SARIF itself has no place for, as one documented object.

Its JSON Schema is ``secagg/schemas/properties.secagg.schema.json``. Version 1; later
versions only add. A member without a value is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secagg.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rating,
    SecretSighting,
    Severity,
    Vulnerability,
)

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
    references = finding.references
    if references:
        bag["references"] = references
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


def from_bag(finding: Finding, bag: Mapping[str, Any]) -> None:
    """Give ``finding`` what a bag of version 1 says, as far as it is well-formed.

    Identities are not taken over: they are worked out anew.
    """
    if bag.get("version") != VERSION:
        return
    try:
        kind, severity = Kind(bag["kind"]), Severity(bag["severity"])
    except (KeyError, ValueError):
        return
    finding.kind, finding.severity = kind, severity
    finding.severity_known = bag.get("severityKnown") is not False
    finding.tool = _text(bag, "tool") or finding.tool
    finding.rule_id = _text(bag, "ruleId") or finding.rule_id
    score = bag.get("score")
    finding.score = float(score) if isinstance(score, int | float) and 0 <= score <= 10 else None
    finding.cwes = _texts(bag, "cwes")
    finding.references = _texts(bag, "references")
    finding.fix = _text(bag, "fix")
    finding.license = _text(bag, "license")
    finding.component = _text(bag, "component")
    finding.ratings = tuple(_read_ratings(bag.get("ratings")))
    finding.package = finding.vulnerability = None
    finding.secret = finding.misconfiguration = None
    package, known = bag.get("package"), bag.get("vulnerability")
    if isinstance(package, Mapping) and isinstance(package.get("name"), str):
        finding.package = Package(
            type=_text(package, "type") or "generic",
            name=package["name"],
            version=_text(package, "version"),
            purl=_text(package, "purl"),
        )
    if isinstance(known, Mapping):
        finding.vulnerability = _read_vulnerability(known)
    sighting, failed = bag.get("secret"), bag.get("misconfiguration")
    if isinstance(sighting, Mapping):
        finding.secret = SecretSighting(
            id=_text(sighting, "id"),
            detector=_text(sighting, "detector") or finding.rule_id,
            decoder=_text(sighting, "decoder"),
            verified=_flag(sighting, "verified"),
            in_history=sighting.get("inHistory") is True,
        )
    if isinstance(failed, Mapping):
        finding.misconfiguration = Misconfiguration(
            checks=_texts(failed, "checks"),
            resource=_text(failed, "resource"),
            provider=_text(failed, "provider"),
        )
    place = bag.get("location")
    if isinstance(place, Mapping):
        where = finding.location
        where.commit, where.image = _text(place, "commit"), _text(place, "image")
        where.layer = _text(place, "layer")
        if place.get("wholeFile") is True:
            where.start_line = where.end_line = where.start_column = where.end_column = None


def _read_vulnerability(known: Mapping[str, Any]) -> Vulnerability:
    paths = known.get("dependencyPaths")
    epss = known.get("epss")
    return Vulnerability(
        aliases=_texts(known, "aliases"),
        fixed_versions=_texts(known, "fixedVersions"),
        dependency_paths=tuple(
            tuple(str(step) for step in path)
            for path in (paths if isinstance(paths, list) else ())
            if isinstance(path, list)
        ),
        direct=_flag(known, "direct"),
        scope=_text(known, "scope"),
        status=_text(known, "status"),
        epss=float(epss) if isinstance(epss, int | float) and 0 <= epss <= 1 else None,
        kev=_flag(known, "kev"),
        published=_text(known, "published"),
    )


def _read_ratings(ratings: Any) -> Iterator[Rating]:
    for rating in ratings if isinstance(ratings, list) else ():
        if isinstance(rating, Mapping) and rating.get("severity") in list(Severity):
            score = rating.get("score")
            yield Rating(
                source=_text(rating, "source") or "unknown",
                severity=Severity(rating["severity"]),
                score=float(score) if isinstance(score, int | float) else None,
                vector=_text(rating, "vector"),
            )


def _text(bag: Mapping[str, Any], key: str) -> str | None:
    value = bag.get(key)
    return value if isinstance(value, str) and value else None


def _texts(bag: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = bag.get(key)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _flag(bag: Mapping[str, Any], key: str) -> bool | None:
    value = bag.get(key)
    return value if isinstance(value, bool) else None


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
