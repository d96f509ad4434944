"""The words in which one group is shown: the same in the table, in Markdown and in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from secagg.finding import Finding, Kind, Severity
from secagg.merge.groups import Group

_HASH_SHOWN = 12
_COMMIT_SHOWN = 10
_T = TypeVar("_T")


class Row(Struct, frozen=True, kw_only=True):
    """A group in words. ``what`` names the problem shortly, ``detail`` says it, ``fix`` mends it.

    The texts are as the scanners gave them (masked): escape them for where they are shown.
    """

    severity: Severity
    kind: Kind
    what: str
    detail: str
    where: str
    fix: str | None
    tools: tuple[str, ...]


def row(group: Group) -> Row:
    """The words for ``group``."""
    finding = group.representative
    return Row(
        severity=finding.severity,
        kind=finding.kind,
        what=_what(finding),
        detail=_detail(group),
        where=place(finding),
        fix=_fix(finding),
        tools=group.tools,
    )


def place(finding: Finding) -> str:
    """Where a finding is, in the form that editors and terminals understand (``path:line``)."""
    location = finding.location
    if location.uri is None:
        return location.image or location.logical or "(no location)"
    where = location.uri if location.start_line is None else f"{location.uri}:{location.start_line}"
    if location.commit and finding.secret is not None and finding.secret.in_history:
        where += f" @ {location.commit[:_COMMIT_SHOWN]}"
    return where


def worst_first(items: Iterable[_T], finding: Callable[[_T], Finding]) -> list[_T]:
    """Sort ``items`` into the reading order of their findings."""
    return sorted(items, key=lambda item: reading_order(finding(item)))


def reading_order(finding: Finding) -> tuple[Any, ...]:
    """Order findings for people: by severity, kind, place, then name, the worst first."""
    location = finding.location
    return (
        -finding.severity.rank,
        -(finding.score or 0.0),
        _KINDS[finding.kind],
        location.uri or "",
        location.start_line or 0,
        finding.rule_id,
    )


_KINDS = {kind: number for number, kind in enumerate(Kind)}


def _what(finding: Finding) -> str:
    package = finding.package
    if package is None:
        return finding.rule_id
    version = f" {package.version}" if package.version else ""
    name = finding.license if finding.kind is Kind.LICENSE and finding.license else finding.rule_id
    return f"{name} {package.name}{version}"


def _detail(group: Group) -> str:
    finding = group.representative
    notes = []
    if finding.secret is not None:
        sightings = [m.secret for m in group.members if m.secret is not None]
        if any(sighting.verified for sighting in sightings):
            notes.append("verified: it works")
        if all(sighting.in_history for sighting in sightings):
            notes.append("only in history")
    title = finding.title if finding.title != finding.rule_id else finding.message
    return title + (f" ({', '.join(notes)})" if notes else "")


def _fix(finding: Finding) -> str | None:
    vulnerability = finding.vulnerability
    if vulnerability is not None and vulnerability.fixed_versions:
        return "fixed in " + " or ".join(vulnerability.fixed_versions)
    # What to do about a secret is always the same, and the gate's reason says it once.
    return None if finding.kind is Kind.SECRET else finding.fix
