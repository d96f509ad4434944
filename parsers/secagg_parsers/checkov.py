"""Checkov: JSON of one framework, an object, or of several, a list; as Checkov 3 writes them.

Passed checks are ignored; skipped ones are suppressed. Files that could not be parsed make the scan
incomplete.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location
from secagg_parsers.dependency import cvss_rating, package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_text,
    any_texts,
    required_text,
    text,
)
from secagg_parsers.jsonreport import Reading
from secagg_parsers.tosarif import (
    ConvertedRun,
    Json,
    SarifConvertingParser,
    add_each,
    sarif_message,
)

# Frameworks whose "resource" is a resource's own name, and not the file's.
_NAMED_RESOURCES = frozenset(
    {"arm", "azure_pipelines", "bicep", "cloudformation", "serverless", "terraform"}
)


class CheckovParser(SarifConvertingParser):
    """Understands reports of Checkov."""

    tool = "checkov"
    command = "checkov -d . -o json"

    def read(self, document: Any, reading: Reading) -> None:
        super().read(document, reading)
        for framework, where in _frameworks(document):
            for index, item in enumerate(_checks(framework, "failed_checks")):
                if _is_package_check(item):
                    reading.keep(item, lambda e: _package_finding(e, reading), f"{where}[{index}]")

    def run_of(self, document: Any, reading: Reading) -> ConvertedRun:
        run = ConvertedRun("Checkov")
        for framework, where in _frameworks(document):
            if not isinstance(framework, dict):
                reading.add_problem("the entry is no object", where)
                continue
            check_type = any_text(framework, "check_type") or ""
            failed = [c for c in _checks(framework, "failed_checks") if not _is_package_check(c)]
            add_each(failed, partial(_add, run, check_type), where, reading)
            reading.count_suppressed(len(_checks(framework, "skipped_checks")))
            for file in any_texts(any_mapping(framework, "results"), "parsing_errors"):
                run.notice("the file cannot be parsed", "error", file.lstrip("/"))
            summary = any_mapping(framework, "summary")
            listed = len(_checks(framework, "failed_checks"))
            reading.check_count(summary.get("failed"), listed, "failed checks")
            version = any_text(summary, "checkov_version")
            reading.parsed.tool_version = version and reading.redactor.mask(version)
        return run


def _frameworks(document: Any) -> list[tuple[Any, str]]:
    if is_list(document):
        return [
            (framework, f"[{index}].results.failed_checks")
            for index, framework in enumerate(document)
        ]
    return [(document, "results.failed_checks")]


def _checks(framework: Any, key: str) -> list[Any]:
    results = framework.get("results") if isinstance(framework, dict) else None
    checks = results.get(key) if isinstance(results, dict) else None
    return list(checks) if is_list(checks) else []


def _is_package_check(check: Any) -> bool:
    return isinstance(check, dict) and isinstance(check.get("vulnerability_details"), dict)


def _add(run: ConvertedRun, check_type: str, entry: Entry) -> None:
    check_id = required_text(entry, "check_id")
    name = any_text(entry, "check_name")
    resource = any_text(entry, "resource")
    severity = any_text(entry, "severity")
    rule = {
        "id": check_id,
        "name": name,
        "shortDescription": sarif_message(name),
        "helpUri": any_text(entry, "guideline"),
    }
    result: Json = {
        "message": sarif_message(name or check_id),
        # Checkov knows no severity without its platform.
        "level": "error",
        "properties": {"severity": severity} if severity else None,
    }
    if resource is not None and check_type.removesuffix("_plan") in _NAMED_RESOURCES:
        result["resource"] = resource
    run.add(rule, result, _file(entry), _lines(entry))


def _file(entry: Entry) -> str | None:
    """Return the path of the file; Checkov writes it with the scanned directory as "/"."""
    path = text(entry, "file_path")
    return None if path is None else path.lstrip("/")


def _lines(entry: Entry) -> Json:
    line_range = entry.get("file_line_range")
    lines = (
        [n for n in line_range if type(n) is int and n > 0] if isinstance(line_range, list) else []
    )
    return {"startLine": lines[0], "endLine": max(lines)} if len(lines) == 2 else {}


def _package_finding(entry: Entry, reading: Reading) -> Finding:
    """Make the finding of a vulnerable package. Raises OddEntry."""
    details = entry["vulnerability_details"]
    fixed = any_text(details, "lowest_fixed_version")
    page = any_text(details, "link")
    vector = any_text(details, "vector")
    return vulnerability_finding(
        tool="checkov",
        rule_id=required_text(details, "id"),
        package=package_of(
            any_text(details, "package_type") or "",
            required_text(details, "package_name"),
            text(details, "package_version"),
        ),
        location=Location(uri=reading.places.optional(_file(entry))),
        word=any_text(details, "severity"),
        ratings=cvss_rating("checkov", any_number(details, "cvss"), vector),
        description=any_text(details, "description"),
        fixed=(fixed,) if fixed else (),
        references=(page,) if page else (),
        page=page,
    )
