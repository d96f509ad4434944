"""CycloneDX 1.4 to 1.6 as JSON, with vulnerabilities: of Trivy, Grype, Dependency-Track and others.

A finding for each component that a vulnerability affects; its tool is the one that the document
says it was made by. What an ``analysis`` in the document has decided not to count is suppressed. A
bill of materials without a list of vulnerabilities is refused: nobody has looked for them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location, Package, Rating, Vulnerability
from secagg.model.severity import of_cvss, of_word
from secagg.sarif.producers import tool_name
from secagg_parsers.dependency import package_of, vulnerable
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    needed,
)
from secagg_parsers.jsonreport import JsonParser, Reading

_DECIDED = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})
_DEEPEST = 20
# Types of components that say where others were found, and are no packages.
_HOLDERS = frozenset({"application", "container", "file", "operating-system"})
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
            reading.odd("vulnerabilities is no list", "vulnerabilities")
            return
        components = _Components(document, reading)
        reading.parsed.tool = components.tool
        for index, item in enumerate(vulnerabilities):
            where = f"vulnerabilities[{index}]"
            if not isinstance(item, dict):
                reading.odd("the entry is no object", where)
                continue
            affected = [a for a in _list(item, "affects") if isinstance(a, dict)]
            if not affected:
                reading.odd("affects names no component", where)
            elif any_text(any_mapping(item, "analysis"), "state") in _DECIDED:
                reading.hidden(len(affected))
            else:
                for number, entry in enumerate(affected):
                    whole = {**item, "affects": entry}
                    reading.keep(whole, components.finding, f"{where}.affects[{number}]")


class _Components:
    """What the document says of its components, by the references that vulnerabilities use."""

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
        for component in (*_all([main], 0), *_all(_list(document, "components"), 0)):
            for key in ("bom-ref", "purl"):
                reference = any_text(component, key)
                if reference is not None:
                    self._by_ref.setdefault(mask(reference), component)
        self._holder = self._holders(document)

    def _holders(self, document: Entry) -> dict[str, str]:
        """Give the lock file that each component depends from, where a file is a component."""
        mask = self._reading.redactor.mask
        holder: dict[str, str] = {}
        for entry in any_objects(document, "dependencies"):
            owner = self._by_ref.get(mask(any_text(entry, "ref") or ""), {})
            name = any_text(owner, "name")
            if name is None or any_text(owner, "type") not in _HOLDERS or owner.get("purl"):
                continue
            if any_text(owner, "type") in ("application", "file"):
                for reference in _list(entry, "dependsOn"):
                    if isinstance(reference, str):
                        holder.setdefault(mask(reference), name)
        # What a package depends on is in the file that the package is in.
        for _ in range(_DEEPEST):
            before = len(holder)
            for entry in any_objects(document, "dependencies"):
                file = holder.get(mask(any_text(entry, "ref") or ""))
                for reference in _list(entry, "dependsOn") if file is not None else ():
                    if isinstance(reference, str) and file is not None:
                        holder.setdefault(mask(reference), file)
            if len(holder) == before:
                break
        return holder

    def finding(self, entry: Entry) -> Finding:
        """Make the finding of one vulnerability in one component. Raises OddEntry."""
        reference = needed(any_mapping(entry, "affects"), "ref")
        if reference.startswith("urn:cdx:") and "#" in reference:
            reference = reference.partition("#")[2]
        component = self._by_ref.get(reference, {})
        ratings = [r for each in any_objects(entry, "ratings") if (r := _rating(each)) is not None]
        word = next(
            (w for r in any_objects(entry, "ratings") if (w := any_text(r, "severity"))), None
        )
        advisories = any_objects(entry, "advisories")
        pages = [url for one in advisories if (url := any_text(one, "url"))]
        others = [i for one in any_objects(entry, "references") if (i := any_text(one, "id"))]
        numbers = [n for n in _list(entry, "cwes") if type(n) is int]
        return vulnerable(
            tool=self.tool,
            rule_id=needed(entry, "id"),
            package=_package(component, reference),
            location=self._place(component, reference),
            word=None if ratings and any(r.score for r in ratings) else word,
            ratings=ratings,
            description=any_text(entry, "description"),
            other_ids=others,
            fixed=(),
            references=pages,
            cwes=tuple(f"CWE-{number}" for number in numbers),
            page=any_text(any_mapping(entry, "source"), "url"),
            details=Vulnerability(published=any_text(entry, "published")),
        )

    def _place(self, component: Entry, reference: str) -> Location:
        said = {
            any_text(p, "name"): any_text(p, "value") for p in any_objects(component, "properties")
        }
        path = next((said[name] for name in _FILE_PROPERTIES if said.get(name)), None)
        path = path or self._holder.get(reference)
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
    """Name the tool that made the document: a list of tools until 1.4, an object since 1.5."""
    tools = metadata.get("tools")
    if isinstance(tools, dict):
        tools = tools.get("components")
    named = (
        [any_text(t, "name") for t in tools if isinstance(t, dict)]
        if isinstance(tools, list)
        else []
    )
    return next((name for name in named if name), "")


def _all(components: Any, depth: int) -> Iterator[Entry]:
    for component in components if depth < _DEEPEST else ():
        if isinstance(component, dict):
            yield component
            yield from _all(_list(component, "components"), depth + 1)


def _list(entry: Entry, key: str) -> list[Any]:
    value = entry.get(key)
    return value if isinstance(value, list) else []
