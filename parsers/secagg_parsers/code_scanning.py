"""GitHub's code scanning alerts: JSON of the REST API of 2022-11-28 (``GET .../alerts``).

Their findings are those of the tools that uploaded them. What was dismissed or is fixed is
suppressed.
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
    needed,
    position,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.sarifmade import MadeRun, message_of


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


def _runs(document: Any, reading: Reading) -> list[MadeRun]:
    """Make a run of each tool that has alerts."""
    runs: dict[str, MadeRun] = {}
    for index, item in enumerate(document):
        try:
            alert = as_object(item)
            if any_text(alert, "state") in ("dismissed", "fixed"):
                reading.hidden(1)
                continue
            tool = mapping(alert, "tool")
            name = needed(tool, "name")
            run = runs.get(name) or MadeRun(name, any_text(tool, "version"))
            _add(alert, run)
            runs[name] = run
        except OddEntry as why:
            reading.odd(why, f"alerts[{index}]")
    return list(runs.values())


def _add(alert: Entry, run: MadeRun) -> None:
    about, instance = mapping(alert, "rule"), mapping(alert, "most_recent_instance")
    place = any_mapping(instance, "location")
    rule_id = needed(about, "id")
    described = any_text(about, "description")
    rule = {
        "id": rule_id,
        "name": any_text(about, "name"),
        "shortDescription": message_of(described),
        "fullDescription": message_of(any_text(about, "full_description")),
        "help": message_of(any_text(about, "help")),
        "properties": {"tags": list(any_texts(about, "tags"))},
    }
    message = any_text(any_mapping(instance, "message"), "text")
    word = any_text(about, "security_severity_level")
    result = {
        "message": message_of(message or described or rule_id),
        "level": any_text(about, "severity"),
        "properties": {"severity": word} if word else None,
    }
    region = {
        "startLine": position(place, "start_line"),
        "startColumn": position(place, "start_column"),
        "endLine": position(place, "end_line"),
        "endColumn": position(place, "end_column"),
    }
    run.add(rule, result, any_text(place, "path"), region if region["startLine"] else {})
