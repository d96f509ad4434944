"""Semgrep: JSON as Semgrep 1.1xx writes it (``semgrep_output_v1``); what ``nosem`` hides counts."""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg_parsers.fields import Entry, any_mapping, any_text, mapping, needed, position
from secagg_parsers.jsonreport import Reading
from secagg_parsers.sarifmade import (
    MadeParser,
    MadeRun,
    add_each,
    cwe_tags,
    message_of,
    one_or_more,
)

_LEVELS = {"ERROR": "error", "WARNING": "warning", "INFO": "note", "INVENTORY": "note"}
_NOTICES = {"error": "error", "warn": "warning"}


class SemgrepParser(MadeParser):
    """Understands reports of Semgrep."""

    tool = "semgrep"
    command = "semgrep scan --json"

    def run_of(self, document: Any, reading: Reading) -> MadeRun:
        run = MadeRun("Semgrep OSS", any_text(document, "version"))
        results = document.get("results")
        if is_list(results):
            add_each(results, lambda entry: _add(entry, run, reading), "results", reading)
        else:
            reading.odd("results is no list", "results")
        errors = document.get("errors")
        for error in errors if is_list(errors) else ():
            if isinstance(error, dict):
                text = (
                    any_text(error, "long_msg") or any_text(error, "message") or "no reason given"
                )
                level = _NOTICES.get(str(error.get("level")).lower(), "note")
                run.notice(text, level, any_text(error, "path"))
        return run


def _add(entry: Entry, run: MadeRun, reading: Reading) -> None:
    extra = mapping(entry, "extra")
    if extra.get("is_ignored") is True:
        reading.hidden(1)
        return
    about = any_mapping(extra, "metadata")
    rule_id = needed(entry, "check_id")
    word = any_text(extra, "severity") or ""
    start, end = mapping(entry, "start"), mapping(entry, "end")
    confidence = any_text(about, "confidence")
    rule = {
        "id": rule_id,
        "helpUri": any_text(about, "source") or any_text(about, "shortlink"),
        "properties": {
            "tags": [
                *cwe_tags(one_or_more(about, "cwe")),
                *([f"{confidence} CONFIDENCE"] if confidence else []),
                *one_or_more(about, "owasp"),
                "security",
            ]
        },
    }
    result = {
        "level": _LEVELS.get(word.upper()),
        "message": message_of(any_text(extra, "message") or rule_id),
        "properties": {"severity": word} if word.upper() not in _LEVELS else None,
    }
    region = {
        "startLine": position(start, "line"),
        "startColumn": position(start, "col"),
        "endLine": position(end, "line"),
        "endColumn": position(end, "col"),
    }
    run.add(rule, result, needed(entry, "path"), region if region["startLine"] else {})
