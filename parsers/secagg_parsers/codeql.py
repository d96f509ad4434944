"""CodeQL: SARIF whose rules are in query packs (``tool.extensions``).

Notifications about code that was not analysed become gaps; an error is a fatal gap.
"""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.shapes import SURE, check_shape, is_sarif, sarif_drivers


class CodeqlParser:
    """Understands the SARIF of ``codeql database analyze``."""

    tool = "codeql"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        return SURE if is_sarif(document) and "codeql" in sarif_drivers(document) else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if not is_sarif(document):
            check_shape(report, self.tool)
            raise ReportError(
                "this is no report of codeql: it is no SARIF log",
                report=report.name,
                hint="run codeql database analyze with --format=sarifv2.1.0",
            )
        drivers = sarif_drivers(document)
        if drivers and self.tool not in drivers:
            raise ReportError(
                "this is no report of codeql: it is another tool's SARIF log",
                report=report.name,
                hint="use --as sarif, or leave --as away",
            )
        from secagg.sarif import read_report

        return read_report(document, report_name=report.name, context=context, tool=self.tool)

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the credentials that results quote with the redactor."""
        from secagg.sarif import learn_report

        learn_report(report, context=context, tool=self.tool)
