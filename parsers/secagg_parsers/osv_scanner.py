"""OSV-Scanner: JSON of 1 and 2; fields as ``pkg/models/results.go`` of 2.3 and the OSV schema name.

Advisories in one group of OSV-Scanner's are one problem under several ids: they make one finding,
and the others count as merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Kind, Location, Package, Rule, Severity, Vulnerability
from secagg_parsers.dependency import base_score, cvss_rating, package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_objects,
    any_text,
    any_texts,
    required_text,
    text,
)
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
            reading.add_problem("results is no list", "results")
            return
        for index, result in enumerate(results):
            path = f"results[{index}]"
            packages = result.get("packages") if isinstance(result, dict) else None
            if not is_list(packages):
                reading.add_problem("packages is no list", path)
                continue
            source = any_mapping(result, "source")
            location = _place(source, reading)
            for number, entry in enumerate(packages):
                _package(entry, location, f"{path}.packages[{number}]", reading)


def _place(source: Entry, reading: Reading) -> Location:
    path = any_text(source, "path")
    if any_text(source, "type") == "docker" and path is not None:
        return Location(image=reading.redactor.mask(path))
    return Location(uri=reading.places.optional(path))


def _package(entry: Any, location: Location, path: str, reading: Reading) -> None:
    """Read the advisories and the licence violations of one package."""
    advisories = entry.get("vulnerabilities") if isinstance(entry, dict) else None
    licenses = entry.get("license_violations") if isinstance(entry, dict) else None
    if not is_list(advisories) and (advisories is not None or not isinstance(licenses, list)):
        reading.add_problem("vulnerabilities is no list", path)
        return
    shared_fields = {key: entry.get(key) for key in ("package", "groups", "dependency_groups")}
    for index, license_name in enumerate(licenses if isinstance(licenses, list) else ()):
        item = {**shared_fields, "license": license_name}
        item_path = f"{path}.license_violations[{index}]"
        reading.keep(item, lambda entry_fields: _license(entry_fields, location), item_path)
    by_id = {
        item["id"]: number
        for number, item in enumerate(advisories or ())
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    }
    first_of: dict[int, int] = {}
    for group in any_objects(shared_fields, "groups"):
        group_indices = sorted(
            by_id[advisory_id] for advisory_id in any_texts(group, "ids") if advisory_id in by_id
        )
        first_of.update(dict.fromkeys(group_indices[1:], group_indices[0] if group_indices else 0))
    for index, item in enumerate(advisories or ()):
        if index in first_of:
            reading.parsed.reported += 1
            reading.parsed.merged += 1
            continue
        item = {**shared_fields, **item} if isinstance(item, dict) else item
        item_path = f"{path}.vulnerabilities[{index}]"
        reading.keep(item, lambda entry_fields: _finding(entry_fields, location), item_path)


def _package_of_entry(entry: Entry) -> Package:
    package = any_mapping(entry, "package")
    commit = any_text(package, "commit")
    # A repository that is scanned by its commit has no name.
    name = text(package, "name") or (
        f"commit {commit}" if commit else required_text(package, "name")
    )
    return package_of(
        any_text(package, "ecosystem") or "", name, text(package, "version") or commit
    )


def _finding(entry: Entry, location: Location) -> Finding:
    """Make the finding of one advisory. Raises OddEntry."""
    rule_id = required_text(entry, "id")
    package = _package_of_entry(entry)
    group = next((g for g in any_objects(entry, "groups") if rule_id in any_texts(g, "ids")), {})
    database_specific = any_mapping(entry, "database_specific")
    vector = _vector(any_objects(entry, "severity"))
    score = _score(any_text(group, "max_severity")) or base_score(vector)
    references = [url for r in any_objects(entry, "references") if (url := any_text(r, "url"))]
    groups = any_texts(entry, "dependency_groups")
    return vulnerability_finding(
        tool="osv-scanner",
        rule_id=rule_id,
        package=package,
        location=location,
        word=any_text(database_specific, "severity"),
        ratings=cvss_rating("osv", score, vector),
        title=any_text(entry, "summary"),
        description=any_text(entry, "details"),
        other_ids=(
            *any_texts(entry, "aliases"),
            *any_texts(group, "ids"),
            *any_texts(group, "aliases"),
        ),
        fixed=_fixed(any_objects(entry, "affected"), package.name),
        references=references,
        cwes=any_texts(database_specific, "cwe_ids"),
        page=f"https://osv.dev/{rule_id}",
        details=Vulnerability(
            scope="dev" if groups and set(groups) <= {"dev", "test"} else None,
            published=any_text(entry, "published"),
        ),
    )


def _license(entry: Entry, location: Location) -> Finding:
    """Make the finding of a licence that the user does not allow. Raises OddEntry."""
    name = required_text(entry, "license")
    package = _package_of_entry(entry)
    return Finding(
        tool="osv-scanner",
        kind=Kind.LICENSE,
        rule_id=name,
        severity=Severity.NONE,
        severity_known=False,
        title=f"{name} license",
        message=f"{package.name} is under {name}, which is not among the allowed licenses",
        location=location,
        rule=Rule(id=name, short_description=f"{name} license", tags=("license",)),
        package=package,
        license=name,
    )


def _vector(severities: Sequence[Entry]) -> str | None:
    vectors = [vector for s in severities if (vector := any_text(s, "score"))]
    return next((v for v in vectors if v.startswith("CVSS:3")), vectors[0] if vectors else None)


def _score(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _fixed(affected: Sequence[Entry], name: str) -> tuple[str, ...]:
    """Return the versions that end a vulnerable range of the package."""
    versions = [
        fixed
        for entry in affected
        if any_text(any_mapping(entry, "package"), "name") in (None, name)
        for version_range in any_objects(entry, "ranges")
        if any_text(version_range, "type") != "GIT"
        for event in any_objects(version_range, "events")
        if (fixed := any_text(event, "fixed"))
    ]
    return tuple(dict.fromkeys(versions))
