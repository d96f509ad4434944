"""Grype: JSON as ``grype/presenter/models`` of 0.104 writes it.

Matches that Grype ignores by its configuration are suppressed.
"""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Package, Rating, Vulnerability
from secagg.model.severity import of_cvss
from secagg_parsers.dependency import package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    any_texts,
    mapping,
    required_text,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.purls import is_alias


class GrypeParser(JsonParser):
    """Understands reports of Grype."""

    tool = "grype"
    command = "grype -o json"

    def read(self, document: Any, reading: Reading) -> None:
        version = any_text(any_mapping(document, "descriptor"), "version")
        reading.parsed.tool_version = None if version is None else reading.redactor.mask(version)
        matches = document.get("matches")
        if matches is None:
            # Go writes an empty list as null.
            matches = []
        if not is_list(matches):
            reading.add_problem("matches is no list", "matches")
            return
        reader = _GrypeReader(document, reading)
        for index, match in enumerate(matches):
            reading.keep(match, reader.finding, f"matches[{index}]")
        ignored = document.get("ignoredMatches")
        if is_list(ignored):
            reading.count_suppressed(len(ignored))


class _GrypeReader:
    def __init__(self, document: Entry, reading: Reading) -> None:
        self._reading = reading
        source = reading.redactor.mask_json(any_mapping(document, "source"))
        target = source.get("target")
        self._image: str | None = None
        self._digests: tuple[str, ...] = ()
        if any_text(source, "type") == "image" and isinstance(target, dict):
            self._image = any_text(target, "userInput") or any_text(target, "imageID")
            named = (any_text(target, "manifestDigest"), any_text(target, "imageID"))
            self._digests = tuple(digest for digest in named if digest)
        distro = any_mapping(document, "distro")
        self._distribution = any_text(distro, "name")

    def finding(self, entry: Entry) -> Finding:
        """Make the finding of one match. Raises OddEntry."""
        grype_vulnerability = mapping(entry, "vulnerability")
        rule_id = required_text(grype_vulnerability, "id")
        fix = any_mapping(grype_vulnerability, "fix")
        related = [r for r in any_objects(entry, "relatedVulnerabilities") if any_text(r, "id")]
        ids = [str(r["id"]) for r in related if is_alias(str(r["id"]))]
        description = any_text(grype_vulnerability, "description")
        if description is None and related:
            description = any_text(related[0], "description")
        page = any_text(grype_vulnerability, "dataSource")
        return vulnerability_finding(
            tool="grype",
            rule_id=rule_id,
            package=self._package(mapping(entry, "artifact")),
            location=self._place(mapping(entry, "artifact")),
            word=text(grype_vulnerability, "severity"),
            ratings=tuple(r for each in (grype_vulnerability, *related) for r in _ratings(each)),
            description=description,
            # A distribution's notice may be about several problems: its ids are no aliases then.
            other_ids=ids if len(ids) == 1 or is_alias(rule_id) else (),
            fixed=any_texts(fix, "versions"),
            references=[*([page] if page else []), *any_texts(grype_vulnerability, "urls")],
            cwes=_cwes(grype_vulnerability),
            page=page,
            details=Vulnerability(
                status=any_text(fix, "state"),
                epss=_epss(grype_vulnerability),
                kev=True if grype_vulnerability.get("knownExploited") else None,
            ),
        )

    def _package(self, artifact: Entry) -> Package:
        package_type = any_text(artifact, "type") or ""
        if package_type in ("deb", "apk", "rpm") and self._distribution:
            package_type = self._distribution
        name, version = required_text(artifact, "name"), text(artifact, "version")
        return package_of(package_type, name, version, any_text(artifact, "purl"))

    def _place(self, artifact: Entry) -> Location:
        locations = any_objects(artifact, "locations")
        path = any_text(locations[0], "path") if locations else None
        if self._image is None:
            return Location(uri=self._in_tree(path))
        return Location(
            uri=path.lstrip("/") if path else None,
            image=self._image,
            layer=any_text(locations[0], "layerID") if locations else None,
            digests=self._digests,
        )

    def _in_tree(self, path: str | None) -> str | None:
        """Return the path of a file in a directory; Grype writes it with that directory as "/"."""
        if path is None:
            return None
        places = self._reading.places
        placed = places[path]
        return places[placed.lstrip("/")] if placed.startswith("/") else placed


def _ratings(entry: Entry) -> list[Rating]:
    """Return the CVSS ratings of a vulnerability; those of version 2 if there is no other."""
    scores = any_objects(entry, "cvss")
    scores_since_3 = [s for s in scores if not str(s.get("version", "")).startswith("2")]
    ratings = []
    for cvss in scores_since_3 or scores:
        score = any_number(any_mapping(cvss, "metrics"), "baseScore")
        vector = any_text(cvss, "vector")
        if score is not None and 0.0 < score <= 10.0:
            source = any_text(cvss, "source") or any_text(entry, "namespace") or "grype"
            source = "nvd" if "nvd" in source else "ghsa" if "github" in source else source
            severity = of_cvss(score, vector)
            ratings.append(Rating(source=source, severity=severity, score=score, vector=vector))
    return ratings


def _epss(entry: Entry) -> float | None:
    for item in any_objects(entry, "epss"):
        value = any_number(item, "epss")
        if value is not None and 0.0 <= value <= 1.0:
            return value
    return None


def _cwes(entry: Entry) -> tuple[str, ...]:
    names = [any_text(item, "cwe") for item in any_objects(entry, "cwes")]
    return tuple(dict.fromkeys(cwe for cwe in names if cwe))
