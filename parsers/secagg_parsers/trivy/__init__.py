"""Trivy: JSON of schema 2, the bare list of before, ``trivy k8s``; its SARIF as well.

Fields as Trivy 0.76's ``pkg/types`` and ``pkg/k8s/report`` name them. Code lines, image
configuration and layers' commands may hold raw secrets and are not taken over.
"""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.shapes import MAYBE, SURE, check_shape, is_sarif, sarif_drivers, shape_of
from secagg_parsers.trivy.report import TrivyReport

__all__ = ["TrivyParser"]

_SCHEMA = 2


class TrivyParser:
    """Understands reports of Trivy."""

    tool = "trivy"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None:
            return 0
        document = report.document
        if document is None:
            return MAYBE
        if is_sarif(document):
            return SURE if sarif_drivers(document) == ["trivy"] else 0
        return SURE if shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if is_sarif(document) and sarif_drivers(document)[:1] in ([], ["trivy"]):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        if document is None:
            document = []
        if is_list(document):
            document = {"Results": document}
        if not isinstance(document, dict):
            raise ReportError("this is no report of trivy", report=report.name, offset=0)
        if shape_of(report) is None and document.get("Results") != []:
            raise ReportError(
                "this is no report of trivy: it has neither Results nor an artifact",
                report=report.name,
                hint="write it with trivy --format json",
            )
        version = document.get("SchemaVersion")
        if version is not None and version != _SCHEMA:
            raise ReportError(
                f"this is a report of trivy in a schema that is not known (not {_SCHEMA})",
                report=report.name,
                hint="its entries may mean something else: see whether a newer secagg reads it",
            )
        return TrivyReport(report, context).read(document)

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the secrets that Trivy masked, read from the checkout, with the redactor."""
        document = report.document
        if is_sarif(document):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
        elif b'"Secrets"' in report.text and context.root is not None:
            document = {"Results": document} if is_list(document) else document
            TrivyReport(report, context).learn(document)
