"""CodeQL: SARIF whose rules lie in query packs (``tool.extensions``)."""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.sarif import read_report
from secagg_parsers.shapes import SURE, is_sarif, sarif_drivers


class CodeqlParser:
    """Understands the SARIF of ``codeql database analyze``."""

    tool = "codeql"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        return SURE if is_sarif(document) and "codeql" in sarif_drivers(document) else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if not is_sarif(document):
            raise ReportError(
                "no SARIF log: CodeQL writes nothing else that can be read",
                report=report.name,
                offset=0,
                hint="run codeql database analyze with --format=sarifv2.1.0",
            )
        return read_report(document, report_name=report.name, context=context, tool=self.tool)
