"""Gitleaks: JSON of 8 (``git`` and ``dir``) and of 7, and its SARIF.

Fields as the report writers of Gitleaks 8.30 and 7.5 name them. Match, Secret, line and
offender hold the raw secret; Author, Email and Date are personal data and are dropped.
"""

from __future__ import annotations

from typing import Any

from secagg.errors import ReportError
from secagg.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import Entry, as_object, needed, position, take, text
from secagg_parsers.masking import Masker, identify
from secagg_parsers.places import Places
from secagg_parsers.shapes import (
    LIKELY,
    MAYBE,
    SURE,
    check_shape,
    is_sarif,
    sarif_drivers,
    shape_of,
)

_GENERIC_FIX = "Revoke the secret where it was issued, then remove it from the code and history."


class GitleaksParser:
    """Understands reports of Gitleaks."""

    tool = "gitleaks"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None:
            return 0
        document = report.document
        if document is None or document == []:
            return MAYBE
        if is_sarif(document):
            return LIKELY if sarif_drivers(document)[:1] == ["gitleaks"] else 0
        return SURE if shape_of(report) == "gitleaks" else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        if report.tool == self.tool and not report.data.strip():
            return ParsedReport(tool=self.tool)
        document = report.document
        if is_sarif(document):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        if document is None:
            return ParsedReport(tool=self.tool)
        if isinstance(document, dict):
            document = document.get("findings")
        if not isinstance(document, list):
            raise ReportError("a list of leaks is expected", report=report.name, offset=0)
        for item in document:
            _learn(item, context)
        parsed = ParsedReport(tool=self.tool)
        take(parsed, document, _Reader(report, context).finding, "leaks")
        return parsed


def _learn(item: Any, context: ParseContext) -> None:
    """Make every secret known before any text is masked."""
    if isinstance(item, dict):
        for name in ("Secret", "offender"):
            value = item.get(name)
            if isinstance(value, str) and value:
                identify(context.redactor, value)


class _Reader:
    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._redactor = context.redactor
        self._mask = Masker(context.redactor)
        self._places = Places(context.root, report.component)
        self._rules: dict[str, Rule] = {}

    def finding(self, item: Any) -> Finding:
        entry = as_object(item)
        return self._of_7(entry) if "offender" in entry else self._of_8(entry)

    def _of_8(self, entry: Entry) -> Finding:
        rule_id = needed(entry, "RuleID")
        commit = text(entry, "Commit")
        line, end = position(entry, "StartLine"), position(entry, "EndLine")
        # Gitleaks counts the newline before a line: columns after the first line are one high.
        shift = 1 if line is not None and line > 1 else 0
        place = Location(
            uri=self._places.optional(text(entry, "File")),
            start_line=line,
            start_column=_moved(position(entry, "StartColumn"), shift),
            end_line=end,
            # Gitleaks names the last column of a match, SARIF the one behind it.
            end_column=_moved(position(entry, "EndColumn"), shift - 1),
            commit=commit,
        )
        value = text(entry, "Secret") or text(entry, "Match")
        return self._finding(rule_id, text(entry, "Description"), value, place, entry)

    def _of_7(self, entry: Entry) -> Finding:
        place = Location(
            uri=self._places.optional(text(entry, "file")),
            start_line=position(entry, "lineNumber"),
            commit=text(entry, "commit"),
        )
        rule_id = needed(entry, "rule")
        return self._finding(rule_id, None, text(entry, "offender"), place, entry)

    def _finding(
        self, rule_id: str, said: str | None, value: str | None, place: Location, entry: Entry
    ) -> Finding:
        rule_id = self._mask[rule_id]
        rule = self._rules.get(rule_id)
        if rule is None:
            description = self._mask.optional(said)
            rule = self._rules[rule_id] = Rule(
                id=rule_id, short_description=description, tags=("security", "secret")
            )
        title = _title(rule)
        where = f" in commit {place.commit[:10]}" if place.commit else ""
        print_ = text(entry, "Fingerprint")
        return Finding(
            tool="gitleaks",
            kind=Kind.SECRET,
            rule_id=rule_id,
            severity=Severity.HIGH,
            title=title,
            message=f"{title} in {self._mask[place.uri or 'the repository']}{where}.",
            location=place,
            rule=rule,
            cwes=("CWE-798",),
            secret=SecretSighting(
                id=self._identity(value), detector=rule_id, in_history=place.commit is not None
            ),
            fix=_GENERIC_FIX,
            fingerprints={"gitleaks": self._mask[print_]} if print_ else {},
        )

    def _identity(self, value: str | None) -> str | None:
        return None if value is None else identify(self._redactor, value)


def _title(rule: Rule) -> str:
    """The rule's name in words: its description is two sentences of advice."""
    words = rule.id.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _moved(column: int | None, by: int) -> int | None:
    return None if column is None else max(1, column - by)
