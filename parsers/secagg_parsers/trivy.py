"""Trivy: JSON of schema 2, the bare list of before, and ``trivy k8s``.

Fields as Trivy 0.76's ``pkg/types`` names them. Code lines and image configuration may hold
raw secrets and are not taken over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.errors import ReportError
from secagg.finding import Finding
from secagg.parsing import Gap, ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import Entry, OddEntry, mapping, objects, odd, text
from secagg_parsers.shapes import (
    LIKELY,
    MAYBE,
    SURE,
    check_shape,
    is_sarif,
    sarif_drivers,
    shape_of,
)
from secagg_parsers.trivyresult import ResultReader

_LISTS = ("Vulnerabilities", "Misconfigurations", "Secrets", "Licenses")
_PASSED = {"PASS", "EXCEPTION"}


class TrivyParser:
    """Understands reports of Trivy."""

    tool = "trivy"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None:
            return 0
        document = report.document
        if document is None:
            return MAYBE + 1
        if is_sarif(document):
            return LIKELY if sarif_drivers(document)[:1] == ["trivy"] else 0
        return SURE if shape_of(report) == "trivy" else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if is_sarif(document):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        parsed = ParsedReport(tool=self.tool)
        if document is None or document == []:
            return parsed
        if isinstance(document, list):
            document = {"Results": document}
        if not isinstance(document, dict):
            raise ReportError("an object or a list is expected", report=report.name, offset=0)
        trivy = document.get("Trivy")
        if isinstance(trivy, dict) and isinstance(trivy.get("Version"), str):
            parsed.tool_version = trivy["Version"]
        _Reader(report, context, parsed).read(document)
        return parsed


class _Reader:
    def __init__(self, report: RawReport, context: ParseContext, parsed: ParsedReport) -> None:
        self._report = report
        self._context = context
        self._parsed = parsed

    def read(self, document: Entry) -> None:
        resources = [
            *_resources(self._parsed, document, "Resources"),
            *_resources(self._parsed, document, "Vulnerabilities"),
            *_resources(self._parsed, document, "Misconfigurations"),
        ]
        for where, resource in resources:
            self._artifact(resource, f"{where}.", _name(resource))
        self._artifact(document, "", None)

    def _artifact(self, document: Entry, where: str, resource: str | None) -> None:
        """All results of one artifact: the report itself, or one resource of a cluster."""
        parsed = self._parsed
        try:
            kind, name = text(document, "ArtifactType"), text(document, "ArtifactName")
            system = mapping(mapping(document, "Metadata"), "OS")
            if system.get("EOSL") is True:
                shown = f"{text(system, 'Family') or 'its system'} {text(system, 'Name') or ''}"
                parsed.gaps.append(
                    Gap(message=f"{shown.strip()} is past its end of life: no new advisories")
                )
        except OddEntry as why:
            parsed.gaps.append(Gap(message=f"{where}Metadata: {why}"))
            kind = name = None
        reader = ResultReader(
            self._report, self._context, artifact=name, artifact_type=kind, resource=resource
        )
        for place, result in objects(parsed, document, "Results", where):
            self._result(reader, result, place)

    def _result(self, reader: ResultReader, result: Entry, where: str) -> None:
        try:
            reader.enter(result)
        except OddEntry as why:
            odd(self._parsed, where, why)
            return
        builders = (reader.vulnerability, reader.misconfiguration, reader.secret, reader.license)
        for key, build in zip(_LISTS, builders, strict=True):
            for place, entry in objects(self._parsed, result, key, f"{where}."):
                if key == "Misconfigurations" and entry.get("Status") in _PASSED:
                    continue
                self._parsed.reported += 1
                try:
                    finding: Finding = build(entry)
                except OddEntry as why:
                    from secagg.parsing import Problem

                    self._parsed.problems.append(Problem(message=str(why), where=place))
                else:
                    self._parsed.findings.append(finding)
        for _ in objects(self._parsed, result, "ExperimentalModifiedFindings", f"{where}."):
            self._parsed.reported += 1
            self._parsed.suppressed += 1


def _resources(parsed: ParsedReport, document: Entry, key: str) -> Iterator[tuple[str, Entry]]:
    """The resources of a ``trivy k8s`` report; older versions had a list for each scanner."""
    if key != "Resources" and "ClusterName" not in document:
        return iter(())
    return objects(parsed, document, key, "")


def _name(resource: Entry) -> str | None:
    parts: list[Any] = [resource.get(key) for key in ("Namespace", "Kind", "Name")]
    known = [part for part in parts if isinstance(part, str) and part]
    return "/".join(known) or None
