"""cargo-audit: JSON as cargo-audit 0.22 (rustsec's ``Report``) writes it.

Its warnings are read too: an unsound crate has an advisory like a vulnerable one; a crate that is
no longer maintained, or was yanked, is a finding of low severity. The report does not name the lock
file: it is the directory's ``Cargo.lock``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Vulnerability
from secagg_parsers.dependency import base_score, cvss_rating, package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_text,
    any_texts,
    mapping,
    required_text,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_LOCK = "Cargo.lock"
# Kinds of warning that are no vulnerabilities: nobody can exploit them.
_INFORMATIONAL = frozenset({"unmaintained", "notice", "yanked"})


class CargoAuditParser(JsonParser):
    """Understands reports of cargo-audit."""

    tool = "cargo-audit"
    command = "cargo audit --json"

    def read(self, document: Any, reading: Reading) -> None:
        location = Location(uri=reading.places[_LOCK])
        advisories = document["vulnerabilities"].get("list")
        if is_list(advisories):
            counted = document["vulnerabilities"].get("count")
            reading.check_count(counted, len(advisories), "vulnerabilities")
            for index, item in enumerate(advisories):
                path = f"vulnerabilities.list[{index}]"
                reading.keep(item, partial(_finding, location, None), path)
        else:
            reading.add_problem("list is no list", "vulnerabilities.list")
        warnings = document.get("warnings")
        for kind, items in warnings.items() if isinstance(warnings, dict) else ():
            for index, item in enumerate(items if isinstance(items, list) else ()):
                path = f"warnings[{index}]"
                reading.keep(item, partial(_finding, location, kind), path)


def _finding(location: Location, warning: str | None, entry: Entry) -> Finding:
    """Make the finding of one advisory for a crate. Raises OddEntry."""
    package = mapping(entry, "package")
    advisory = any_mapping(entry, "advisory")
    name = required_text(package, "name")
    if not advisory and warning is not None:
        # A crate that was yanked has no advisory.
        advisory = {"id": f"{warning} {name}", "title": f"{name} was {warning}"}
    page = any_text(advisory, "url")
    rule_id = required_text(advisory, "id")
    if rule_id.startswith("RUSTSEC-"):
        page = f"https://rustsec.org/advisories/{rule_id}.html"
    fixed = any_texts(any_mapping(entry, "versions"), "patched")
    vector = None if warning in _INFORMATIONAL else any_text(advisory, "cvss")
    return vulnerability_finding(
        tool="cargo-audit",
        rule_id=rule_id,
        package=package_of("cargo", name, text(package, "version")),
        location=location,
        word="low" if warning in _INFORMATIONAL else None,
        ratings=cvss_rating("rustsec", base_score(vector), vector),
        title=any_text(advisory, "title"),
        description=any_text(advisory, "description"),
        other_ids=any_texts(advisory, "aliases"),
        fixed=tuple(version.removeprefix(">=").strip() for version in fixed),
        references=any_texts(advisory, "references"),
        page=page,
        details=Vulnerability(
            status=warning or any_text(advisory, "informational"),
            published=any_text(advisory, "date"),
        ),
    )
