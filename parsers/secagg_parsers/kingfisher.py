"""Kingfisher: JSON and JSON lines as Kingfisher 2.14 writes them.

It prints a summary on a line of its own after the report. The value of a secret is in ``snippet``,
and in the commands that Kingfisher suggests: both are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list, loads
from secagg.model.finding import Finding, Location
from secagg.parsing import EntryProblem, ParseContext, ParsedReport, RawReport
from secagg.secrets.redactor import identify
from secagg_parsers.fields import (
    Entry,
    OddEntry,
    any_mapping,
    any_text,
    as_object,
    mapping,
    position,
    required_text,
    secret_finding,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.shapes import SURE, is_kingfisher_entry

_SAFE_FIELDS = ("line", "column_start", "column_end", "path", "git_metadata", "confidence")
_ACTIVE = "active credential"
_INACTIVE = "inactive credential"


class KingfisherParser(JsonParser):
    """Understands reports of Kingfisher."""

    tool = "kingfisher"
    command = "kingfisher scan --format json --output FILE"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None:
            return SURE if _first_line(report) is not None else 0
        return super().confidence(report)

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        first = _first_line(report) if report.error is not None else None
        if first is None:
            return super().parse(report, context)
        reading = Reading(report, context, self.tool)
        if is_kingfisher_entry(first):
            for number, line in enumerate(_lines(report)):
                if not (isinstance(line, dict) and type(line.get("findings")) is int):
                    self._entry(line, f"line {number + 1}", reading)
        else:
            self.read(first, reading)
        return reading.parsed

    def read(self, document: Any, reading: Reading) -> None:
        if isinstance(document, dict):
            version = any_text(any_mapping(document, "metadata"), "kingfisher_version")
            reading.parsed.tool_version = version and reading.redactor.mask(version)
            self._audit(any_mapping(document, "audit"), reading)
            document = document.get("findings")
        if not is_list(document):
            reading.add_problem("findings is no list", "findings")
            return
        for index, item in enumerate(document):
            self._entry(item, f"findings[{index}]", reading)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Register the value of every finding with the redactor."""
        document = report.document if report.error is None else _first_line(report)
        if report.error is not None and is_kingfisher_entry(document):
            document = list(_lines(report))
        if isinstance(document, dict):
            document = document.get("findings")
        for item in document:
            finding = item.get("finding") if isinstance(item, dict) else None
            if isinstance(finding, dict):
                identify(context.redactor, any_text(finding, "snippet"))

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the report's secrets with the redactor."""
        if report.error is not None:
            self.learn_values(report, context)
        else:
            super().learn(report, context)

    def _audit(self, audit: Entry, reading: Reading) -> None:
        """Add gaps for repositories that were not scanned, or only in part."""
        summary = any_mapping(audit, "summary")
        for key in ("fetch_failed", "scan_failed", "scan_partial", "pending"):
            count = summary.get(key)
            if type(count) is int and count > 0:
                reading.gap(f"kingfisher: {count} with {key.replace('_', ' ')}", fatal=True)

    def _entry(self, item: Any, where: str, reading: Reading) -> None:
        reading.parsed.reported += 1
        try:
            reading.parsed.findings.append(_finding(as_object(item), reading))
        except OddEntry as error:
            reading.parsed.problems.append(EntryProblem(message=str(error), where=where))


def _finding(entry: Entry, reading: Reading) -> Finding:
    """Make the finding of one entry; its value becomes a keyed hash. Raises OddEntry."""
    raw_finding = mapping(entry, "finding")
    value_id = identify(reading.redactor, text(raw_finding, "snippet"))
    mask = reading.redactor.mask_json
    rule = mask(mapping(entry, "rule"))
    finding = mask({key: raw_finding[key] for key in _SAFE_FIELDS if key in raw_finding})
    commit = any_mapping(any_mapping(finding, "git_metadata"), "commit")
    path = text(finding, "path")
    if commit:
        path = any_text(any_mapping(any_mapping(finding, "git_metadata"), "file"), "path") or path
    end = position(finding, "column_end")
    status = (any_text(any_mapping(raw_finding, "validation"), "status") or "").lower()
    rule_id = required_text(rule, "id")
    return secret_finding(
        tool="kingfisher",
        rule_id=rule_id,
        title=any_text(rule, "name") or rule_id,
        description=any_text(rule, "description"),
        location=Location(
            uri=reading.places.optional(path),
            start_line=position(finding, "line"),
            start_column=position(finding, "column_start"),
            # Kingfisher names the last column, SARIF the one after it.
            end_column=None if end is None else end + 1,
            commit=any_text(commit, "id"),
        ),
        value_id=value_id,
        verified={_ACTIVE: True, _INACTIVE: False}.get(status),
    )


def _first_line(report: RawReport) -> Any:
    """Return the first line as JSON if it is a report or an entry of Kingfisher; else None."""
    data = report.text
    end = data.find(b"\n")
    first = data[: end if end >= 0 else len(data)].strip()
    if not first.startswith(b'{"') or b'"finding' not in first:
        return None
    try:
        value = loads(first, report=report.name)
    except ReportError:
        return None
    if is_kingfisher_entry(value):
        return value
    has_report_keys = isinstance(value, dict) and ("audit" in value or "metadata" in value)
    return value if has_report_keys and is_list(value.get("findings")) else None


def _lines(report: RawReport) -> Iterator[Any]:
    for line in report.text.splitlines():
        if line.strip():
            try:
                yield loads(line, report=report.name)
            except ReportError:
                yield None
