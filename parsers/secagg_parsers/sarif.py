"""SARIF 2.1.0 of any tool without a parser of its own."""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.shapes import LIKELY, check_shape, is_sarif


class SarifParser:
    """Understands SARIF 2.1.0; the findings' tool is the driver's name."""

    tool = "sarif"

    def confidence(self, report: RawReport) -> int:
        return LIKELY if is_sarif(report.document_or_none) else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if not is_sarif(document):
            check_shape(report, self.tool)
            raise ReportError("this is no SARIF log", report=report.name)
        from secagg.sarif import read_report

        return read_report(document, report_name=report.name, context=context, tool=None)

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the credentials that results quote with the redactor."""
        from secagg.sarif import learn_report

        learn_report(report, context=context, tool=None)
