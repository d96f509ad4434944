"""npm audit: JSON of npm 7 and later, and of npm 6, which pnpm still writes.

Fields as npm 11's ``npm-audit-report`` and npm 6's registry answer name them. The report names no
file: the lock file of the directory that was audited is meant.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secagg.errors import ReportError
from secagg.model.finding import Finding, Location, Vulnerability
from secagg_parsers.dependency import package_of, scored, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_text,
    any_texts,
    flag,
    needed,
    reason,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_LOCK = "package-lock.json"
# What is between the names of a dependency path in npm 6's report.
_STEP = ">"


class NpmAuditParser(JsonParser):
    """Understands reports of npm audit."""

    tool = "npm-audit"
    command = "npm audit --json"

    def read(self, document: Any, reading: Reading) -> None:
        error = document.get("error")
        if isinstance(error, dict):
            # The audit did not take place (no lock file, no registry).
            said = error.get("summary") or document.get("message") or error.get("code")
            raise ReportError(
                f"npm audit failed: {reason(reading.redactor, str(said))}",
                report=reading.report.name,
                hint="nothing was audited; run npm audit there by hand to see why",
            )
        reader = _NpmAuditReader(reading)
        if isinstance(document.get("vulnerabilities"), dict):
            for name, entry in document["vulnerabilities"].items():
                reader.package(name, entry)
        elif isinstance(document.get("advisories"), dict):
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

    def package(self, name: str, entry: Any) -> None:
        """Read the advisories of one package (npm 7 and later).

        A name in ``via`` says that a dependency has the problem: its own entry reports it.
        """
        where = "vulnerabilities.*"
        via = entry.get("via") if isinstance(entry, dict) else None
        if not isinstance(via, list):
            self._reading.odd("via is no list of advisories", where)
            return
        direct = entry.get("isDirect") is True
        for index, item in enumerate(via):
            if not isinstance(item, str):
                self._reading.keep(item, partial(self._of_7, name, direct), f"{where}[{index}]")

    def _of_7(self, name: str, direct: bool, entry: Entry) -> Finding:
        page = text(entry, "url")
        rule_id = _advisory_of(page) or _number(entry, "source")
        cvss = any_mapping(entry, "cvss")
        shown = text(entry, "dependency") or text(entry, "name") or name
        return vulnerable(
            tool="npm-audit",
            rule_id=rule_id,
            package=package_of("npm", shown, None),
            location=Location(uri=self._lock),
            word=text(entry, "severity"),
            ratings=scored("ghsa", any_number(cvss, "score"), any_text(cvss, "vectorString")),
            title=any_text(entry, "title"),
            references=(page,) if page else (),
            cwes=_cwes(entry),
            page=page,
            details=Vulnerability(direct=direct),
        )

    def advisory(self, number: str, entry: Any) -> None:
        """Read one advisory and the versions that have it (npm 6): a finding for each version."""
        where = "advisories.*"
        seen = entry.get("findings") if isinstance(entry, dict) else None
        if not isinstance(seen, list) or not seen:
            self._reading.odd("findings is no list of versions", where)
            return
        for index in range(len(seen)):
            self._reading.keep(
                entry, partial(self._of_6, number, index), f"{where}.findings[{index}]"
            )

    def _of_6(self, number: str, index: int, entry: Entry) -> Finding:
        seen = entry["findings"][index]
        seen = seen if isinstance(seen, dict) else {}
        page = any_text(entry, "url")
        own = text(entry, "github_advisory_id") or _advisory_of(page)
        cves = any_texts(entry, "cves")
        cvss = any_mapping(entry, "cvss")
        paths = tuple(tuple(path.split(_STEP)) for path in any_texts(seen, "paths"))
        return vulnerable(
            tool="npm-audit",
            rule_id=own or (cves[0] if len(cves) == 1 else f"npm-advisory-{number}"),
            package=package_of("npm", needed(entry, "module_name"), text(seen, "version")),
            location=Location(uri=self._lock),
            word=text(entry, "severity"),
            ratings=scored("ghsa", any_number(cvss, "score"), any_text(cvss, "vectorString")),
            title=any_text(entry, "title"),
            description=any_text(entry, "overview"),
            other_ids=cves,
            references=(page,) if page else (),
            cwes=_cwes(entry),
            page=page,
            details=Vulnerability(
                dependency_paths=paths,
                direct=any(len(path) == 1 for path in paths) if paths else None,
                scope="dev" if flag(seen, "dev") else None,
            ),
        )


def _advisory_of(page: str | None) -> str | None:
    """Give the GHSA that the page of an advisory is about."""
    last = (page or "").rstrip("/").rpartition("/")[2]
    return last if last.startswith("GHSA-") else None


def _number(entry: Entry, key: str) -> str:
    value = entry.get(key)
    return f"npm-advisory-{value}" if type(value) is int else needed(entry, key)


def _cwes(entry: Entry) -> tuple[str, ...]:
    one = any_text(entry, "cwe")
    return (one,) if one else any_texts(entry, "cwe")
