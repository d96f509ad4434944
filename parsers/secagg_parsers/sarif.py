"""SARIF 2.1.0 of any producer: what no other parser knows better."""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.sarif import read_report
from secagg_parsers.shapes import check_shape, is_sarif

_ANY_PRODUCER = 50


class SarifParser:
    """Understands SARIF 2.1.0; the findings' tool is the driver's name."""

    tool = "sarif"

    def confidence(self, report: RawReport) -> int:
        return _ANY_PRODUCER if is_sarif(report.document_or_none) else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        check_shape(report, self.tool)
        if not isinstance(document, dict):
            raise ReportError("no SARIF log", report=report.name, offset=0)
        return read_report(document, report_name=report.name, context=context, tool=None)
