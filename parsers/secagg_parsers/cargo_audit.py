"""cargo-audit: JSON as cargo-audit 0.22 (rustsec's ``Report``) writes it.

Its warnings are read too: an unsound crate has an advisory like a vulnerable one; that a crate is
no longer maintained, or was withdrawn, is a note of low severity. The lock file that was audited is
not named: ``Cargo.lock`` of the directory is meant.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Vulnerability
from secagg_parsers.dependency import base_score, package_of, scored, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_text,
    any_texts,
    mapping,
    needed,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_LOCK = "Cargo.lock"
# Kinds of warning that are no vulnerabilities: nobody can exploit them.
_INFORMED = frozenset({"unmaintained", "notice", "yanked"})


class CargoAuditParser(JsonParser):
    """Understands reports of cargo-audit."""

    tool = "cargo-audit"
    command = "cargo audit --json"

    def read(self, document: Any, reading: Reading) -> None:
        place = Location(uri=reading.places[_LOCK])
        found = document["vulnerabilities"].get("list")
        if is_list(found):
            for index, item in enumerate(found):
                where = f"vulnerabilities.list[{index}]"
                reading.keep(item, partial(_finding, place, None), where)
        else:
            reading.odd("list is no list", "vulnerabilities.list")
        warnings = document.get("warnings")
        for kind, items in warnings.items() if isinstance(warnings, dict) else ():
            for index, item in enumerate(items if isinstance(items, list) else ()):
                where = f"warnings[{index}]"
                reading.keep(item, partial(_finding, place, kind), where)


def _finding(place: Location, warning: str | None, entry: Entry) -> Finding:
    """Make the finding of one advisory for a crate. Raises OddEntry."""
    package = mapping(entry, "package")
    advisory = any_mapping(entry, "advisory")
    name = needed(package, "name")
    if not advisory and warning is not None:
        # A crate that was yanked has no advisory.
        advisory = {"id": f"{warning} {name}", "title": f"{name} was {warning}"}
    page = any_text(advisory, "url")
    rule_id = needed(advisory, "id")
    if rule_id.startswith("RUSTSEC-"):
        page = f"https://rustsec.org/advisories/{rule_id}.html"
    fixed = any_texts(any_mapping(entry, "versions"), "patched")
    vector = None if warning in _INFORMED else any_text(advisory, "cvss")
    return vulnerable(
        tool="cargo-audit",
        rule_id=rule_id,
        package=package_of("cargo", name, text(package, "version")),
        location=place,
        word="low" if warning in _INFORMED else None,
        ratings=scored("rustsec", base_score(vector), vector),
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
