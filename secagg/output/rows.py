"""The words in which one group is shown: the same in the table, in Markdown and in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from secagg.merge.groups import Group
from secagg.model.finding import Finding, Kind, Severity
from secagg.output import words

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
    """Say where a finding is (see :func:`secagg.output.words.place`)."""
    location, secret = finding.location, finding.secret
    others = len(finding.places)
    more = f" and {others} more place{'s' * (others > 1)}" if others else ""
    first = words.place(
        location.uri,
        location.start_line,
        otherwise=location.image or location.logical,
        commit=location.commit if secret is not None and secret.in_history else None,
    )
    return f"{first}{more}"


def worst_first(items: Iterable[_T], finding: Callable[[_T], Finding]) -> list[_T]:
    """Sort ``items`` into the reading order of their findings."""
    return sorted(items, key=lambda item: reading_order(finding(item)))


def reading_order(finding: Finding) -> tuple[Any, ...]:
    """Order findings for people: by severity, kind, place, then name, the worst first."""
    location = finding.location
    return (
        # A score is 10 at most.
        -(16 * finding.severity.rank + (finding.score or 0.0)),
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
    name = finding.license if finding.kind is Kind.LICENSE and finding.license else finding.rule_id
    return words.what(name, package.name, package.version)


def _detail(group: Group) -> str:
    finding = group.representative
    seen = [m.secret for m in group.members if m.secret is not None] if finding.secret else []
    return words.detail(
        finding.title,
        finding.message,
        finding.rule_id,
        verified=any(sighting.verified for sighting in seen),
        in_history_only=bool(seen) and all(sighting.in_history for sighting in seen),
    )


def _fix(finding: Finding) -> str | None:
    vulnerability = finding.vulnerability
    fixed = vulnerability.fixed_versions if vulnerability is not None else ()
    return words.remedy(finding.kind, fixed, finding.fix)
