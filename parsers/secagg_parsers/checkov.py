"""Checkov: JSON of one framework, an object, or of several, a list; as Checkov 3 writes them.

Checks that passed were never problems; skipped ones are suppressed. Files that could not be parsed
make the scan incomplete.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location
from secagg_parsers.dependency import package_of, scored, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_text,
    any_texts,
    needed,
    text,
)
from secagg_parsers.jsonreport import Reading
from secagg_parsers.sarifmade import Json, MadeParser, MadeRun, add_each, message_of

# Where what Checkov calls a resource is one by its own name, and not by its file's.
_WITH_RESOURCES = frozenset(
    {"arm", "azure_pipelines", "bicep", "cloudformation", "serverless", "terraform"}
)


class CheckovParser(MadeParser):
    """Understands reports of Checkov."""

    tool = "checkov"
    command = "checkov -d . -o json"

    def read(self, document: Any, reading: Reading) -> None:
        super().read(document, reading)
        for framework, where in _frameworks(document):
            for index, item in enumerate(_checks(framework, "failed_checks")):
                if _is_package(item):
                    reading.keep(item, lambda e: _vulnerable(e, reading), f"{where}[{index}]")

    def run_of(self, document: Any, reading: Reading) -> MadeRun:
        run = MadeRun("Checkov")
        for framework, where in _frameworks(document):
            if not isinstance(framework, dict):
                reading.odd("the entry is no object", where)
                continue
            kind = any_text(framework, "check_type") or ""
            failed = [c for c in _checks(framework, "failed_checks") if not _is_package(c)]
            add_each(failed, partial(_add, run, kind), where, reading)
            reading.hidden(len(_checks(framework, "skipped_checks")))
            for file in any_texts(any_mapping(framework, "results"), "parsing_errors"):
                run.notice("the file cannot be parsed", "error", file.lstrip("/"))
            version = any_text(any_mapping(framework, "summary"), "checkov_version")
            reading.parsed.tool_version = version and reading.redactor.mask(version)
        return run


def _frameworks(document: Any) -> list[tuple[Any, str]]:
    if is_list(document):
        return [(each, f"[{index}].results.failed_checks") for index, each in enumerate(document)]
    return [(document, "results.failed_checks")]


def _checks(framework: Any, key: str) -> list[Any]:
    results = framework.get("results") if isinstance(framework, dict) else None
    checks = results.get(key) if isinstance(results, dict) else None
    return list(checks) if is_list(checks) else []


def _is_package(check: Any) -> bool:
    return isinstance(check, dict) and isinstance(check.get("vulnerability_details"), dict)


def _add(run: MadeRun, kind: str, entry: Entry) -> None:
    check = needed(entry, "check_id")
    name = any_text(entry, "check_name")
    resource = any_text(entry, "resource")
    word = any_text(entry, "severity")
    rule = {
        "id": check,
        "name": name,
        "shortDescription": message_of(name),
        "helpUri": any_text(entry, "guideline"),
    }
    result: Json = {
        "message": message_of(name or check),
        # Checkov knows no severity without its platform.
        "level": "error",
        "properties": {"severity": word} if word else None,
    }
    if resource is not None and kind.removesuffix("_plan") in _WITH_RESOURCES:
        result["resource"] = resource
    run.add(rule, result, _file(entry), _lines(entry))


def _file(entry: Entry) -> str | None:
    """Give the file; Checkov names it from the scanned directory as "/"."""
    path = text(entry, "file_path")
    return None if path is None else path.lstrip("/")


def _lines(entry: Entry) -> Json:
    given = entry.get("file_line_range")
    lines = [n for n in given if type(n) is int and n > 0] if isinstance(given, list) else []
    return {"startLine": lines[0], "endLine": max(lines)} if len(lines) == 2 else {}


def _vulnerable(entry: Entry, reading: Reading) -> Finding:
    """Make the finding of a vulnerable package. Raises OddEntry."""
    details = entry["vulnerability_details"]
    fixed = any_text(details, "lowest_fixed_version")
    page = any_text(details, "link")
    vector = any_text(details, "vector")
    return vulnerable(
        tool="checkov",
        rule_id=needed(details, "id"),
        package=package_of(
            any_text(details, "package_type") or "",
            needed(details, "package_name"),
            text(details, "package_version"),
        ),
        location=Location(uri=reading.places.optional(_file(entry))),
        word=any_text(details, "severity"),
        ratings=scored("checkov", any_number(details, "cvss"), vector),
        description=any_text(details, "description"),
        fixed=(fixed,) if fixed else (),
        references=(page,) if page else (),
        page=page,
    )
