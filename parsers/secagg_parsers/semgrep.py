"""Semgrep: JSON as Semgrep 1.1xx writes it (``semgrep_output_v1``); ``nosem`` suppresses."""

from __future__ import annotations

from collections import Counter
from typing import Any

from secagg.jsonio.reading import is_list
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_objects,
    any_text,
    mapping,
    position,
    required_text,
)
from secagg_parsers.jsonreport import Reading
from secagg_parsers.tosarif import (
    ConvertedRun,
    SarifConvertingParser,
    add_each,
    cwe_tags,
    one_or_more,
    sarif_message,
)

_LEVELS = {"ERROR": "error", "WARNING": "warning", "INFO": "note", "INVENTORY": "note"}
# Reasons for which Semgrep skips a file that it was to scan.
_NOT_SCANNED = frozenset(
    {
        "analysis_failed_parser_or_internal_error",
        "exceeded_size_limit",
        "insufficient_permissions",
        "too_many_matches",
    }
)
_NOTIFICATION_LEVELS = {"error": "error", "warn": "warning"}


class SemgrepParser(SarifConvertingParser):
    """Understands reports of Semgrep."""

    tool = "semgrep"
    command = "semgrep scan --json"

    def run_of(self, document: Any, reading: Reading) -> ConvertedRun:
        run = ConvertedRun("Semgrep OSS", any_text(document, "version"))
        results = document.get("results")
        if is_list(results):
            add_each(results, lambda entry: _add(entry, run, reading), "results", reading)
        else:
            reading.add_problem("results is no list", "results")
        paths = any_mapping(document, "paths")
        if paths.get("scanned") == []:
            reading.gap("Semgrep scanned no file")
        reasons = Counter(any_text(entry, "reason") for entry in any_objects(paths, "skipped"))
        for reason in sorted(_NOT_SCANNED & reasons.keys()):
            reading.gap(f"Semgrep skipped {reasons[reason]} files: {reason}")
        errors = document.get("errors")
        for error in errors if is_list(errors) else ():
            if isinstance(error, dict):
                text = (
                    any_text(error, "long_msg") or any_text(error, "message") or "no reason given"
                )
                level = _NOTIFICATION_LEVELS.get(str(error.get("level")).lower(), "note")
                run.notice(text, level, any_text(error, "path"))
        return run


def _add(entry: Entry, run: ConvertedRun, reading: Reading) -> None:
    extra = mapping(entry, "extra")
    if extra.get("is_ignored") is True:
        reading.count_suppressed(1)
        return
    metadata = any_mapping(extra, "metadata")
    rule_id = required_text(entry, "check_id")
    severity = any_text(extra, "severity") or ""
    start, end = mapping(entry, "start"), mapping(entry, "end")
    confidence = any_text(metadata, "confidence")
    rule = {
        "id": rule_id,
        "helpUri": any_text(metadata, "source") or any_text(metadata, "shortlink"),
        "properties": {
            "tags": [
                *cwe_tags(one_or_more(metadata, "cwe")),
                *([f"{confidence} CONFIDENCE"] if confidence else []),
                *one_or_more(metadata, "owasp"),
                "security",
            ]
        },
    }
    result = {
        "level": _LEVELS.get(severity.upper()),
        "message": sarif_message(any_text(extra, "message") or rule_id),
        "properties": {"severity": severity} if severity.upper() not in _LEVELS else None,
    }
    region = {
        "startLine": position(start, "line"),
        "startColumn": position(start, "col"),
        "endLine": position(end, "line"),
        "endColumn": position(end, "col"),
    }
    run.add(rule, result, required_text(entry, "path"), region if region["startLine"] else {})
