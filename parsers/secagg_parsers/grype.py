"""Grype: JSON as ``grype/presenter/models`` of 0.104 writes it.

What Grype was told to ignore is suppressed.
"""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Package, Rating, Vulnerability
from secagg.model.severity import of_cvss
from secagg_parsers.dependency import package_of, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    any_texts,
    mapping,
    needed,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.purls import names_one_problem


class GrypeParser(JsonParser):
    """Understands reports of Grype."""

    tool = "grype"
    command = "grype -o json"

    def read(self, document: Any, reading: Reading) -> None:
        version = any_text(any_mapping(document, "descriptor"), "version")
        reading.parsed.tool_version = None if version is None else reading.redactor.mask(version)
        matches = document.get("matches")
        if matches is None:
            # A list that is empty is null in what Go writes.
            matches = []
        if not is_list(matches):
            reading.odd("matches is no list", "matches")
            return
        reader = _GrypeReader(document, reading)
        for index, match in enumerate(matches):
            reading.keep(match, reader.finding, f"matches[{index}]")
        ignored = document.get("ignoredMatches")
        if is_list(ignored):
            reading.hidden(len(ignored))


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
        own = mapping(entry, "vulnerability")
        rule_id = needed(own, "id")
        fix = any_mapping(own, "fix")
        related = [r for r in any_objects(entry, "relatedVulnerabilities") if any_text(r, "id")]
        ids = [str(r["id"]) for r in related if names_one_problem(str(r["id"]))]
        description = any_text(own, "description")
        if description is None and related:
            description = any_text(related[0], "description")
        page = any_text(own, "dataSource")
        return vulnerable(
            tool="grype",
            rule_id=rule_id,
            package=self._package(mapping(entry, "artifact")),
            location=self._place(mapping(entry, "artifact")),
            word=text(own, "severity"),
            ratings=tuple(r for each in (own, *related) for r in _ratings(each)),
            description=description,
            # A notice of a distribution may be about several: then none is the other's name.
            other_ids=ids if len(ids) == 1 or names_one_problem(rule_id) else (),
            fixed=any_texts(fix, "versions"),
            references=[*([page] if page else []), *any_texts(own, "urls")],
            cwes=_cwes(own),
            page=page,
            details=Vulnerability(
                status=any_text(fix, "state"),
                epss=_epss(own),
                kev=True if own.get("knownExploited") else None,
            ),
        )

    def _package(self, artifact: Entry) -> Package:
        kind = any_text(artifact, "type") or ""
        if kind in ("deb", "apk", "rpm") and self._distribution:
            kind = self._distribution
        name, version = needed(artifact, "name"), text(artifact, "version")
        return package_of(kind, name, version, any_text(artifact, "purl"))

    def _place(self, artifact: Entry) -> Location:
        spots = any_objects(artifact, "locations")
        path = any_text(spots[0], "path") if spots else None
        if self._image is None:
            return Location(uri=self._in_tree(path))
        return Location(
            uri=path.lstrip("/") if path else None,
            image=self._image,
            layer=any_text(spots[0], "layerID") if spots else None,
            digests=self._digests,
        )

    def _in_tree(self, path: str | None) -> str | None:
        """Place a file of a scanned directory, which Grype names from that directory as "/"."""
        if path is None:
            return None
        places = self._reading.places
        placed = places[path]
        return places[placed.lstrip("/")] if placed.startswith("/") else placed


def _ratings(entry: Entry) -> list[Rating]:
    """Give the CVSS scores of a vulnerability, those of version 2 only where there is no other."""
    scores = any_objects(entry, "cvss")
    later = [s for s in scores if not str(s.get("version", "")).startswith("2")]
    ratings = []
    for one in later or scores:
        score = any_number(any_mapping(one, "metrics"), "baseScore")
        vector = any_text(one, "vector")
        if score is not None and 0.0 < score <= 10.0:
            source = any_text(one, "source") or any_text(entry, "namespace") or "grype"
            source = "nvd" if "nvd" in source else "ghsa" if "github" in source else source
            severity = of_cvss(score, vector)
            ratings.append(Rating(source=source, severity=severity, score=score, vector=vector))
    return ratings


def _epss(entry: Entry) -> float | None:
    for one in any_objects(entry, "epss"):
        value = any_number(one, "epss")
        if value is not None and 0.0 <= value <= 1.0:
            return value
    return None


def _cwes(entry: Entry) -> tuple[str, ...]:
    named = [any_text(one, "cwe") for one in any_objects(entry, "cwes")]
    return tuple(dict.fromkeys(cwe for cwe in named if cwe))
