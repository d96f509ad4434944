"""GitLab's security reports: SAST, dependency and container scanning, secret detection.

Fields as GitLab's security report schemas 14 and 15 (``security-report-schemas``) name them. The
findings' tool is the scanner in the report. Reports on running applications (DAST, API fuzzing)
name addresses instead of files, and are refused.
"""

from __future__ import annotations

from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Severity, Vulnerability
from secagg.model.severity import of_word
from secagg.parsing import ParseContext, RawReport
from secagg.sarif.producers import tool_name
from secagg_parsers.dependency import package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_objects,
    any_text,
    flag,
    mapping,
    position,
    required_text,
    secret_finding,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.tosarif import ConvertedRun, add_each, region_of_lines, sarif_message

_PACKAGE_SCANS = frozenset({"dependency_scanning", "container_scanning", "cluster_image_scanning"})
_ADVISORY_TYPES = frozenset(
    {"cve", "ghsa", "osvdb", "rustsec", "pysec", "gemnasium", "usn", "rhsa"}
)
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "none"}


class GitLabParser(JsonParser):
    """Understands GitLab's security reports."""

    tool = "gitlab"
    command = "GitLab's own jobs (gl-*-report.json)"

    def read(self, document: Any, reading: Reading) -> None:
        scan = _scan_of(document)
        scan_type, tool = any_text(scan, "type") or "", _tool(scan)
        reading.parsed.tool = tool
        version = any_text(any_mapping(scan, "scanner"), "version")
        reading.parsed.tool_version = version and reading.redactor.mask(version)
        self._failures(scan, reading)
        vulnerabilities = document.get("vulnerabilities")
        if not is_list(vulnerabilities):
            reading.add_problem("vulnerabilities is no list", "vulnerabilities")
        elif scan_type == "sast":
            for scanner, run in _runs(vulnerabilities, scan, reading).items():
                run.read_into(reading, tool_name(scanner))
        elif scan_type in _PACKAGE_SCANS or scan_type == "secret_detection":
            build = _secret if scan_type == "secret_detection" else _package
            for index, item in enumerate(vulnerabilities):
                path = f"vulnerabilities[{index}]"
                reading.keep(item, lambda entry: build(entry, tool, reading), path)
        else:
            raise ReportError(
                "this kind of GitLab report is not read",
                report=reading.report.name,
                hint="secagg reads SAST, dependency, container and secret detection reports",
            )

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Register the credentials that a SAST report quotes with the redactor."""
        scan = _scan_of(report.document)
        vulnerabilities = report.document.get("vulnerabilities")
        if any_text(scan, "type") == "sast" and is_list(vulnerabilities):
            for scanner, run in _runs(
                vulnerabilities, scan, Reading(report, context, self.tool)
            ).items():
                run.learn(report, context, tool_name(scanner))

    def _failures(self, scan: Entry, reading: Reading) -> None:
        if any_text(scan, "status") == "failure":
            reading.gap("the scanner says that it failed", fatal=True)
        for message in any_objects(scan, "messages"):
            level, value = any_text(message, "level"), any_text(message, "value")
            if level in ("fatal", "error", "warn") and value:
                reading.gap(value, fatal=level != "warn")


def _scan_of(document: Any) -> Entry:
    """Return the report's ``scan``; before schema 14 it is made from the first entry."""
    scan = any_mapping(document, "scan")
    vulnerabilities = document.get("vulnerabilities")
    first = vulnerabilities[0] if is_list(vulnerabilities) and len(vulnerabilities) else None
    if scan or not isinstance(first, dict):
        return scan
    location = any_mapping(first, "location")
    has_package = bool(any_mapping(any_mapping(location, "dependency"), "package").get("name"))
    default_type = "dependency_scanning" if has_package else "sast"
    scanner = any_mapping(first, "scanner")
    return {"type": any_text(first, "category") or default_type, "scanner": scanner}


def _tool(scan: Entry) -> str:
    scanner = any_mapping(scan, "scanner")
    return tool_name(any_text(scanner, "id") or any_text(scanner, "name") or "gitlab")


def _runs(vulnerabilities: Any, scan: Entry, reading: Reading) -> dict[str, ConvertedRun]:
    """Make a SARIF run for each scanner; until schema 14 each entry names its scanner."""
    runs: dict[str, ConvertedRun] = {}

    def add(entry: Entry) -> None:
        scanner = any_mapping(entry, "scanner") or any_mapping(scan, "scanner")
        name = any_text(scanner, "id") or any_text(scanner, "name") or "gitlab"
        if name not in runs:
            runs[name] = ConvertedRun(name, any_text(any_mapping(scan, "scanner"), "version"))
        _add(entry, runs[name])

    add_each(vulnerabilities, add, "vulnerabilities", reading)
    return runs


def _add(entry: Entry, run: ConvertedRun) -> None:
    location = mapping(entry, "location")
    rule_id, tags = _identifiers(entry)
    title = any_text(entry, "name") or any_text(entry, "message")
    severity = (any_text(entry, "severity") or "").lower()
    rule = {
        "id": rule_id,
        "shortDescription": sarif_message(title),
        "helpUri": next(
            (u for i in any_objects(entry, "identifiers") if (u := any_text(i, "url"))), None
        ),
        "properties": {"tags": ["security", *tags]},
    }
    result = {
        "message": sarif_message(any_text(entry, "description") or title or rule_id),
        "level": _LEVELS.get(severity),
        "properties": {"severity": severity} if severity == "critical" else None,
    }
    run.add(
        rule, result, text(location, "file"), region_of_lines(location, "start_line", "end_line")
    )


def _identifiers(entry: Entry) -> tuple[str, list[str]]:
    """Return the scanner's id of the rule, and the CWE tags. Raises OddEntry."""
    identifiers = any_objects(entry, "identifiers")
    cwes = [
        f"external/cwe/cwe-{value.upper().removeprefix('CWE-')}"
        for identifier in identifiers
        if any_text(identifier, "type") == "cwe" and (value := any_text(identifier, "value"))
    ]
    rule_ids = [
        value
        for identifier in identifiers
        if any_text(identifier, "type") != "cwe" and (value := any_text(identifier, "value"))
    ]
    return rule_ids[0] if rule_ids else any_text(entry, "name") or required_text(entry, "id"), cwes


def _package(entry: Entry, tool: str, reading: Reading) -> Finding:
    """Make the finding of one vulnerable package. Raises OddEntry."""
    entry_location = mapping(entry, "location")
    dependency = mapping(entry_location, "dependency")
    name = required_text(mapping(dependency, "package"), "name")
    identifiers = any_objects(entry, "identifiers")
    advisory_ids = [
        value
        for item in identifiers
        if any_text(item, "type") in _ADVISORY_TYPES and (value := any_text(item, "value"))
    ]
    rule_id = (
        advisory_ids[0] if advisory_ids else any_text(entry, "name") or required_text(entry, "id")
    )
    image = any_text(entry_location, "image")
    file = text(entry_location, "file")
    location = Location(uri=reading.places.optional(file))
    operating_system = (any_text(entry_location, "operating_system") or "").lower()
    if image is not None:
        location = Location(image=image)
    pages = [url for item in any_objects(entry, "links") if (url := any_text(item, "url"))]
    return vulnerability_finding(
        tool=tool,
        rule_id=rule_id,
        package=package_of(_manager(operating_system, file), name, text(dependency, "version")),
        location=location,
        word=text(entry, "severity"),
        title=any_text(entry, "name") or any_text(entry, "message"),
        description=any_text(entry, "description"),
        other_ids=advisory_ids[1:],
        references=pages,
        cwes=tuple(
            f"CWE-{value.upper().removeprefix('CWE-')}"
            for item in identifiers
            if any_text(item, "type") == "cwe" and (value := any_text(item, "value"))
        ),
        details=Vulnerability(direct=flag(dependency, "direct")),
    )


def _manager(operating_system: str, file: str | None) -> str:
    """Return a package's manager: the image's operating system, or its lock file's ecosystem."""
    if words := operating_system.split():
        return words[0].partition(":")[0]
    from secagg.model.place import ecosystem_of

    return (ecosystem_of(file) if file else None) or ""


def _secret(entry: Entry, tool: str, reading: Reading) -> Finding:
    """Make the finding of one secret; GitLab's reports have no value. Raises OddEntry."""
    location = mapping(entry, "location")
    rule_id, _ = _identifiers(entry)
    commit = any_text(any_mapping(location, "commit"), "sha")
    # Without history there is no commit: the analyzer writes zeros.
    commit = commit if commit and commit.strip("0") else None
    severity, has_severity = of_word(any_text(entry, "severity"))
    title = any_text(entry, "name") or any_text(entry, "message") or rule_id
    return secret_finding(
        tool=tool,
        rule_id=rule_id,
        title=title,
        location=Location(
            uri=reading.places.optional(text(location, "file")),
            start_line=position(location, "start_line"),
            end_line=position(location, "end_line"),
            commit=commit,
        ),
        value_id=None,
        severity=severity if has_severity else Severity.HIGH,
    )
