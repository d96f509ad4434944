"""Snyk: ``test``, ``container test`` and ``iac test`` as JSON, ``code test`` as SARIF.

One object for one project, or a list of them; fields as Snyk CLI 1.1307 writes them. A
dependency that is reached by several paths has a row for each: the rows become one finding
with all its paths, and count as merged.
"""

from __future__ import annotations

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.shapes import SURE, check_shape, is_sarif, sarif_drivers, shape_of
from secagg_parsers.snyk.report import SnykReport

__all__ = ["SnykParser"]


class SnykParser:
    """Understands reports of Snyk."""

    tool = "snyk"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        if is_sarif(document):
            drivers = sarif_drivers(document)
            return SURE if drivers and all(map(_is_snyk, drivers)) else 0
        return SURE if document is not None and shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if is_sarif(document) and all(map(_is_snyk, sarif_drivers(document)[:1])):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        projects = document if is_list(document) else [document]
        if not projects or not any(isinstance(project, dict) for project in projects):
            raise ReportError(
                "this is no report of snyk: it holds no project",
                report=report.name,
                hint="write it with snyk test --json",
            )
        return SnykReport(report, context).read(projects, one=document is not projects)

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the credentials that Snyk Code quotes with the redactor."""
        if is_sarif(report.document):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)


def _is_snyk(driver: str) -> bool:
    """Tell whether it is SnykCode, Snyk Open Source, Snyk Container or Snyk IaC."""
    return driver.startswith("snyk")
