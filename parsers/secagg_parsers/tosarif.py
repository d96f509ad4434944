"""Convert JSON reports of code and configuration scanners to SARIF, to share the SARIF reader.

The SARIF reader already knows for these tools a rule's kind, a result's severity, and which texts
quote credentials. Their JSON must not be read differently.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secagg.jsonio.value import encode
from secagg.parsing import ParseContext, RawReport
from secagg_parsers.fields import Entry, OddEntry, any_text, as_object, position
from secagg_parsers.jsonreport import JsonParser, Reading

Json = dict[str, Any]


class ConvertedRun:
    """A SARIF run of ``driver``, made from its JSON report."""

    def __init__(self, driver: str, version: str | None = None) -> None:
        self._driver = driver
        self._version = version
        self._rules: dict[str, Json] = {}
        self._results: list[Json] = []
        self._notifications: list[Json] = []

    def add(self, rule: Json, result: Json, path: str | None, region: Entry) -> None:
        """Add one result of ``rule`` at a location; members that are None are left out."""
        self._rules.setdefault(rule["id"], without_empty(rule))
        physical_location: Json = {}
        if path is not None:
            physical_location["artifactLocation"] = {"uri": path}
            lines = without_empty(region)
            if lines:
                physical_location["region"] = lines
        location: Json = {"physicalLocation": physical_location} if physical_location else {}
        resource = result.pop("resource", None)
        if resource is not None:
            location["logicalLocations"] = [{"fullyQualifiedName": resource, "kind": "resource"}]
        sarif_result = {"ruleId": rule["id"], **without_empty(result)}
        if location:
            sarif_result["locations"] = [location]
        self._results.append(sarif_result)

    def notice(self, text: str, level: str, path: str | None = None) -> None:
        """Add a notification: something that the tool says it could not do."""
        notification: Json = {"level": level, "message": {"text": text}}
        if path is not None:
            notification["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": path}}}]
        self._notifications.append(notification)

    @property
    def document(self) -> Json:
        """A SARIF 2.1.0 log that holds this run."""
        driver = {"name": self._driver, "rules": list(self._rules.values())}
        if self._version is not None:
            driver["version"] = self._version
        run: Json = {"tool": {"driver": driver}, "results": self._results}
        if self._notifications:
            run["invocations"] = [
                {"executionSuccessful": True, "toolExecutionNotifications": self._notifications}
            ]
        return {"version": "2.1.0", "runs": [run]}

    def read_into(self, reading: Reading, tool: str | None) -> None:
        """Add the run's findings to ``reading``, with paths resolved as in other reports."""
        from secagg.sarif import read_report

        context = ParseContext(redactor=reading.redactor, root=reading.root)
        name = reading.report.name
        sarif_report = read_report(self.document, report_name=name, context=context, tool=tool)
        parsed = reading.parsed
        for finding in sarif_report.findings:
            # The tool did not write this SARIF: it must not be shown as the tool's own.
            finding.sarif = None
            uri = finding.location.uri
            finding.location.uri = None if uri is None else reading.places[uri]
        parsed.findings += sarif_report.findings
        parsed.reported += sarif_report.reported
        parsed.problems += sarif_report.problems
        parsed.gaps += sarif_report.gaps
        parsed.tool_version = parsed.tool_version or sarif_report.tool_version

    def learn(self, report: RawReport, context: ParseContext, tool: str | None) -> None:
        """Register the credentials that the run's results quote with the redactor."""
        from secagg.sarif import learn_report

        sarif_report = RawReport(name=report.name, data=encode(self.document))
        learn_report(sarif_report, context=context, tool=tool)


class SarifConvertingParser(JsonParser):
    """Understands reports by converting them to SARIF."""

    def read(self, document: Any, reading: Reading) -> None:
        self.run_of(document, reading).read_into(reading, self.tool)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        reading = Reading(report, context, self.tool)
        self.run_of(report.document, reading).learn(report, context, self.tool)

    @abstractmethod
    def run_of(self, document: Any, reading: Reading) -> ConvertedRun:
        """Make a SARIF run of ``document``; add entries that are no results to ``reading``."""


def add_each(
    items: Sequence[Any], add: Callable[[Entry], None], where: str, reading: Reading
) -> None:
    """Call ``add`` for each of ``items``; count an odd one as a problem."""
    for index, item in enumerate(items):
        try:
            add(as_object(item))
        except OddEntry as error:
            reading.add_problem(error, f"{where}[{index}]")


def without_empty(value: Mapping[str, Any]) -> Json:
    """Return the members of ``value`` that are neither None nor empty."""
    return {key: item for key, item in value.items() if item is not None and item not in ({}, [])}


def sarif_message(text: str | None) -> Json | None:
    """Make a SARIF message; None if there is no text."""
    return None if text is None else {"text": text}


def region_of_lines(entry: Entry, first: str, last: str) -> Json:
    """Make a SARIF region of the lines of an entry. Raises OddEntry."""
    start, end = position(entry, first), position(entry, last)
    return {} if start is None else {"startLine": start, "endLine": max(start, end or start)}


def cwe_tags(names: Sequence[str]) -> list[str]:
    """Return the CWE entries (``CWE-89: ...``), which are tags for the SARIF reader."""
    return [name for name in names if name.upper().startswith("CWE")]


def one_or_more(entry: Entry, key: str) -> list[str]:
    """Return the texts of a field that is one text or a list of them."""
    text = any_text(entry, key)
    value = entry.get(key)
    if text is not None:
        return [text]
    return [item for item in value if type(item) is str] if type(value) is list else []
