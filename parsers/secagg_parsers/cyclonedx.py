"""CycloneDX 1.4 to 1.6 as JSON, with vulnerabilities: of Trivy, Grype, Dependency-Track and others.

Each component that a vulnerability affects makes a finding; its tool is the one that the document
names as its maker. A vulnerability whose ``analysis`` says that it does not count is suppressed. A
bill of materials without a list of vulnerabilities is refused: nobody has looked for any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Package, Rating, Vulnerability
from secagg.model.severity import of_cvss, of_word
from secagg.sarif.producers import tool_name
from secagg_parsers.dependency import package_of, vulnerability_finding
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    required_text,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_SUPPRESSED_STATES = frozenset(
    {"not_affected", "false_positive", "resolved", "resolved_with_pedigree"}
)
_MAX_DEPTH = 20
# Types of components that contain packages, and are none themselves.
_CONTAINER_TYPES = frozenset({"application", "container", "file", "operating-system"})
_FILE_PROPERTIES = (
    "aquasecurity:trivy:FilePath",
    "syft:location:0:path",
    "SrcFile",
)


class CycloneDxParser(JsonParser):
    """Understands CycloneDX documents with vulnerabilities."""

    tool = "cyclonedx"
    command = "trivy --format cyclonedx --scanners vuln, or grype -o cyclonedx-json"

    def read(self, document: Any, reading: Reading) -> None:
        vulnerabilities = document.get("vulnerabilities")
        if vulnerabilities is None:
            raise ReportError(
                "the bill of materials has no list of vulnerabilities",
                report=reading.report.name,
                hint="let a scanner look for them: trivy sbom FILE, or grype sbom:FILE",
            )
        if not is_list(vulnerabilities):
            reading.add_problem("vulnerabilities is no list", "vulnerabilities")
            return
        components = _Components(document, reading)
        reading.parsed.tool = components.tool
        for index, item in enumerate(vulnerabilities):
            path = f"vulnerabilities[{index}]"
            if not isinstance(item, dict):
                reading.add_problem("the entry is no object", path)
                continue
            affected = [a for a in _list(item, "affects") if isinstance(a, dict)]
            if not affected:
                reading.add_problem("affects names no component", path)
            elif any_text(any_mapping(item, "analysis"), "state") in _SUPPRESSED_STATES:
                reading.count_suppressed(len(affected))
            else:
                for number, entry in enumerate(affected):
                    merged_entry = {**item, "affects": entry}
                    reading.keep(merged_entry, components.finding, f"{path}.affects[{number}]")


class _Components:
    """The document's components, by the references that vulnerabilities use."""

    def __init__(self, document: Entry, reading: Reading) -> None:
        self._reading = reading
        mask = reading.redactor.mask
        metadata = any_mapping(document, "metadata")
        self.tool = tool_name(_tool_of(metadata))
        self.tool = "cyclonedx" if self.tool == "sarif" else self.tool
        main = any_mapping(metadata, "component")
        self._image = any_text(main, "name") if any_text(main, "type") == "container" else None
        self._image = None if self._image is None else mask(self._image)
        self._by_ref: dict[str, Entry] = {}
        for component in (*_nested([main], 0), *_nested(_list(document, "components"), 0)):
            for key in ("bom-ref", "purl"):
                reference = any_text(component, key)
                if reference is not None:
                    self._by_ref.setdefault(mask(reference), component)
        self._file_by_ref = self._files_by_ref(document)

    def _files_by_ref(self, document: Entry) -> dict[str, str]:
        """Return each component's lock file, if the file is a component."""
        mask = self._reading.redactor.mask
        file_by_ref: dict[str, str] = {}
        for entry in any_objects(document, "dependencies"):
            component = self._by_ref.get(mask(any_text(entry, "ref") or ""), {})
            name = any_text(component, "name")
            if (
                name is None
                or any_text(component, "type") not in _CONTAINER_TYPES
                or component.get("purl")
            ):
                continue
            if any_text(component, "type") in ("application", "file"):
                for reference in _list(entry, "dependsOn"):
                    if isinstance(reference, str):
                        file_by_ref.setdefault(mask(reference), name)
        # A package's dependencies are in the same file as the package.
        for _ in range(_MAX_DEPTH):
            before = len(file_by_ref)
            for entry in any_objects(document, "dependencies"):
                file = file_by_ref.get(mask(any_text(entry, "ref") or ""))
                for reference in _list(entry, "dependsOn") if file is not None else ():
                    if isinstance(reference, str) and file is not None:
                        file_by_ref.setdefault(mask(reference), file)
            if len(file_by_ref) == before:
                break
        return file_by_ref

    def finding(self, entry: Entry) -> Finding:
        """Make the finding of one vulnerability in one component. Raises OddEntry."""
        reference = required_text(any_mapping(entry, "affects"), "ref")
        if reference.startswith("urn:cdx:") and "#" in reference:
            reference = reference.partition("#")[2]
        component = self._by_ref.get(reference, {})
        ratings = [r for each in any_objects(entry, "ratings") if (r := _rating(each)) is not None]
        severity = next(
            (w for r in any_objects(entry, "ratings") if (w := any_text(r, "severity"))), None
        )
        advisories = any_objects(entry, "advisories")
        pages = [url for reference in advisories if (url := any_text(reference, "url"))]
        other_ids = [
            i for reference in any_objects(entry, "references") if (i := any_text(reference, "id"))
        ]
        cwe_numbers = [n for n in _list(entry, "cwes") if type(n) is int]
        return vulnerability_finding(
            tool=self.tool,
            rule_id=required_text(entry, "id"),
            package=_package(component, reference),
            location=self._place(component, reference),
            word=None if ratings and any(r.score for r in ratings) else severity,
            ratings=ratings,
            description=any_text(entry, "description"),
            other_ids=other_ids,
            fixed=(),
            references=pages,
            cwes=tuple(f"CWE-{number}" for number in cwe_numbers),
            page=any_text(any_mapping(entry, "source"), "url"),
            details=Vulnerability(published=any_text(entry, "published")),
        )

    def _place(self, component: Entry, reference: str) -> Location:
        properties = {
            any_text(p, "name"): any_text(p, "value") for p in any_objects(component, "properties")
        }
        path = next((properties[name] for name in _FILE_PROPERTIES if properties.get(name)), None)
        path = path or self._file_by_ref.get(reference)
        if path is not None:
            path = self._reading.redactor.mask(path)
        if self._image is not None:
            return Location(uri=path.lstrip("/") if path else None, image=self._image)
        return Location(uri=self._reading.places.optional(path))


def _package(component: Entry, reference: str) -> Package:
    purl = any_text(component, "purl") or (reference if reference.startswith("pkg:") else None)
    name, group = any_text(component, "name") or reference, any_text(component, "group")
    shown = f"{group}/{name}" if group and not name.startswith(group) else name
    return package_of("", shown, any_text(component, "version"), purl)


def _rating(entry: Entry) -> Rating | None:
    score, vector = any_number(entry, "score"), any_text(entry, "vector")
    source = any_text(any_mapping(entry, "source"), "name") or "cyclonedx"
    if (any_text(entry, "method") or "").upper() not in (
        "",
        "CVSSV2",
        "CVSSV3",
        "CVSSV31",
        "CVSSV4",
    ):
        score = None
    severity, known = of_word(any_text(entry, "severity"))
    if score is not None and 0.0 < score <= 10.0:
        return Rating(
            source=source.lower(),
            severity=severity if known else of_cvss(score, vector),
            score=score,
            vector=vector,
        )
    return Rating(source=source.lower(), severity=severity) if known else None


def _tool_of(metadata: Entry) -> str:
    """Return the tool's name: ``tools`` is a list until 1.4, an object since 1.5."""
    tools = metadata.get("tools")
    if isinstance(tools, dict):
        tools = tools.get("components")
    names = (
        [any_text(t, "name") for t in tools if isinstance(t, dict)]
        if isinstance(tools, list)
        else []
    )
    return next((name for name in names if name), "")


def _nested(components: Any, depth: int) -> Iterator[Entry]:
    for component in components if depth < _MAX_DEPTH else ():
        if isinstance(component, dict):
            yield component
            yield from _nested(_list(component, "components"), depth + 1)


def _list(entry: Entry, key: str) -> list[Any]:
    value = entry.get(key)
    return value if isinstance(value, list) else []
