"""OSV-Scanner: JSON of 1 and 2; fields as ``pkg/models/results.go`` of 2.3 and the OSV schema name.

Advisories that OSV-Scanner puts in one group are one problem under several ids: one finding, and
the others count as merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Kind, Location, Package, Rule, Severity, Vulnerability
from secagg_parsers.dependency import base_score, package_of, scored, vulnerable
from secagg_parsers.fields import Entry, any_mapping, any_objects, any_text, any_texts, needed, text
from secagg_parsers.jsonreport import JsonParser, Reading


class OsvScannerParser(JsonParser):
    """Understands reports of OSV-Scanner."""

    tool = "osv-scanner"
    command = "osv-scanner scan --format json"

    def read(self, document: Any, reading: Reading) -> None:
        results = document.get("results")
        if results is None:
            return
        if not is_list(results):
            reading.odd("results is no list", "results")
            return
        for index, result in enumerate(results):
            where = f"results[{index}]"
            packages = result.get("packages") if isinstance(result, dict) else None
            if not is_list(packages):
                reading.odd("packages is no list", where)
                continue
            source = any_mapping(result, "source")
            place = _place(source, reading)
            for number, entry in enumerate(packages):
                _package(entry, place, f"{where}.packages[{number}]", reading)


def _place(source: Entry, reading: Reading) -> Location:
    path = any_text(source, "path")
    if any_text(source, "type") == "docker" and path is not None:
        return Location(image=reading.redactor.mask(path))
    return Location(uri=reading.places.optional(path))


def _package(entry: Any, place: Location, where: str, reading: Reading) -> None:
    """Read the advisories and the forbidden licences of one package."""
    advisories = entry.get("vulnerabilities") if isinstance(entry, dict) else None
    licenses = entry.get("license_violations") if isinstance(entry, dict) else None
    if not is_list(advisories) and (advisories is not None or not isinstance(licenses, list)):
        reading.odd("vulnerabilities is no list", where)
        return
    head = {key: entry.get(key) for key in ("package", "groups", "dependency_groups")}
    for index, license_name in enumerate(licenses if isinstance(licenses, list) else ()):
        item = {**head, "license": license_name}
        spot = f"{where}.license_violations[{index}]"
        reading.keep(item, lambda e: _license(e, place), spot)
    by_id = {
        item["id"]: number
        for number, item in enumerate(advisories or ())
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    }
    first_of: dict[int, int] = {}
    for group in any_objects(head, "groups"):
        together = sorted(by_id[one] for one in any_texts(group, "ids") if one in by_id)
        first_of.update(dict.fromkeys(together[1:], together[0] if together else 0))
    for index, item in enumerate(advisories or ()):
        if index in first_of:
            reading.parsed.reported += 1
            reading.parsed.merged += 1
            continue
        item = {**head, **item} if isinstance(item, dict) else item
        spot = f"{where}.vulnerabilities[{index}]"
        reading.keep(item, lambda e: _finding(e, place), spot)


def _package_of_entry(entry: Entry) -> Package:
    named = any_mapping(entry, "package")
    commit = any_text(named, "commit")
    # A repository that was scanned by its commit has no name.
    name = text(named, "name") or (f"commit {commit}" if commit else needed(named, "name"))
    return package_of(any_text(named, "ecosystem") or "", name, text(named, "version") or commit)


def _finding(entry: Entry, place: Location) -> Finding:
    """Make the finding of one advisory. Raises OddEntry."""
    rule_id = needed(entry, "id")
    package = _package_of_entry(entry)
    group = next((g for g in any_objects(entry, "groups") if rule_id in any_texts(g, "ids")), {})
    own = any_mapping(entry, "database_specific")
    vector = _vector(any_objects(entry, "severity"))
    score = _score(any_text(group, "max_severity")) or base_score(vector)
    references = [url for r in any_objects(entry, "references") if (url := any_text(r, "url"))]
    groups = any_texts(entry, "dependency_groups")
    return vulnerable(
        tool="osv-scanner",
        rule_id=rule_id,
        package=package,
        location=place,
        word=any_text(own, "severity"),
        ratings=scored("osv", score, vector),
        title=any_text(entry, "summary"),
        description=any_text(entry, "details"),
        other_ids=(
            *any_texts(entry, "aliases"),
            *any_texts(group, "ids"),
            *any_texts(group, "aliases"),
        ),
        fixed=_fixed(any_objects(entry, "affected"), package.name),
        references=references,
        cwes=any_texts(own, "cwe_ids"),
        page=f"https://osv.dev/{rule_id}",
        details=Vulnerability(
            scope="dev" if groups and set(groups) <= {"dev", "test"} else None,
            published=any_text(entry, "published"),
        ),
    )


def _license(entry: Entry, place: Location) -> Finding:
    """Make the finding of a licence that the user does not allow. Raises OddEntry."""
    name = needed(entry, "license")
    package = _package_of_entry(entry)
    return Finding(
        tool="osv-scanner",
        kind=Kind.LICENSE,
        rule_id=name,
        severity=Severity.NONE,
        severity_known=False,
        title=f"{name} license",
        message=f"{package.name} is under {name}, which is not among the allowed licenses",
        location=place,
        rule=Rule(id=name, short_description=f"{name} license", tags=("license",)),
        package=package,
        license=name,
    )


def _vector(severities: Sequence[Entry]) -> str | None:
    vectors = [vector for s in severities if (vector := any_text(s, "score"))]
    return next((v for v in vectors if v.startswith("CVSS:3")), vectors[0] if vectors else None)


def _score(written: str | None) -> float | None:
    try:
        return float(written) if written else None
    except ValueError:
        return None


def _fixed(affected: Sequence[Entry], name: str) -> tuple[str, ...]:
    """Give the versions that end a range of this package."""
    versions = [
        fixed
        for entry in affected
        if any_text(any_mapping(entry, "package"), "name") in (None, name)
        for limits in any_objects(entry, "ranges")
        if any_text(limits, "type") != "GIT"
        for event in any_objects(limits, "events")
        if (fixed := any_text(event, "fixed"))
    ]
    return tuple(dict.fromkeys(versions))
