"""GitLab's security reports: SAST, dependency and container scanning, secret detection.

Fields as GitLab's security report schemas 14 and 15 (``security-report-schemas``) name them. The
findings' tool is the scanner that the report names. Reports on running applications (DAST, API
fuzzing) name addresses and no files, and are refused.
"""

from __future__ import annotations

from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Severity, Vulnerability
from secagg.model.severity import of_word
from secagg.parsing import ParseContext, RawReport
from secagg.sarif.producers import tool_name
from secagg_parsers.dependency import package_of, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_objects,
    any_text,
    flag,
    mapping,
    needed,
    position,
    sighting,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.sarifmade import MadeRun, add_each, lines_of, message_of

_PACKAGES = frozenset({"dependency_scanning", "container_scanning", "cluster_image_scanning"})
_ADVISORIES = frozenset({"cve", "ghsa", "osvdb", "rustsec", "pysec", "gemnasium", "usn", "rhsa"})
# What stands in an image's operating system before its version.
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "none"}


class GitLabParser(JsonParser):
    """Understands GitLab's security reports."""

    tool = "gitlab"
    command = "GitLab's own jobs (gl-*-report.json)"

    def read(self, document: Any, reading: Reading) -> None:
        scan = _scan_of(document)
        kind, tool = any_text(scan, "type") or "", _tool(scan)
        reading.parsed.tool = tool
        version = any_text(any_mapping(scan, "scanner"), "version")
        reading.parsed.tool_version = version and reading.redactor.mask(version)
        self._failures(scan, reading)
        found = document.get("vulnerabilities")
        if not is_list(found):
            reading.odd("vulnerabilities is no list", "vulnerabilities")
        elif kind == "sast":
            for scanner, run in _runs(found, scan, reading).items():
                run.read_into(reading, tool_name(scanner))
        elif kind in _PACKAGES or kind == "secret_detection":
            build = _secret if kind == "secret_detection" else _package
            for index, item in enumerate(found):
                where = f"vulnerabilities[{index}]"
                reading.keep(item, lambda e: build(e, tool, reading), where)
        else:
            raise ReportError(
                "this kind of GitLab report is not read",
                report=reading.report.name,
                hint="secagg reads SAST, dependency, container and secret detection reports",
            )

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Let the redactor know the credentials that rules of a SAST report quote."""
        scan = _scan_of(report.document)
        found = report.document.get("vulnerabilities")
        if any_text(scan, "type") == "sast" and is_list(found):
            for scanner, run in _runs(found, scan, Reading(report, context, self.tool)).items():
                run.learn(report, context, tool_name(scanner))

    def _failures(self, scan: Entry, reading: Reading) -> None:
        if any_text(scan, "status") == "failure":
            reading.gap("the scanner says that it failed", fatal=True)
        for message in any_objects(scan, "messages"):
            level, value = any_text(message, "level"), any_text(message, "value")
            if level in ("fatal", "error", "warn") and value:
                reading.gap(value, fatal=level != "warn")


def _scan_of(document: Any) -> Entry:
    """Give what the report says of the scan; before schema 14 each entry says it."""
    scan = any_mapping(document, "scan")
    found = document.get("vulnerabilities")
    first = found[0] if is_list(found) and len(found) else None
    if scan or not isinstance(first, dict):
        return scan
    place = any_mapping(first, "location")
    packaged = bool(any_mapping(any_mapping(place, "dependency"), "package").get("name"))
    guessed = "dependency_scanning" if packaged else "sast"
    scanner = any_mapping(first, "scanner")
    return {"type": any_text(first, "category") or guessed, "scanner": scanner}


def _tool(scan: Entry) -> str:
    scanner = any_mapping(scan, "scanner")
    return tool_name(any_text(scanner, "id") or any_text(scanner, "name") or "gitlab")


def _runs(found: Any, scan: Entry, reading: Reading) -> dict[str, MadeRun]:
    """Make a run of each scanner; until schema 14 an entry says which scanner found it."""
    runs: dict[str, MadeRun] = {}

    def add(entry: Entry) -> None:
        scanner = any_mapping(entry, "scanner") or any_mapping(scan, "scanner")
        name = any_text(scanner, "id") or any_text(scanner, "name") or "gitlab"
        if name not in runs:
            runs[name] = MadeRun(name, any_text(any_mapping(scan, "scanner"), "version"))
        _add(entry, runs[name])

    add_each(found, add, "vulnerabilities", reading)
    return runs


def _add(entry: Entry, run: MadeRun) -> None:
    place = mapping(entry, "location")
    own, tags = _identifiers(entry)
    title = any_text(entry, "name") or any_text(entry, "message")
    word = (any_text(entry, "severity") or "").lower()
    rule = {
        "id": own,
        "shortDescription": message_of(title),
        "helpUri": next(
            (u for i in any_objects(entry, "identifiers") if (u := any_text(i, "url"))), None
        ),
        "properties": {"tags": ["security", *tags]},
    }
    result = {
        "message": message_of(any_text(entry, "description") or title or own),
        "level": _LEVELS.get(word),
        "properties": {"severity": word} if word == "critical" else None,
    }
    run.add(rule, result, text(place, "file"), lines_of(place, "start_line", "end_line"))


def _identifiers(entry: Entry) -> tuple[str, list[str]]:
    """Give the scanner's own id of the rule, and the CWE entries. Raises OddEntry."""
    named = any_objects(entry, "identifiers")
    cwes = [
        f"external/cwe/cwe-{value.upper().removeprefix('CWE-')}"
        for one in named
        if any_text(one, "type") == "cwe" and (value := any_text(one, "value"))
    ]
    own = [v for one in named if any_text(one, "type") != "cwe" and (v := any_text(one, "value"))]
    return own[0] if own else any_text(entry, "name") or needed(entry, "id"), cwes


def _package(entry: Entry, tool: str, reading: Reading) -> Finding:
    """Make the finding of one vulnerable package. Raises OddEntry."""
    place = mapping(entry, "location")
    dependency = mapping(place, "dependency")
    name = needed(mapping(dependency, "package"), "name")
    named = any_objects(entry, "identifiers")
    ids = [
        v for one in named if any_text(one, "type") in _ADVISORIES and (v := any_text(one, "value"))
    ]
    rule_id = ids[0] if ids else any_text(entry, "name") or needed(entry, "id")
    image = any_text(place, "image")
    file = text(place, "file")
    location = Location(uri=reading.places.optional(file))
    system = (any_text(place, "operating_system") or "").lower()
    if image is not None:
        location = Location(image=image)
    pages = [url for one in any_objects(entry, "links") if (url := any_text(one, "url"))]
    return vulnerable(
        tool=tool,
        rule_id=rule_id,
        package=package_of(_manager(system, file), name, text(dependency, "version")),
        location=location,
        word=text(entry, "severity"),
        title=any_text(entry, "name") or any_text(entry, "message"),
        description=any_text(entry, "description"),
        other_ids=ids[1:],
        references=pages,
        cwes=tuple(
            f"CWE-{value.upper().removeprefix('CWE-')}"
            for one in named
            if any_text(one, "type") == "cwe" and (value := any_text(one, "value"))
        ),
        details=Vulnerability(direct=flag(dependency, "direct")),
    )


def _manager(system: str, file: str | None) -> str:
    """Name what manages a package: its image's system, else the ecosystem of its lock file."""
    if words := system.split():
        return words[0].partition(":")[0]
    from secagg.model.place import ecosystem_of

    return (ecosystem_of(file) if file else None) or ""


def _secret(entry: Entry, tool: str, reading: Reading) -> Finding:
    """Make the finding of one secret, whose value GitLab's reports do not hold. Raises OddEntry."""
    place = mapping(entry, "location")
    rule_id, _ = _identifiers(entry)
    commit = any_text(any_mapping(place, "commit"), "sha")
    # Without history there is no commit: the analyzer writes zeros.
    commit = commit if commit and commit.strip("0") else None
    severity, known = of_word(any_text(entry, "severity"))
    title = any_text(entry, "name") or any_text(entry, "message") or rule_id
    return sighting(
        tool=tool,
        rule_id=rule_id,
        title=title,
        location=Location(
            uri=reading.places.optional(text(place, "file")),
            start_line=position(place, "start_line"),
            end_line=position(place, "end_line"),
            commit=commit,
        ),
        value_id=None,
        severity=severity if known else Severity.HIGH,
    )
