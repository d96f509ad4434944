"""Snyk: ``test``, ``container test`` and ``iac test`` as JSON, ``code test`` as SARIF.

One object for one project, or a list of them. A dependency that is reached by several paths
has a row for each: they become one finding with all its paths.
"""

from __future__ import annotations

from typing import Any

from secagg.errors import ReportError
from secagg.finding import Finding
from secagg.parsing import ParseContext, ParsedReport, Problem, RawReport
from secagg_parsers.fields import Entry, OddEntry, kind_of, mapping, objects, odd
from secagg_parsers.masking import reason
from secagg_parsers.shapes import (
    LIKELY,
    SURE,
    check_shape,
    is_sarif,
    sarif_drivers,
    shape_of,
)
from secagg_parsers.snykproject import ProjectReader

_DRIVERS = ("snykcode", "snyk", "snykopensource", "snykcontainer", "snykiac")


class SnykParser:
    """Understands reports of Snyk."""

    tool = "snyk"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        if is_sarif(document):
            return LIKELY if any(d in _DRIVERS for d in sarif_drivers(document)) else 0
        return SURE if document is not None and shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if is_sarif(document):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        projects = document if isinstance(document, list) else [document]
        parsed = ParsedReport(tool=self.tool)
        for index, project in enumerate(projects):
            where = f"[{index}]." if isinstance(document, list) else ""
            if not isinstance(project, dict):
                odd(parsed, where or "the report", f"it is {kind_of(project)}, not a project")
                continue
            _refuse_error(project, report, context)
            _Reader(parsed, report, context).project(project, where)
        return parsed


def _refuse_error(project: Entry, report: RawReport, context: ParseContext) -> None:
    """Snyk prints its failures where a report would stand."""
    said = project.get("error")
    if project.get("ok") is False and isinstance(said, str) and "vulnerabilities" not in project:
        raise ReportError(
            f"Snyk failed: {reason(context.redactor, said)}",
            report=report.name,
            hint="the project was not tested; run snyk there by hand to see why",
        )


class _Reader:
    def __init__(self, parsed: ParsedReport, report: RawReport, context: ParseContext) -> None:
        self._parsed = parsed
        self._report = report
        self._context = context

    def project(self, project: Entry, where: str, image: str | None = None) -> None:
        """One project, and the applications inside of it if it is an image."""
        try:
            reader = ProjectReader(self._report, self._context, project, image)
        except OddEntry as why:
            odd(self._parsed, where or "the report", why)
            return
        self._vulnerabilities(reader, project, where)
        for place, issue in objects(self._parsed, project, "infrastructureAsCodeIssues", where):
            self._keep(place, reader.misconfiguration, issue)
        self._ignored(project, where)
        if image is None:
            for place, application in objects(self._parsed, project, "applications", where):
                self.project(application, f"{place}.", reader.image)

    def _vulnerabilities(self, reader: ProjectReader, project: Entry, where: str) -> None:
        """One finding for each issue, package and version; its rows are its paths."""
        rows: dict[tuple[Any, ...], list[tuple[str, Entry]]] = {}
        for place, row in objects(self._parsed, project, "vulnerabilities", where):
            try:
                key = reader.key(row)
            except OddEntry as why:
                odd(self._parsed, place, why)
            else:
                rows.setdefault(key, []).append((place, row))
        for same in rows.values():
            place, first = same[0]
            self._parsed.reported += len(same)
            try:
                finding = reader.issue(first, [row for _, row in same])
            except OddEntry as why:
                self._parsed.problems += [Problem(message=str(why), where=p) for p, _ in same]
            else:
                self._parsed.findings.append(finding)
                self._parsed.merged += len(same) - 1

    def _keep(self, place: str, build: Any, entry: Entry) -> None:
        self._parsed.reported += 1
        try:
            finding: Finding = build(entry)
        except OddEntry as why:
            self._parsed.problems.append(Problem(message=str(why), where=place))
        else:
            self._parsed.findings.append(finding)

    def _ignored(self, project: Entry, where: str) -> None:
        """What a ``.snyk`` policy or the web ignored: counted, so that it is seen to be hidden."""
        try:
            filtered = mapping(project, "filtered")
        except OddEntry as why:
            odd(self._parsed, f"{where}filtered", why)
            return
        for _ in objects(self._parsed, filtered, "ignore", f"{where}filtered."):
            self._parsed.reported += 1
            self._parsed.suppressed += 1
