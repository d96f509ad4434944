"""Return the texts of a row, and the explanation of why its findings are one problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from secagg import ids
from secagg.merge import Explanation, Link, Reason
from secagg.merge.groups import Group
from secagg.model.finding import Finding, Kind, Severity
from secagg.output import words
from secagg.output.escape import terminal
from secagg.output.grid import Style

_T = TypeVar("_T")
_KIND_ORDER = {kind: number for number, kind in enumerate(Kind)}
_RULE_TEXTS = {
    "advisory-alias": "the same advisory",
    "secret-value": "the same secret value in the same file",
    "overlapping-secret": "another cut of the same secret, on the same columns",
    "masked-secret-on-its-lines": "masked by its tool, on the lines of the only secret there",
    "masked-secrets-on-one-line": "masked by their tools, on one line",
}


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """The texts of a group. ``what`` is the problem's name, ``detail`` a sentence on it.

    They are as the scanners wrote them (masked, not escaped).
    """

    severity: Severity
    kind: Kind
    what: str
    detail: str
    where: str
    fix: str | None
    tools: tuple[str, ...]


def row(group: Group) -> Row:
    """Return the texts of ``group``."""
    finding = group.representative
    return Row(
        severity=finding.severity,
        kind=finding.kind,
        what=_title(finding),
        detail=_detail(group),
        where=place(finding),
        fix=_fix(finding),
        tools=group.tools,
    )


def place(finding: Finding) -> str:
    """Return the place of a finding (see :func:`secagg.output.words.place`)."""
    location, secret = finding.location, finding.secret
    more_places = len(finding.places)
    more = f" and {more_places} more place{'s' * (more_places > 1)}" if more_places else ""
    first = words.place(
        location.uri,
        location.start_line,
        fallback=location.image or location.logical,
        commit=location.commit if secret is not None and secret.in_history else None,
    )
    return f"{first}{more}"


def worst_first(items: Iterable[_T], finding: Callable[[_T], Finding]) -> list[_T]:
    """Sort ``items`` into the reading order of their findings."""
    return sorted(items, key=lambda item: reading_order(finding(item)))


def reading_order(finding: Finding) -> tuple[Any, ...]:
    """Return the sort key of a finding: by severity, kind, place, then name, the worst first."""
    location = finding.location
    return (
        # A score is 10 at most.
        -(16 * finding.severity.rank + (finding.score or 0.0)),
        _KIND_ORDER[finding.kind],
        location.uri or "",
        location.start_line or 0,
        finding.rule_id,
    )


def explanation_lines(explanation: Explanation, style: Style) -> str:
    """Return the explanation of a group as text, a fact a line."""
    return "\n".join(_explanation_lines(explanation, style))


def _title(finding: Finding) -> str:
    package = finding.package
    if package is None:
        return finding.rule_id
    name = finding.license if finding.kind is Kind.LICENSE and finding.license else finding.rule_id
    return words.title(name, package.name, package.version)


def _detail(group: Group) -> str:
    finding = group.representative
    sightings = (
        [member.secret for member in group.members if member.secret is not None]
        if finding.secret
        else []
    )
    return words.detail(
        finding.title,
        finding.message,
        finding.rule_id,
        verified=any(sighting.verified for sighting in sightings),
        in_history_only=bool(sightings) and all(sighting.in_history for sighting in sightings),
    )


def _fix(finding: Finding) -> str | None:
    vulnerability = finding.vulnerability
    fixed = vulnerability.fixed_versions if vulnerability is not None else ()
    return words.remedy(finding.kind, fixed, finding.fix)


def _explanation_lines(explanation: Explanation, style: Style) -> Iterator[str]:
    group = explanation.group
    texts = row(group)
    yield style.paint(terminal(f"{texts.severity} {texts.what}"), "1")
    yield f"  {terminal(texts.detail)}"
    yield f"  at {terminal(texts.where)}"
    yield f"  id {group.identity}"
    aliases = [name for name in explanation.known_as if name != group.identity]
    if aliases:
        yield f"  also known as {terminal(', '.join(aliases))}"
    if explanation.in_head is not None:
        yield "  still in the work tree" if explanation.in_head else "  only in history"
    yield ""
    yield f"members ({len(explanation.members)})"
    for number, member in enumerate(explanation.members):
        text = f"{member.tool}: {member.rule_id} ({member.severity}) at {place(member)}"
        yield f"  [{number}] {terminal(text)}"
    yield from _section("joined by", [_reason(reason) for reason in explanation.reasons])
    yield from _section("overruled by", [_reason(reason) for reason in explanation.overrules])
    yield from _section("kept apart", [_link(link) for link in explanation.kept_apart])
    yield from _section("related", [_link(link) for link in explanation.related])
    yield from _section("warnings", [terminal(warning) for warning in explanation.warnings])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _reason(reason: Reason) -> str:
    members = ", ".join(f"[{number}]" for number in reason.members)
    rule = _RULE_TEXTS.get(reason.rule, reason.rule.replace("-", " "))
    return terminal(f"{members}: {rule} ({reason.key})")


def _link(link: Link) -> str:
    finding, texts = link.group.representative, row(link.group)
    name = texts.what if finding.package is not None else f"{texts.what} {finding.title}"
    return terminal(f"{ids.short(link.group.identity)} {name} at {texts.where}: {link.why}")
