"""Reports of code and configuration scanners as SARIF, so that one reader judges what both say.

What kind of problem a rule is about, how bad its results are, which texts quote credentials: the
SARIF reader knows that for these tools already, and a tool's JSON must not be read differently.
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


class MadeRun:
    """One run of ``driver``: what its JSON report says, in SARIF's words."""

    def __init__(self, driver: str, version: str | None = None) -> None:
        self._driver = driver
        self._version = version
        self._rules: dict[str, Json] = {}
        self._results: list[Json] = []
        self._notices: list[Json] = []

    def add(self, rule: Json, result: Json, path: str | None, region: Entry) -> None:
        """Add one result of ``rule`` at a place; members that are None are left out."""
        self._rules.setdefault(rule["id"], without_nothing(rule))
        place: Json = {}
        if path is not None:
            place["artifactLocation"] = {"uri": path}
            lines = without_nothing(region)
            if lines:
                place["region"] = lines
        location: Json = {"physicalLocation": place} if place else {}
        named = result.pop("resource", None)
        if named is not None:
            location["logicalLocations"] = [{"fullyQualifiedName": named, "kind": "resource"}]
        made = {"ruleId": rule["id"], **without_nothing(result)}
        if location:
            made["locations"] = [location]
        self._results.append(made)

    def notice(self, text: str, level: str, path: str | None = None) -> None:
        """Add what the tool says that it could not do."""
        made: Json = {"level": level, "message": {"text": text}}
        if path is not None:
            made["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": path}}}]
        self._notices.append(made)

    @property
    def document(self) -> Json:
        """A SARIF 2.1.0 log that holds this run."""
        driver = {"name": self._driver, "rules": list(self._rules.values())}
        if self._version is not None:
            driver["version"] = self._version
        run: Json = {"tool": {"driver": driver}, "results": self._results}
        if self._notices:
            run["invocations"] = [
                {"executionSuccessful": True, "toolExecutionNotifications": self._notices}
            ]
        return {"version": "2.1.0", "runs": [run]}

    def read_into(self, reading: Reading, tool: str | None) -> None:
        """Put the run's findings into ``reading``; paths are placed as those of other reports."""
        from secagg.sarif import read_report

        context = ParseContext(redactor=reading.redactor, root=reading.root)
        name = reading.report.name
        made = read_report(self.document, report_name=name, context=context, tool=tool)
        parsed = reading.parsed
        for finding in made.findings:
            # The tool never wrote the SARIF that it was read from.
            finding.sarif = None
            uri = finding.location.uri
            finding.location.uri = None if uri is None else reading.places[uri]
        parsed.findings += made.findings
        parsed.reported += made.reported
        parsed.problems += made.problems
        parsed.gaps += made.gaps
        parsed.tool_version = parsed.tool_version or made.tool_version

    def learn(self, report: RawReport, context: ParseContext, tool: str | None) -> None:
        """Let the redactor know the credentials that the run's results quote."""
        from secagg.sarif import learn_report

        made = RawReport(name=report.name, data=encode(self.document))
        learn_report(made, context=context, tool=tool)


class MadeParser(JsonParser):
    """Understands reports by making SARIF of them."""

    def read(self, document: Any, reading: Reading) -> None:
        self.run_of(document, reading).read_into(reading, self.tool)

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        reading = Reading(report, context, self.tool)
        self.run_of(report.document, reading).learn(report, context, self.tool)

    @abstractmethod
    def run_of(self, document: Any, reading: Reading) -> MadeRun:
        """Make a run of ``document``; what cannot become a result goes into ``reading``."""


def add_each(
    items: Sequence[Any], add: Callable[[Entry], None], where: str, reading: Reading
) -> None:
    """Add each of ``items`` to a run; an odd one is counted as a problem instead."""
    for index, item in enumerate(items):
        try:
            add(as_object(item))
        except OddEntry as why:
            reading.odd(why, f"{where}[{index}]")


def without_nothing(value: Mapping[str, Any]) -> Json:
    """Give the members of ``value`` that are neither None nor empty."""
    return {key: item for key, item in value.items() if item is not None and item not in ({}, [])}


def message_of(text: str | None) -> Json | None:
    """Make SARIF's message of a text."""
    return None if text is None else {"text": text}


def lines_of(entry: Entry, first: str, last: str) -> Json:
    """Read the lines of a place. Raises OddEntry."""
    start, end = position(entry, first), position(entry, last)
    return {} if start is None else {"startLine": start, "endLine": max(start, end or start)}


def cwe_tags(named: Sequence[str]) -> list[str]:
    """Give CWE entries (``CWE-89: ...``) as tags that the SARIF reader knows."""
    return [name for name in named if name.upper().startswith("CWE")]


def one_or_more(entry: Entry, key: str) -> list[str]:
    """Read a text or a list of texts."""
    one = any_text(entry, key)
    value = entry.get(key)
    if one is not None:
        return [one]
    return [item for item in value if type(item) is str] if type(value) is list else []
