"""What the parsers of tools with one JSON format share: whose report it is, and reading it."""

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
    """One report on its way to findings: what is known, and where findings and problems go."""

    def __init__(self, report: RawReport, context: ParseContext, tool: str) -> None:
        self.report = report
        self.redactor = context.redactor
        self.root = context.root
        self.parsed = ParsedReport(tool=tool)
        self.places = Places(context.root, report.component, context.real_path)

    def keep(self, item: Any, build: Callable[[Entry], Finding], where: str) -> None:
        """Count one entry, and keep its finding or why there is none.

        Every text of the entry is masked before ``build`` sees it.
        """
        self.parsed.reported += 1
        try:
            self.parsed.findings.append(build(self.redactor.mask_json(as_object(item))))
        except OddEntry as why:
            self.parsed.problems.append(EntryProblem(message=str(why), where=where))

    def odd(self, why: object, where: str) -> None:
        """Count one entry that cannot become a finding."""
        self.parsed.reported += 1
        self.parsed.problems.append(EntryProblem(message=str(why), where=where))

    def hidden(self, count: int) -> None:
        """Count entries that the tool was told to hide."""
        self.parsed.reported += count
        self.parsed.suppressed += count

    def gap(self, text: str, *, fatal: bool = False, files: tuple[str, ...] = ()) -> None:
        """Say what the tool did not look at, in its own words: masked, on one line, short."""
        placed = tuple(self.places[file] for file in files)
        message = reason(self.redactor, text)
        self.parsed.gaps.append(Gap(message=message, fatal=fatal, files=placed))


class JsonParser(ABC):
    """Understands the JSON reports of one tool, which the names at their top tell."""

    tool: str
    command: ClassVar[str]
    """How such a report is written, for the hint where one is refused."""
    empty_list: ClassVar[bool] = False
    """True where the tool writes ``[]`` when it finds nothing."""

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
        nothing = self.empty_list and document == []
        if not nothing and signature_of(document) != self.tool:
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
        """Let the redactor know the secrets of the report; most tools here report none."""
        if self._is_own_sarif(report.document):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
        else:
            self.learn_values(report, context)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Let the redactor know the secrets in a JSON report: most tools here report none."""
        return

    @abstractmethod
    def read(self, document: Any, reading: Reading) -> None:
        """Put what ``document`` holds into ``reading``. Raises ReportError."""

    def _is_own_sarif(self, document: Any) -> bool:
        if not is_sarif(document):
            return False
        drivers = sarif_drivers(document)
        plain = self.tool.replace("-", "")
        return any(driver.replace("-", "").startswith(plain) for driver in drivers)
