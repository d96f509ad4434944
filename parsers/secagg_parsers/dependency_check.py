"""OWASP Dependency-Check: JSON and XML of 5 and later (schemas 1.1 and 2.x to 4.x).

Fields as ``jsonReport.vsl`` and ``xmlReport.vsl`` of 12.2 write them. XML is converted to the JSON
form first. XML with a document type declaration is refused, so that no entity is expanded.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from xml.parsers import expat

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Package, Rating, Severity
from secagg.model.severity import of_cvss
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg_parsers.dependency import package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    any_texts,
    required_text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.shapes import SURE

_NAMESPACE = b"dependency-check."
# Bytes in which the name and the schema of the document occur.
_HEAD = 2048
_MAX_DEPTH = 40
# Elements that hold a list, and the elements of those lists.
_LISTS = {
    "dependencies": "dependency",
    "vulnerabilities": "vulnerability",
    "references": "reference",
    "cwes": "cwe",
    "relatedDependencies": "relatedDependency",
    "exceptions": "exception",
}
_NUMBERS = frozenset({"score", "baseScore"})
# The newest version of CVSS comes first; JSON and XML spell the names differently.
_CVSS = (("cvssv4", "cvssV4"), ("cvssv3", "cvssV3"), ("cvssv2", "cvssV2"))


class DependencyCheckParser(JsonParser):
    """Understands reports of OWASP Dependency-Check."""

    tool = "dependency-check"
    command = "dependency-check --format JSON"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None and _is_xml(report):
            return SURE
        return super().confidence(report)

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        if report.error is None or not _is_xml(report):
            return super().parse(report, context)
        reading = Reading(report, context, self.tool)
        self.read(_XmlReport(report).document, reading)
        return reading.parsed

    def read(self, document: Any, reading: Reading) -> None:
        scan = any_mapping(document, "scanInfo")
        version = any_text(scan, "engineVersion")
        reading.parsed.tool_version = None if version is None else reading.redactor.mask(version)
        for failure in any_objects(scan, "analysisExceptions"):
            message = any_text(any_mapping(failure, "exception"), "message") or "no reason given"
            reading.gap(f"dependency-check failed on a part of the project: {message}", fatal=True)
        dependencies = document.get("dependencies")
        if not is_list(dependencies):
            reading.add_problem("dependencies is no list", "dependencies")
            return
        for index, dependency in enumerate(dependencies):
            path = f"dependencies[{index}]"
            if not isinstance(dependency, dict):
                reading.add_problem("the entry is no object", path)
                continue
            shared_fields = {
                key: dependency.get(key)
                for key in ("fileName", "filePath", "packages", "isVirtual")
            }
            location = _place(reading, any_text(shared_fields, "filePath"))
            for number, item in enumerate(_listed(dependency, "vulnerabilities", path, reading)):
                entry = {**shared_fields, **item} if isinstance(item, dict) else item
                reading.keep(
                    entry, partial(_finding, location), f"{path}.vulnerabilities[{number}]"
                )
            suppressed = dependency.get("suppressedVulnerabilities")
            if is_list(suppressed):
                reading.count_suppressed(len(suppressed))


def _listed(entry: Entry, key: str, where: str, reading: Reading) -> list[Any]:
    value = entry.get(key)
    if value is None:
        return []
    if is_list(value):
        return list(value)
    reading.add_problem(f"{key} is no list", where)
    return []


def _place(reading: Reading, path: str | None) -> Location:
    """Make the location of a file; ``?`` separates an archive from the file in it."""
    if path is None:
        return Location()
    file, separator, _ = path.partition("?")
    return Location(uri=reading.places[file if separator else path])


def _finding(location: Location, entry: Entry) -> Finding:
    """Make the finding of one vulnerability of one dependency. Raises OddEntry."""
    rule_id = required_text(entry, "name")
    purls = [purl_text for p in any_objects(entry, "packages") if (purl_text := any_text(p, "id"))]
    purl = next((purl_text for purl_text in purls if purl_text.startswith("pkg:")), None)
    ratings = [rating for names in _CVSS if (rating := _rating(entry, names)) is not None][:1]
    references = [url for r in any_objects(entry, "references") if (url := any_text(r, "url"))]
    return vulnerability_finding(
        tool="dependency-check",
        rule_id=rule_id,
        package=_package(purl, required_text(entry, "fileName")),
        location=location,
        word=any_text(entry, "severity"),
        ratings=ratings,
        description=any_text(entry, "description"),
        references=references,
        cwes=any_texts(entry, "cwes"),
    )


def _package(purl: str | None, file: str) -> Package:
    """Make a package from its purl; without one the file name is the package's."""
    if purl is not None:
        return package_of("", file, None, purl)
    name, colon, version = file.rpartition(":")
    return package_of("", name if colon else file, version if colon else None)


def _rating(entry: Entry, names: tuple[str, str]) -> Rating | None:
    cvss = any_mapping(entry, names[0]) or any_mapping(entry, names[1])
    score = any_number(cvss, "baseScore")
    score = any_number(cvss, "score") if score is None else score
    if score is None or not 0.0 < score <= 10.0:
        return None
    severity = of_cvss(score, None)
    if names[0] == "cvssv2" and severity is Severity.CRITICAL:
        # CVSS 2 ends at high.
        severity = Severity.HIGH
    return Rating(
        source=(any_text(entry, "source") or "nvd").lower(), severity=severity, score=score
    )


def _is_xml(report: RawReport) -> bool:
    head = report.text[:_HEAD]
    return b"<analysis" in head and _NAMESPACE in head


class _XmlReport:
    """Converts an XML report to the object that the JSON report would be."""

    def __init__(self, report: RawReport) -> None:
        self._report = report
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        # Name, members and text of each open element.
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", {}, [])]

    @property
    def document(self) -> dict[str, Any]:
        """The report as an object. Raises ReportError if it is no XML."""
        try:
            self._parser.Parse(self._report.text, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            # The declaration may name an encoding that is unknown, or that expat cannot read.
            raise ReportError(
                "not valid XML",
                report=self._report.name,
                offset=min(max(self._parser.ErrorByteIndex, 0), len(self._report.data)),
            ) from error
        analysis = self._open[0][1].get("analysis")
        return analysis if isinstance(analysis, dict) else {}

    def _refuse(self, *_: Any) -> None:
        raise ReportError(
            "the XML has a document type declaration, which no tool's report needs",
            report=self._report.name,
            offset=min(max(self._parser.CurrentByteIndex, 0), len(self._report.data)),
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _MAX_DEPTH:
            raise ReportError(
                "nested too deeply to be understood",
                report=self._report.name,
                offset=min(max(self._parser.CurrentByteIndex, 0), len(self._report.data)),
            )
        self._open.append((name.rpartition(" ")[2], dict(attributes), []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _: str) -> None:
        name, members, parts = self._open.pop()
        parent, text = self._open[-1][1], "".join(parts).strip()
        value: Any = members or text
        if name in _LISTS:
            value = members.get(_LISTS[name], [])
            suppressed = members.get("suppressedVulnerability")
            if suppressed is not None:
                parent["suppressedVulnerabilities"] = suppressed
        elif name in _NUMBERS:
            value = _number(text)
        elif name == "identifiers":
            # Packages and CPEs differ by the name of their element.
            parent["packages"] = members.get("package", [])
            return
        if name in _LISTS.values() or name in ("package", "suppressedVulnerability"):
            parent.setdefault(name, []).append(value)
        else:
            parent[name] = value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
