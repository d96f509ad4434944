"""Where the groups of one merge are gathered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from secagg.finding import Finding
from secagg.merge.groups import Group, Reasons
from secagg.merge.representative import Preference

_BY_RULE: Callable[[Finding], Any] = attrgetter("tool", "rule_id")


class Outcome:
    """Groups and warnings so far, and how representatives are chosen."""

    def __init__(self, preference: Preference) -> None:
        self.groups: list[Group] = []
        self.warnings: list[str] = []
        self._preference = preference

    def single(self, identity: str, finding: Finding) -> Group:
        """A group of one."""
        group = Group(identity, (finding,), (), self._preference)
        self.groups.append(group)
        return group

    def group(self, identity: str, members: Sequence[Finding], reasons: Reasons = ()) -> Group:
        """A group of ``members``, to whose order ``reasons`` refer (see :func:`in_order`)."""
        group = Group(identity, members, reasons, self._preference)
        self.groups.append(group)
        return group


def in_order(findings: list[Finding]) -> list[Finding]:
    """``findings`` sorted so that the order in which they came does not matter."""
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    if len(findings) < 2:
        return findings
    for key in (_BY_RULE, _by_place):
        if len({key(finding) for finding in findings}) == len(findings):
            return sorted(findings, key=key)
    return sorted(findings, key=_everything)


def _by_place(finding: Finding) -> tuple[str, str, int, str]:
    place = finding.location
    return finding.tool, finding.rule_id, place.start_line or 0, place.commit or ""


def _everything(finding: Finding) -> tuple[object, ...]:
    place, package, check = finding.location, finding.package, finding.misconfiguration
    secret = finding.secret
    return (
        finding.tool,
        finding.rule_id,
        place.uri or "",
        place.start_line or 0,
        place.start_column or 0,
        place.end_line or 0,
        place.end_column or 0,
        place.commit or "",
        place.image or "",
        place.layer or "",
        place.logical or "",
        "" if package is None else f"{package.type}/{package.name}@{package.version}",
        "" if check is None else f"{check.resource} {check.checks}",
        "" if secret is None else f"{secret.id}{secret.detector}{secret.decoder}{secret.verified}",
        finding.title,
        finding.message,
        finding.severity.value,
        finding.severity_known,
        finding.score or 0.0,
        finding.license or "",
        finding.cwes,
        finding.line_hash or "",
        finding.fix or "",
        finding.identity,
        () if finding.vulnerability is None else finding.vulnerability.aliases,
    )
