"""``properties.secagg``: what SARIF itself has no place for, as one documented object.

Its JSON Schema is ``secagg/schemas/properties.secagg.schema.json``. Version 1; later
versions only add. A member without a value is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from secagg.jsonio.members import as_list, objects_in, text_at
from secagg.model.finding import (
    Finding,
    Kind,
    Misconfiguration,
    Package,
    Rating,
    SecretSighting,
    Severity,
    Vulnerability,
)

VERSION = 1

_S = TypeVar("_S", bound=Struct)


class _Part(Struct, omit_defaults=True, rename="camel", gc=False):
    """A part of the bag. Packages, ratings and other Structs of the model are written unchanged."""


class PlaceBag(_Part, kw_only=True):
    """The facts about a location that SARIF has no members for."""

    commit: str | None = None
    image: str | None = None
    layer: str | None = None
    digests: Sequence[str] = ()
    whole_file: bool = False


class SourceBag(_Part, kw_only=True):
    """How a group names one of its members in ``properties.secagg.sources``."""

    tool: str
    rule_id: str
    severity: Severity
    score: float | None = None
    identity: str = ""
    uri: str | None = None
    start_line: int | None = None
    commit: str | None = None
    package: Package | None = None
    detector: str | None = None
    decoder: str | None = None
    verified: bool | None = None

    @classmethod
    def of(cls, finding: Finding) -> SourceBag:
        """Make the bag of one member."""
        place, secret = finding.location, finding.secret
        return cls(
            tool=finding.tool,
            rule_id=finding.rule_id,
            severity=finding.severity,
            score=finding.score,
            identity=finding.identity,
            uri=place.uri,
            start_line=place.start_line,
            commit=place.commit,
            package=finding.package,
            detector=None if secret is None else secret.detector,
            decoder=None if secret is None else secret.decoder,
            verified=None if secret is None else secret.verified,
        )


class Bag(_Part, kw_only=True):
    """The bag of one finding."""

    version: int
    tool: str
    kind: Kind
    severity: Severity
    severity_known: bool = True
    score: float | None = None
    identity: str = ""
    component: str | None = None
    package: Package | None = None
    vulnerability: Vulnerability | Mapping[str, Any] | None = None
    secret: SecretSighting | Mapping[str, Any] | None = None
    misconfiguration: Misconfiguration | Mapping[str, Any] | None = None
    license: str | None = None
    cwes: Sequence[str] = ()
    ratings: Sequence[Rating] = ()
    fix: str | None = None
    references: Sequence[str] = ()
    location: PlaceBag | None = None
    rule_id: str | None = None
    sources: Sequence[SourceBag] = ()

    @classmethod
    def of(cls, finding: Finding, *, whole_file: bool = False) -> Bag:
        """Make the bag of ``finding``; ``whole_file`` if its line in SARIF is made up."""
        place = finding.location
        bag = cls(
            version=VERSION,
            tool=finding.tool,
            kind=finding.kind,
            severity=finding.severity,
            severity_known=finding.severity_known,
            score=finding.score,
            identity=finding.identity,
            component=finding.component,
            package=finding.package,
            license=finding.license or None,
            cwes=finding.cwes,
            ratings=finding.ratings,
            fix=finding.fix or None,
            references=finding.references,
        )
        if finding.vulnerability is not None:
            bag.vulnerability = _with_list("aliases", finding.vulnerability)
        if finding.secret is not None:
            bag.secret = _without_none("id", finding.secret)
        if finding.misconfiguration is not None:
            bag.misconfiguration = _with_list("checks", finding.misconfiguration)
        if place.commit is not None or place.image is not None or place.layer is not None:
            bag.location = PlaceBag(
                commit=place.commit,
                image=place.image,
                layer=place.layer,
                digests=place.digests,
                whole_file=whole_file,
            )
        elif whole_file:
            bag.location = _WHOLE_FILE
        return bag


_WHOLE_FILE = PlaceBag(whole_file=True)


def _with_list(name: str, part: _S) -> _S | Mapping[str, Any]:
    """``part``, with its list ``name`` written even if it is empty."""
    return part if getattr(part, name) else {name: (), **msgspec.to_builtins(part)}


def _without_none(name: str, part: _S) -> _S | Mapping[str, Any]:
    """``part``, without its required ``name`` if that has no value."""
    if getattr(part, name) is not None:
        return part
    return {key: value for key, value in msgspec.to_builtins(part).items() if key != name}


def from_bag(finding: Finding, bag: Mapping[str, Any]) -> None:
    """Set the fields of ``finding`` from a bag of version 1, as far as it is well-formed.

    Identities are not read: they are computed again.
    """
    if bag.get("version") != VERSION:
        return
    try:
        kind, severity = Kind(bag["kind"]), Severity(bag["severity"])
    except (KeyError, ValueError):
        return
    finding.kind, finding.severity = kind, severity
    finding.severity_known = bag.get("severityKnown") is not False
    finding.tool = text_at(bag, "tool") or finding.tool
    finding.rule_id = text_at(bag, "ruleId") or finding.rule_id
    score = bag.get("score")
    finding.score = float(score) if isinstance(score, int | float) and 0 <= score <= 10 else None
    finding.cwes = _texts(bag, "cwes")
    finding.references = _texts(bag, "references")
    finding.fix = text_at(bag, "fix")
    finding.license = text_at(bag, "license")
    finding.component = text_at(bag, "component")
    finding.ratings = tuple(_read_ratings(bag.get("ratings")))
    finding.package = finding.vulnerability = None
    finding.secret = finding.misconfiguration = None
    package, vulnerability = bag.get("package"), bag.get("vulnerability")
    if isinstance(package, Mapping) and isinstance(package.get("name"), str):
        finding.package = Package(
            type=text_at(package, "type") or "generic",
            name=package["name"],
            version=text_at(package, "version"),
            purl=text_at(package, "purl"),
        )
    if isinstance(vulnerability, Mapping):
        finding.vulnerability = _read_vulnerability(vulnerability)
    secret, misconfiguration = bag.get("secret"), bag.get("misconfiguration")
    if isinstance(secret, Mapping):
        finding.secret = SecretSighting(
            id=text_at(secret, "id"),
            detector=text_at(secret, "detector") or finding.rule_id,
            decoder=text_at(secret, "decoder"),
            verified=_flag(secret, "verified"),
            in_history=secret.get("inHistory") is True,
            key=text_at(secret, "key"),
        )
    if isinstance(misconfiguration, Mapping):
        finding.misconfiguration = Misconfiguration(
            checks=_texts(misconfiguration, "checks"),
            resource=text_at(misconfiguration, "resource"),
            provider=text_at(misconfiguration, "provider"),
        )
    place = bag.get("location")
    if isinstance(place, Mapping):
        location = finding.location
        location.commit, location.image = text_at(place, "commit"), text_at(place, "image")
        location.layer, location.digests = text_at(place, "layer"), _texts(place, "digests")
        if place.get("wholeFile") is True:
            location.start_line = location.end_line = location.start_column = (
                location.end_column
            ) = None


def component_of(run: Mapping[str, Any]) -> str | None:
    """Read the component of a run that secagg wrote; None for any other run."""
    return text_at(run, "properties", "secagg", "component")


def _read_vulnerability(vulnerability: Mapping[str, Any]) -> Vulnerability:
    epss = vulnerability.get("epss")
    return Vulnerability(
        aliases=_texts(vulnerability, "aliases"),
        fixed_versions=_texts(vulnerability, "fixedVersions"),
        dependency_paths=tuple(
            tuple(str(step) for step in path)
            for path in as_list(vulnerability.get("dependencyPaths"))
            if isinstance(path, list)
        ),
        direct=_flag(vulnerability, "direct"),
        scope=text_at(vulnerability, "scope"),
        status=text_at(vulnerability, "status"),
        epss=float(epss) if isinstance(epss, int | float) and 0 <= epss <= 1 else None,
        kev=_flag(vulnerability, "kev"),
        published=text_at(vulnerability, "published"),
    )


def _read_ratings(ratings: Any) -> Iterator[Rating]:
    for rating in objects_in(ratings):
        if rating.get("severity") in list(Severity):
            score = rating.get("score")
            yield Rating(
                source=text_at(rating, "source") or "unknown",
                severity=Severity(rating["severity"]),
                score=float(score) if isinstance(score, int | float) else None,
                vector=text_at(rating, "vector"),
            )


def _texts(bag: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(item for item in as_list(bag.get(key)) if isinstance(item, str))


def _flag(bag: Mapping[str, Any], key: str) -> bool | None:
    value = bag.get(key)
    return value if isinstance(value, bool) else None
