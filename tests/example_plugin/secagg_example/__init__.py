"""A parser for Pinboard, an imaginary linter that writes
``{"pinboard": 1, "notes": [{"rule": ..., "file": ..., "line": ..., "says": ...}]}``.
"""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Location, Severity
from secagg.parsing import EntryProblem, ParseContext, ParsedReport, RawReport


class PinboardParser:
    """Understands Pinboard's reports."""

    tool = "pinboard"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        return 90 if isinstance(document, dict) and "pinboard" in document else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        notes = document.get("notes") if isinstance(document, dict) else None
        if not isinstance(notes, list):
            raise ReportError("this is no report of pinboard: it has no notes", report=report.name)
        parsed = ParsedReport(tool=self.tool, reported=len(notes))
        for index, note in enumerate(notes):
            try:
                says, line = note["says"], note["line"]
                finding = Finding(
                    tool=self.tool,
                    kind=Kind.CODE,
                    rule_id=note["rule"],
                    severity=Severity.LOW,
                    title=note["rule"],
                    message=context.redactor.mask(says),
                    location=Location(uri=note["file"], start_line=line if line > 0 else None),
                )
            except (KeyError, TypeError):
                problem = EntryProblem(message="the note is not complete", where=f"notes[{index}]")
                parsed.problems.append(problem)
            else:
                parsed.findings.append(finding)
        return parsed
