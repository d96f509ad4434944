"""CycloneDX VEX (1.4 to 1.6): ``vulnerabilities[].analysis`` of what ``affects`` refers to.

``not_affected``, ``false_positive``, ``resolved`` and ``resolved_with_pedigree`` make
exceptions; ``exploitable``, ``in_triage`` and any other word speak against them. A vulnerability
without an analysis says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from secagg.decisions.vex import Statement, moment_of
from secagg.errors import ConfigError
from secagg.jsonio.members import stripped_text
from secagg.packages.purl import PurlPattern, exact_purl

_SILENT = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})


def is_cyclonedx(document: Any) -> bool:
    """True for a CycloneDX document in JSON."""
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def read_cyclonedx(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` where its vulnerabilities are no list of objects with an id.
    """
    vulnerabilities = document.get("vulnerabilities", [])
    if not isinstance(vulnerabilities, list):
        raise ConfigError("its vulnerabilities are no list", where=name)
    purls = dict(_components(document))
    statements = []
    for number, value in enumerate(vulnerabilities, start=1):
        source = f"{name}: vulnerability {number}"
        if not isinstance(value, dict):
            raise ConfigError("a vulnerability is an object", where=source)
        analysis = value.get("analysis")
        if analysis is None:
            continue
        if not isinstance(analysis, dict):
            raise ConfigError("an analysis is an object", where=source)
        statements.append(_statement(value, analysis, document, purls, source))
    return statements


def _statement(
    value: Mapping[str, Any],
    analysis: Mapping[str, Any],
    document: Mapping[str, Any],
    known: Mapping[str, str],
    source: str,
) -> Statement:
    names = _names(value)
    if not names:
        raise ConfigError("a vulnerability has an id", where=source)
    state = stripped_text(analysis.get("state")) or "no state"
    silent = state in _SILENT
    purls, problem = _purls(value.get("affects"), known, silent=silent)
    reasons = [stripped_text(analysis.get("justification")), stripped_text(analysis.get("detail"))]
    return Statement(
        source=source,
        names=names,
        silent=silent,
        status=state,
        purls=purls,
        moment=_moment(analysis, document),
        reason=": ".join(filter(None, reasons)),
        author=_author(document),
        problem=problem,
    )


def _names(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The id, and the ids of what the document calls equivalent."""
    name = stripped_text(value.get("id"))
    if name is None:
        return ()
    references = value.get("references")
    more = (
        stripped_text(reference.get("id"))
        for reference in (references if isinstance(references, list) else ())
        if isinstance(reference, dict)
    )
    return tuple(dict.fromkeys((name, *filter(None, more))))


def _purls(
    affects: Any, known: Mapping[str, str], *, silent: bool
) -> tuple[tuple[PurlPattern, ...], str | None]:
    patterns: dict[PurlPattern, None] = {}
    problem = None
    for affected in affects if isinstance(affects, list) else ():
        ref = stripped_text(affected.get("ref")) if isinstance(affected, dict) else None
        purl = _resolved(ref, known) if ref is not None else None
        try:
            if purl is None:
                raise ValueError("refers to a component that has no purl here")
            patterns |= dict.fromkeys(_versions(purl, affected, silent=silent))
        except ValueError as error:
            problem = problem or str(error)
    if silent and patterns:
        problem = None
    return tuple(patterns), problem


def _versions(purl: str, affected: Mapping[str, Any], *, silent: bool) -> Iterator[PurlPattern]:
    """The package, in the versions that are named as unaffected where any are named."""
    versions = affected.get("versions")
    if not silent or not isinstance(versions, list) or not versions:
        yield exact_purl(purl)
        return
    pattern = exact_purl(purl)
    bare = _without_version(purl)
    named = False
    for item in versions:
        if not isinstance(item, dict) or item.get("status") != "unaffected":
            continue
        version = stripped_text(item.get("version"))
        if version is None:
            continue
        named = True
        exact = exact_purl(f"{bare}@{version}")
        if pattern.version is None or pattern.version == exact.version:
            yield exact
    if not named:
        raise ValueError("names versions, and none of them alone as unaffected")


def _without_version(purl: str) -> str:
    body = purl.partition("?")[0]
    head, slash, last = body.rpartition("/")
    return f"{head}{slash}{last.partition('@')[0]}"


def _resolved(ref: str, known: Mapping[str, str]) -> str | None:
    """The purl of a bom-ref, a BOM-Link (``urn:cdx:...#ref``) or a purl in its place."""
    if ref in known:
        return known[ref]
    if ref.startswith("urn:cdx:"):
        fragment = unquote(ref.partition("#")[2])
        return known.get(fragment) or (fragment if fragment.startswith("pkg:") else None)
    return ref if ref.startswith("pkg:") else None


def _components(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every component's bom-ref and purl, however deep it stands."""
    metadata = document.get("metadata")
    waiting: list[Any] = [document.get("components")]
    if isinstance(metadata, dict):
        waiting.append([metadata.get("component")])
    while waiting:
        components = waiting.pop()
        for component in components if isinstance(components, list) else ():
            if not isinstance(component, dict):
                continue
            ref, purl = (
                stripped_text(component.get("bom-ref")),
                stripped_text(component.get("purl")),
            )
            if ref is not None and purl is not None:
                yield ref, purl
            waiting.append(component.get("components"))


def _moment(analysis: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    metadata = document.get("metadata")
    for text in (
        analysis.get("lastUpdated"),
        analysis.get("firstIssued"),
        metadata.get("timestamp") if isinstance(metadata, dict) else None,
    ):
        if text is not None:
            return moment_of(text)
    return None


def _author(document: Mapping[str, Any]) -> str | None:
    metadata = document.get("metadata")
    authors = metadata.get("authors") if isinstance(metadata, dict) else None
    first = authors[0] if isinstance(authors, list) and authors else None
    if not isinstance(first, dict):
        return None
    return stripped_text(first.get("email")) or stripped_text(first.get("name"))
