"""GitHub's code scanning alerts: JSON of the REST API of 2022-11-28 (``GET .../alerts``).

The findings' tools are those that uploaded them. Dismissed and fixed alerts are suppressed.
"""

from __future__ import annotations

from typing import Any

from secagg.parsing import ParseContext, RawReport
from secagg_parsers.fields import (
    Entry,
    OddEntry,
    any_mapping,
    any_text,
    any_texts,
    as_object,
    mapping,
    position,
    required_text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.tosarif import ConvertedRun, sarif_message


class CodeScanningParser(JsonParser):
    """Understands GitHub's code scanning alerts."""

    tool = "code-scanning"
    command = "gh api --paginate --slurp repos/OWNER/NAME/code-scanning/alerts"
    empty_list = True

    def read(self, document: Any, reading: Reading) -> None:
        for run in _runs(document, reading):
            run.read_into(reading, None)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        for run in _runs(report.document, Reading(report, context, self.tool)):
            run.learn(report, context, None)


def _runs(document: Any, reading: Reading) -> list[ConvertedRun]:
    """Make a SARIF run for each tool that has alerts."""
    runs: dict[str, ConvertedRun] = {}
    for index, item in enumerate(document):
        try:
            alert = as_object(item)
            if any_text(alert, "state") in ("dismissed", "fixed"):
                reading.count_suppressed(1)
                continue
            tool = mapping(alert, "tool")
            name = required_text(tool, "name")
            run = runs.get(name) or ConvertedRun(name, any_text(tool, "version"))
            _add(alert, run)
            runs[name] = run
        except OddEntry as error:
            reading.add_problem(error, f"alerts[{index}]")
    return list(runs.values())


def _add(alert: Entry, run: ConvertedRun) -> None:
    alert_rule, instance = mapping(alert, "rule"), mapping(alert, "most_recent_instance")
    location = any_mapping(instance, "location")
    rule_id = required_text(alert_rule, "id")
    description = any_text(alert_rule, "description")
    rule = {
        "id": rule_id,
        "name": any_text(alert_rule, "name"),
        "shortDescription": sarif_message(description),
        "fullDescription": sarif_message(any_text(alert_rule, "full_description")),
        "help": sarif_message(any_text(alert_rule, "help")),
        "properties": {"tags": list(any_texts(alert_rule, "tags"))},
    }
    message = any_text(any_mapping(instance, "message"), "text")
    severity = any_text(alert_rule, "security_severity_level")
    result = {
        "message": sarif_message(message or description or rule_id),
        "level": any_text(alert_rule, "severity"),
        "properties": {"severity": severity} if severity else None,
    }
    region = {
        "startLine": position(location, "start_line"),
        "startColumn": position(location, "start_column"),
        "endLine": position(location, "end_line"),
        "endColumn": position(location, "end_column"),
    }
    run.add(rule, result, any_text(location, "path"), region if region["startLine"] else {})
