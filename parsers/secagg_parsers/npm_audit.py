"""npm audit: JSON of npm 7 and later, and of npm 6, which pnpm still writes.

Fields as npm 11's ``npm-audit-report`` and npm 6's registry answer name them. The report does not
name the lock file: it is the directory's ``package-lock.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from secagg.errors import ReportError
from secagg.model.finding import Finding, Location, Vulnerability
from secagg_parsers.dependency import cvss_rating, package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_text,
    any_texts,
    flag,
    reason,
    required_text,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_LOCK = "package-lock.json"
# What separates the names of a dependency path in npm 6's report.
_PATH_SEPARATOR = ">"


class NpmAuditParser(JsonParser):
    """Understands reports of npm audit."""

    tool = "npm-audit"
    command = "npm audit --json"

    def read(self, document: Any, reading: Reading) -> None:
        error = document.get("error")
        if isinstance(error, dict):
            # The audit did not take place (no lock file, no registry).
            error_text = error.get("summary") or document.get("message") or error.get("code")
            raise ReportError(
                f"npm audit failed: {reason(reading.redactor, str(error_text))}",
                report=reading.report.name,
                hint="nothing was audited; run npm audit there by hand to see why",
            )
        reader = _NpmAuditReader(reading)
        counts = any_mapping(any_mapping(document, "metadata"), "vulnerabilities")
        if isinstance(document.get("vulnerabilities"), dict):
            packages = document["vulnerabilities"]
            reading.check_count(counts.get("total"), len(packages), "vulnerable packages")
            for name, entry in packages.items():
                reader.package(name, entry, packages)
        elif isinstance(document.get("advisories"), dict):
            if not document["advisories"]:
                # npm 6 counts an advisory once for each path to it.
                counted = sum(count for count in counts.values() if type(count) is int)
                reading.check_count(counted, 0, "vulnerabilities")
            for number, entry in document["advisories"].items():
                reader.advisory(number, entry)
        else:
            raise ReportError(
                "this is no report of npm-audit: it has no vulnerabilities",
                report=reading.report.name,
                hint="write it with npm audit --json",
            )


class _NpmAuditReader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lock = reading.places[_LOCK]

    def package(self, name: str, entry: Any, packages: Mapping[str, Any]) -> None:
        """Read the advisories of one package (npm 7 and later).

        A name in ``via`` is a dependency with the problem, which has an entry of its own among
        ``packages``.
        """
        path = "vulnerabilities.*"
        via = entry.get("via") if isinstance(entry, dict) else None
        if not isinstance(via, list) or not via:
            self._reading.add_problem("via is no list of advisories", path)
            return
        direct = entry.get("isDirect") is True
        for index, item in enumerate(via):
            if not isinstance(item, str):
                self._reading.keep(
                    item, partial(self._finding_of_7, name, direct), f"{path}[{index}]"
                )
            elif item not in packages:
                self._reading.add_problem("via names a package without an entry", path)

    def _finding_of_7(self, name: str, direct: bool, entry: Entry) -> Finding:
        page = text(entry, "url")
        rule_id = _advisory_of(page) or _number(entry, "source")
        cvss = any_mapping(entry, "cvss")
        package_name = text(entry, "dependency") or text(entry, "name") or name
        return vulnerability_finding(
            tool="npm-audit",
            rule_id=rule_id,
            package=package_of("npm", package_name, None),
            location=Location(uri=self._lock),
            word=text(entry, "severity"),
            ratings=cvss_rating("ghsa", any_number(cvss, "score"), any_text(cvss, "vectorString")),
            title=any_text(entry, "title"),
            references=(page,) if page else (),
            cwes=_cwes(entry),
            page=page,
            details=Vulnerability(direct=direct),
        )

    def advisory(self, number: str, entry: Any) -> None:
        """Read one advisory and the versions that have it (npm 6): a finding for each version."""
        path = "advisories.*"
        findings = entry.get("findings") if isinstance(entry, dict) else None
        if not isinstance(findings, list) or not findings:
            self._reading.add_problem("findings is no list of versions", path)
            return
        for index in range(len(findings)):
            self._reading.keep(
                entry, partial(self._finding_of_6, number, index), f"{path}.findings[{index}]"
            )

    def _finding_of_6(self, number: str, index: int, entry: Entry) -> Finding:
        finding = entry["findings"][index]
        finding = finding if isinstance(finding, dict) else {}
        page = any_text(entry, "url")
        ghsa = text(entry, "github_advisory_id") or _advisory_of(page)
        cves = any_texts(entry, "cves")
        cvss = any_mapping(entry, "cvss")
        paths = tuple(tuple(path.split(_PATH_SEPARATOR)) for path in any_texts(finding, "paths"))
        return vulnerability_finding(
            tool="npm-audit",
            rule_id=ghsa or (cves[0] if len(cves) == 1 else f"npm-advisory-{number}"),
            package=package_of(
                "npm", required_text(entry, "module_name"), text(finding, "version")
            ),
            location=Location(uri=self._lock),
            word=text(entry, "severity"),
            ratings=cvss_rating("ghsa", any_number(cvss, "score"), any_text(cvss, "vectorString")),
            title=any_text(entry, "title"),
            description=any_text(entry, "overview"),
            other_ids=cves,
            references=(page,) if page else (),
            cwes=_cwes(entry),
            page=page,
            details=Vulnerability(
                dependency_paths=paths,
                direct=any(len(path) == 1 for path in paths) if paths else None,
                scope="dev" if flag(finding, "dev") else None,
            ),
        )


def _advisory_of(page: str | None) -> str | None:
    """Return the GHSA in the address of an advisory's page."""
    last = (page or "").rstrip("/").rpartition("/")[2]
    return last if last.startswith("GHSA-") else None


def _number(entry: Entry, key: str) -> str:
    value = entry.get(key)
    return f"npm-advisory-{value}" if type(value) is int else required_text(entry, key)


def _cwes(entry: Entry) -> tuple[str, ...]:
    cwe = any_text(entry, "cwe")
    return (cwe,) if cwe else any_texts(entry, "cwe")
