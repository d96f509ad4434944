"""Bandit: JSON as Bandit 1.7 to 1.9 (``formatters/json.py``) write it."""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_objects,
    any_text,
    integer,
    position,
    required_text,
)
from secagg_parsers.jsonreport import Reading
from secagg_parsers.tosarif import ConvertedRun, SarifConvertingParser, add_each, sarif_message

_MAX_SUPPRESSED = 1_000_000


class BanditParser(SarifConvertingParser):
    """Understands reports of Bandit."""

    tool = "bandit"
    command = "bandit -r . -f json"

    def run_of(self, document: Any, reading: Reading) -> ConvertedRun:
        run = ConvertedRun("Bandit")
        results = document.get("results")
        if is_list(results):
            add_each(results, lambda entry: _add(entry, run), "results", reading)
        else:
            reading.add_problem("results is no list", "results")
        for error in any_objects(document, "errors"):
            # Bandit could not scan the file.
            reason = any_text(error, "reason") or "no reason given"
            run.notice(reason, "error", any_text(error, "filename"))
        totals = any_mapping(any_mapping(document, "metrics"), "_totals")
        for key in ("nosec", "skipped_tests"):
            suppressed = totals.get(key)
            if type(suppressed) is int and 0 < suppressed < _MAX_SUPPRESSED:
                reading.count_suppressed(suppressed)
        return run


def _add(entry: Entry, run: ConvertedRun) -> None:
    rule_id = required_text(entry, "test_id")
    cwe = any_mapping(entry, "issue_cwe").get("id")
    tags = ["security"]
    if type(cwe) is int:
        tags.append(f"external/cwe/cwe-{cwe}")
    line = position(entry, "line_number")
    lines = entry.get("line_range")
    line_numbers = [n for n in lines if type(n) is int and n > 0] if isinstance(lines, list) else []
    start, end = integer(entry, "col_offset"), integer(entry, "end_col_offset")
    first = min([*line_numbers, line]) if line else None
    region = {
        "startLine": first,
        "endLine": max([*line_numbers, first]) if first else None,
        # Bandit counts columns from 0, and writes -1 where it knows none.
        "startColumn": start + 1 if first and start is not None and start >= 0 else None,
        "endColumn": end + 1 if first and end is not None and end > 0 else None,
    }
    rule = {
        "id": rule_id,
        "name": any_text(entry, "test_name"),
        "helpUri": any_text(entry, "more_info"),
        "properties": {"tags": tags},
    }
    result = {
        "message": sarif_message(any_text(entry, "issue_text") or rule_id),
        "properties": {"issue_severity": any_text(entry, "issue_severity") or ""},
    }
    run.add(rule, result, required_text(entry, "filename"), region)
