"""Where the groups of one merge are gathered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secagg.merge.groups import Group, Reasons
from secagg.merge.representative import Preference
from secagg.model.finding import Finding
from secagg.model.identity import place_of


class MergeOutcome:
    """Groups and warnings so far, and how representatives are chosen."""

    def __init__(self, preference: Preference) -> None:
        self.groups: list[Group] = []
        self.warnings: list[str] = []
        self._preference = preference

    def group(self, identity: str, members: Sequence[Finding], reasons: Reasons = ()) -> Group:
        """A group of ``members``, to whose order ``reasons`` refer (see :func:`in_order`)."""
        group = Group(identity, members, reasons, self._preference)
        self.groups.append(group)
        return group


def by_place(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """``findings`` by the file they are about (:func:`secagg.model.identity.place_of`)."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        location = finding.location
        place = location.uri
        if place is None or location.image is not None:
            place = place_of(location)
        if place in found:
            found[place].append(finding)
        else:
            found[place] = [finding]
    return found


def in_order(findings: list[Finding]) -> list[Finding]:
    """``findings`` sorted so that the order in which they came does not matter."""
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    if len(findings) < 2:
        return findings
    placed = {
        (
            f.tool,
            f.rule_id,
            (place := f.location).start_line or 0,
            place.commit or "",
            ((seen := f.secret) is not None and seen.decoder) or "",
        ): f
        for f in findings
    }
    if len(placed) == len(findings):
        return [placed[key] for key in sorted(placed)]
    at: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        at.setdefault(_where(finding), []).append(finding)
    return [f for where in sorted(at) for f in _by_words(at[where])]


def _where(finding: Finding) -> tuple[object, ...]:
    place = finding.location
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
    )


def _by_words(findings: list[Finding]) -> list[Finding]:
    if len(findings) == 1:
        return findings
    subjects = {_subject(finding): finding for finding in findings}
    if len(subjects) == len(findings):
        return [subjects[key] for key in sorted(subjects)]
    # Messages may have to be unpacked: they are asked for where nothing before them decides.
    return sorted(findings, key=lambda finding: (*_subject(finding), *_words(finding)))


def _subject(finding: Finding) -> tuple[str, ...]:
    package, check, secret = finding.package, finding.misconfiguration, finding.secret
    return (
        "" if package is None else f"{package.type}/{package.name}@{package.version}",
        "" if check is None else f"{check.resource} {check.checks}",
        "" if secret is None else f"{secret.id}{secret.detector}{secret.decoder}{secret.verified}",
        finding.title,
    )


def _words(finding: Finding) -> tuple[object, ...]:
    return (
        finding.message,
        finding.severity,
        finding.severity_known,
        finding.score or 0.0,
        finding.license or "",
        finding.cwes,
        finding.line_hash or "",
        finding.fix or "",
        finding.identity,
        () if finding.vulnerability is None else finding.vulnerability.aliases,
    )
