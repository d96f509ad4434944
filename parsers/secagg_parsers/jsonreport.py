"""The base class of parsers for tools with one JSON format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from secagg.errors import ReportError
from secagg.model.finding import Finding
from secagg.parsing import EntryProblem, Gap, ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import Entry, OddEntry, as_object, reason
from secagg_parsers.places import Places
from secagg_parsers.shapes import MAYBE, SURE, check_shape, is_sarif, sarif_drivers, signature_of


class Reading:
    """The state of reading one report: its context, and the findings and problems so far."""

    def __init__(self, report: RawReport, context: ParseContext, tool: str) -> None:
        self.report = report
        self.redactor = context.redactor
        self.root = context.root
        self.parsed = ParsedReport(tool=tool)
        self.places = Places(context.root, report.component, context.real_path)

    def keep(self, item: Any, build: Callable[[Entry], Finding], where: str) -> None:
        """Count one entry, and add the finding that ``build`` makes of it, or a problem.

        Every text of the entry is masked before it is given to ``build``.
        """
        self.parsed.reported += 1
        try:
            self.parsed.findings.append(build(self.redactor.mask_json(as_object(item))))
        except OddEntry as error:
            self.parsed.problems.append(EntryProblem(message=str(error), where=where))

    def add_problem(self, error: object, where: str) -> None:
        """Count one entry that cannot become a finding."""
        self.parsed.reported += 1
        self.parsed.problems.append(EntryProblem(message=str(error), where=where))

    def check_count(self, counted: Any, listed: int, what: str) -> None:
        """Add a fatal gap where the report itself counts more of ``what`` than it lists."""
        if type(counted) is int and counted > listed:
            self.gap(f"the report counts {counted} {what} and lists {listed}", fatal=True)

    def count_suppressed(self, count: int) -> None:
        """Count entries that the tool's own configuration suppresses."""
        self.parsed.reported += count
        self.parsed.suppressed += count

    def gap(self, text: str, *, fatal: bool = False, files: tuple[str, ...] = ()) -> None:
        """Add a gap: what the tool did not scan, in its own words, masked and shortened."""
        paths = tuple(self.places[file] for file in files)
        message = reason(self.redactor, text)
        self.parsed.gaps.append(Gap(message=message, fatal=fatal, files=paths))


class JsonParser(ABC):
    """Understands the JSON reports of one tool, recognized by their top-level keys."""

    tool: str
    command: ClassVar[str]
    """The command that writes such a report, for the hint if one is refused."""
    empty_list: ClassVar[bool] = False
    """True if the tool writes ``[]`` when it finds nothing."""

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        if document is None:
            return 0
        if self.empty_list and document == [] and self.tool in report.name.lower():
            return MAYBE
        return SURE if signature_of(document) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        document = report.document
        if self._is_own_sarif(document):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        is_empty = self.empty_list and document == []
        if not is_empty and signature_of(document) != self.tool:
            check_shape(report, self.tool)
            raise ReportError(
                f"this is no report of {self.tool}",
                report=report.name,
                hint=f"write it with {self.command}",
            )
        reading = Reading(report, context, self.tool)
        self.read(document, reading)
        return reading.parsed

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the report's secrets with the redactor; most tools here report none."""
        if self._is_own_sarif(report.document):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
        else:
            self.learn_values(report, context)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Register the secrets in a JSON report with the redactor; most tools here report none."""
        return

    @abstractmethod
    def read(self, document: Any, reading: Reading) -> None:
        """Add findings, problems and gaps of ``document`` to ``reading``. Raises ReportError."""

    def _is_own_sarif(self, document: Any) -> bool:
        if not is_sarif(document):
            return False
        drivers = sarif_drivers(document)
        tool_name = self.tool.replace("-", "")
        return any(driver.replace("-", "").startswith(tool_name) for driver in drivers)
