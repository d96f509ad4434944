"""TruffleHog 3: a JSON object a line, with log lines between; and the lines of TruffleHog 2.

Fields as TruffleHog's ``pkg/output/json.go`` and ``legacy_json.go`` write them. Raw, RawV2 and
SecretParts hold the secret, ExtraData sometimes does, Redacted may: none of them is taken
over. The same secret comes once for each decoder that saw it.
"""

from __future__ import annotations

from secagg.parsing import EntryProblem, Gap, ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import OddEntry
from secagg_parsers.shapes import SURE, check_shape, is_sarif, sarif_drivers, shape_of
from secagg_parsers.trufflehog.detections import Detections
from secagg_parsers.trufflehog.lines import entries_of
from secagg_parsers.trufflehog.values import learn

__all__ = ["TrufflehogParser"]


class TrufflehogParser:
    """Understands the output of TruffleHog."""

    tool = "trufflehog"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        if is_sarif(document):
            return SURE if sarif_drivers(document) == [self.tool] else 0
        return SURE if shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        parsed = ParsedReport(tool=self.tool)
        if report.tool == self.tool and report.blank:
            if not report.finished:
                # It prints nothing where it finds nothing; its end is told on standard error.
                parsed.gaps.append(
                    Gap(message="the output is empty: nothing in it says that the scan finished")
                )
            return parsed
        document = report.document_or_none
        if is_sarif(document) and sarif_drivers(document)[:1] in ([], [self.tool]):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        entries = entries_of(report, context, parsed)
        detections = Detections(report, context)
        for where, entry in entries:
            parsed.reported += 1
            try:
                parsed.findings.append(detections.finding(entry))
            except OddEntry as why:
                parsed.problems.append(EntryProblem(message=str(why), where=where))
        return parsed

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Let the redactor know the values of every detection."""
        if report.blank:
            return
        if is_sarif(report.document_or_none):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
            return
        for _, entry in entries_of(report, context, ParsedReport(tool=self.tool)):
            learn(entry, context.redactor)
