"""GitHub's Dependabot alerts: JSON of the REST API of 2022-11-28 (``GET .../dependabot/alerts``).

They name the manifest and the vulnerable versions, but not the installed one. Dismissed and fixed
alerts are suppressed.
"""

from __future__ import annotations

from typing import Any

from secagg.model.finding import Finding, Location, Vulnerability
from secagg_parsers.dependency import cvss_rating, package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    mapping,
    required_text,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading


class DependabotParser(JsonParser):
    """Understands GitHub's Dependabot alerts."""

    tool = "dependabot"
    command = "gh api --paginate --slurp repos/OWNER/NAME/dependabot/alerts"
    empty_list = True

    def read(self, document: Any, reading: Reading) -> None:
        for index, item in enumerate(document):
            state = item.get("state") if isinstance(item, dict) else None
            if state in ("dismissed", "fixed", "auto_dismissed"):
                reading.count_suppressed(1)
            else:
                reading.keep(item, lambda entry: _finding(entry, reading), f"alerts[{index}]")


def _finding(alert: Entry, reading: Reading) -> Finding:
    """Make the finding of one alert. Raises OddEntry."""
    dependency, advisory = mapping(alert, "dependency"), mapping(alert, "security_advisory")
    affected = mapping(alert, "security_vulnerability")
    package = any_mapping(dependency, "package") or any_mapping(affected, "package")
    ghsa, cve = text(advisory, "ghsa_id"), text(advisory, "cve_id")
    cvss = any_mapping(advisory, "cvss")
    fixed = any_text(any_mapping(affected, "first_patched_version"), "identifier")
    pages = [url for r in any_objects(advisory, "references") if (url := any_text(r, "url"))]
    epss = any_number(any_mapping(advisory, "epss"), "percentage")
    relation = any_text(dependency, "relationship")
    return vulnerability_finding(
        tool="dependabot",
        rule_id=ghsa or cve or required_text(advisory, "ghsa_id"),
        package=package_of(
            any_text(package, "ecosystem") or "", required_text(package, "name"), None
        ),
        location=Location(uri=reading.places.optional(text(dependency, "manifest_path"))),
        word=any_text(affected, "severity") or any_text(advisory, "severity"),
        ratings=cvss_rating("ghsa", any_number(cvss, "score"), any_text(cvss, "vector_string")),
        title=any_text(advisory, "summary"),
        description=any_text(advisory, "description"),
        other_ids=(cve,) if cve else (),
        fixed=(fixed,) if fixed else (),
        references=pages,
        cwes=tuple(c for one in any_objects(advisory, "cwes") if (c := any_text(one, "cwe_id"))),
        page=any_text(alert, "html_url"),
        details=Vulnerability(
            direct={"direct": True, "transitive": False}.get(relation or ""),
            scope="dev" if any_text(dependency, "scope") == "development" else None,
            epss=epss if epss is not None and 0.0 <= epss <= 1.0 else None,
            published=any_text(advisory, "published_at"),
        ),
    )
