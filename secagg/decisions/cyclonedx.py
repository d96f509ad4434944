"""Read CycloneDX VEX (1.4 to 1.6): ``vulnerabilities[].analysis`` of what ``affects`` refers to.

``not_affected``, ``false_positive``, ``resolved`` and ``resolved_with_pedigree`` make
exceptions; ``exploitable``, ``in_triage`` and any other word overrule them. A vulnerability
without an analysis decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from secagg.decisions.vex import Statement
from secagg.errors import ConfigError
from secagg.jsonio.members import stripped_text
from secagg.packages.purl import PurlPattern, exact_purl
from secagg.system.dates import parse_time

_EXEMPTING = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})


def is_cyclonedx(document: Any) -> bool:
    """Tell whether ``document`` is a CycloneDX document in JSON."""
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def read_cyclonedx(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` if its vulnerabilities are no list of objects with an id.
    """
    vulnerabilities = document.get("vulnerabilities", [])
    if not isinstance(vulnerabilities, list):
        raise ConfigError("its vulnerabilities are no list", where=name)
    purls_by_ref = dict(_component_purls(document))
    statements = []
    for number, vulnerability in enumerate(vulnerabilities, start=1):
        source = f"{name}: vulnerability {number}"
        if not isinstance(vulnerability, dict):
            raise ConfigError("a vulnerability is an object", where=source)
        analysis = vulnerability.get("analysis")
        if analysis is None:
            continue
        if not isinstance(analysis, dict):
            raise ConfigError("an analysis is an object", where=source)
        statements.append(_statement(vulnerability, analysis, document, purls_by_ref, source))
    return statements


def _statement(
    vulnerability: Mapping[str, Any],
    analysis: Mapping[str, Any],
    document: Mapping[str, Any],
    purls_by_ref: Mapping[str, str],
    source: str,
) -> Statement:
    names = _names(vulnerability)
    if not names:
        raise ConfigError("a vulnerability has an id", where=source)
    state = stripped_text(analysis.get("state")) or "no state"
    exempts = state in _EXEMPTING
    purls, problem = _purls(vulnerability.get("affects"), purls_by_ref, exempts=exempts)
    reasons = [stripped_text(analysis.get("justification")), stripped_text(analysis.get("detail"))]
    return Statement(
        source=source,
        names=names,
        exempts=exempts,
        status=state,
        purls=purls,
        moment=_moment(analysis, document),
        reason=": ".join(filter(None, reasons)),
        author=_author(document),
        problem=problem,
    )


def _names(vulnerability: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the id, and the ids in ``references``, which CycloneDX calls equivalent."""
    name = stripped_text(vulnerability.get("id"))
    if name is None:
        return ()
    references = vulnerability.get("references")
    others = (
        stripped_text(reference.get("id"))
        for reference in (references if isinstance(references, list) else ())
        if isinstance(reference, dict)
    )
    return tuple(dict.fromkeys((name, *filter(None, others))))


def _purls(
    affects: Any, purls_by_ref: Mapping[str, str], *, exempts: bool
) -> tuple[tuple[PurlPattern, ...], str | None]:
    patterns: dict[PurlPattern, None] = {}
    problem = None
    for affected in affects if isinstance(affects, list) else ():
        ref = stripped_text(affected.get("ref")) if isinstance(affected, dict) else None
        purl = _resolved(ref, purls_by_ref) if ref is not None else None
        try:
            if purl is None:
                raise ValueError("refers to a component that has no purl here")
            patterns |= dict.fromkeys(_versions(purl, affected, exempts=exempts))
        except ValueError as error:
            problem = problem or str(error)
    if exempts and patterns:
        problem = None
    return tuple(patterns), problem


def _versions(purl: str, affected: Mapping[str, Any], *, exempts: bool) -> Iterator[PurlPattern]:
    """Yield the package: in each version listed as unaffected, or as a whole if none is listed."""
    versions = affected.get("versions")
    if not exempts or not isinstance(versions, list) or not versions:
        yield exact_purl(purl)
        return
    pattern = exact_purl(purl)
    base = _without_version(purl)
    has_version = False
    for item in versions:
        if not isinstance(item, dict) or item.get("status") != "unaffected":
            continue
        version = stripped_text(item.get("version"))
        if version is None:
            continue
        has_version = True
        exact = exact_purl(f"{base}@{version}")
        if pattern.version is None or pattern.version == exact.version:
            yield exact
    if not has_version:
        raise ValueError("names versions, and none of them alone as unaffected")


def _without_version(purl: str) -> str:
    body = purl.partition("?")[0]
    head, slash, last = body.rpartition("/")
    return f"{head}{slash}{last.partition('@')[0]}"


def _resolved(ref: str, purls_by_ref: Mapping[str, str]) -> str | None:
    """Return the purl of a bom-ref, of a BOM-Link (``urn:cdx:...#ref``), or of a purl."""
    if ref in purls_by_ref:
        return purls_by_ref[ref]
    if ref.startswith("urn:cdx:"):
        fragment = unquote(ref.partition("#")[2])
        return purls_by_ref.get(fragment) or (fragment if fragment.startswith("pkg:") else None)
    return ref if ref.startswith("pkg:") else None


def _component_purls(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the bom-ref and purl of every component, nested ones included."""
    metadata = document.get("metadata")
    pending: list[Any] = [document.get("components")]
    if isinstance(metadata, dict):
        pending.append([metadata.get("component")])
    while pending:
        components = pending.pop()
        for component in components if isinstance(components, list) else ():
            if not isinstance(component, dict):
                continue
            ref, purl = (
                stripped_text(component.get("bom-ref")),
                stripped_text(component.get("purl")),
            )
            if ref is not None and purl is not None:
                yield ref, purl
            pending.append(component.get("components"))


def _moment(analysis: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    metadata = document.get("metadata")
    for text in (
        analysis.get("lastUpdated"),
        analysis.get("firstIssued"),
        metadata.get("timestamp") if isinstance(metadata, dict) else None,
    ):
        if text is not None:
            return parse_time(text)
    return None


def _author(document: Mapping[str, Any]) -> str | None:
    metadata = document.get("metadata")
    authors = metadata.get("authors") if isinstance(metadata, dict) else None
    first = authors[0] if isinstance(authors, list) and authors else None
    if not isinstance(first, dict):
        return None
    return stripped_text(first.get("email")) or stripped_text(first.get("name"))
