"""Groups: the findings that are one problem, the reasons, and the ids of the group.

The identity of a group is made of facts that do not depend on which tools ran: the canonical
advisory, the weakness instead of a tool's rule, the location. If two groups of one scan have the
same facts (two versions of a package in one lock file, a weakness twice on one line), the first in
a fixed order keeps the identity, and the others get one that includes what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from secagg import ids
from secagg.merge.representative import DEFAULT, Preference, represent
from secagg.model.finding import Finding, Kind, Severity
from secagg.model.identity import SCHEME, place_of
from secagg.packages.keys import SEPARATOR

# The beginning of the text whose hash is an identity.
PREFIX = {kind: f"{SCHEME}{SEPARATOR}{kind.value}{SEPARATOR}" for kind in Kind}


class Reason(Struct, kw_only=True):
    """Why members are in one group.

    ``key`` is the value they share (``CVE-2018-18074``), ``rule`` the name of the merging rule
    (``advisory-alias``); ``members`` are indices into the group's members.
    """

    rule: str
    key: str
    members: tuple[int, ...]


# Few groups are explained, so most have only the rule and the key that join all members, or a
# function that makes the reasons.
Shared = tuple[str, str]
Reasons = Sequence[Reason] | Shared | Callable[[Sequence[Finding]], Sequence[Reason]]


def joined(rule: str, key: str, count: int) -> tuple[Reason]:
    """Return the only reason of a group in which ``key`` joins all ``count`` members."""
    return (Reason(rule=rule, key=key, members=tuple(range(count))),)


class NearMiss(Struct, kw_only=True):
    """Another group that was almost joined, and why it was not."""

    identity: str
    why: str


class Group:
    """One real problem: a row of the table.

    ``identity`` is stable over time and does not depend on which tools ran (``secagg/v1``).
    ``representative`` is a finding with the severity, fix and description chosen by
    ``preference``: one of ``members``, or a copy of one with values of the others. It and
    ``reasons`` are made at their first use. ``related`` are identities of linked groups.
    ``names`` are the ids of the group by an earlier scan, its own first, once they are known
    (:mod:`secagg.pipeline.recognize`).
    """

    __slots__ = (
        "_preference",
        "_reasons",
        "_representative",
        "identity",
        "members",
        "names",
        "near_misses",
        "related",
    )

    def __init__(
        self,
        identity: str,
        members: Sequence[Finding],
        reasons: Reasons = (),
        preference: Preference = DEFAULT,
        representative: Finding | None = None,
        related: Sequence[str] = (),
        near_misses: Sequence[NearMiss] = (),
    ) -> None:
        self.identity = identity
        self.members = members
        self._reasons = reasons
        self.related = related
        self.near_misses = near_misses
        self._preference = preference
        self._representative = representative
        self.names: tuple[str, ...] | None = None

    @property
    def representative(self) -> Finding:
        if self._representative is None:
            self._representative = represent(self.members, self._preference)
        return self._representative

    @representative.setter
    def representative(self, finding: Finding) -> None:
        self._representative = finding

    @property
    def reasons(self) -> Sequence[Reason]:
        source: Any = self._reasons
        if callable(source):
            source = source(self.members)
        elif source and isinstance(source[0], str):
            rule, key = source
            source = joined(rule, key, len(self.members))
        reasons: Sequence[Reason] = source
        self._reasons = reasons
        return reasons

    def _values(self) -> tuple[object, ...]:
        values = (self.identity, self.representative, list(self.members), list(self.reasons))
        return *values, list(self.related), list(self.near_misses)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Group) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Group({self.identity}, {len(self.members)} members, {self.representative!r})"

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that reported the problem, sorted by name."""
        if len(self.members) == 1:
            return (self.members[0].tool,)
        return tuple(sorted({finding.tool for finding in self.members}))

    @property
    def severity(self) -> Severity:
        return self.representative.severity


class MergedSet(Struct, kw_only=True):
    """All groups of one scan; every finding is a member of exactly one.

    ``unused_overrules`` are sentences on overrules that name no group of this scan: the problem
    may be fixed, or the identity mistyped.
    """

    groups: list[Group] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unused_overrules: list[str] = field(default_factory=list)

    @property
    def members(self) -> int:
        return sum(len(group.members) for group in self.groups)


class MergeOutcome:
    """Collects groups and warnings while findings are merged."""

    def __init__(self, preference: Preference) -> None:
        self.groups: list[Group] = []
        self.warnings: list[str] = []
        self._preference = preference

    def group(self, identity: str, members: Sequence[Finding], reasons: Reasons = ()) -> Group:
        """Add a group; ``reasons`` refer to the order of ``members`` (see :func:`in_order`)."""
        group = Group(identity, members, reasons, self._preference)
        self.groups.append(group)
        return group


def by_place(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return ``findings`` by their file or image (:func:`secagg.model.identity.place_of`)."""
    places: dict[str, list[Finding]] = {}
    for finding in findings:
        location = finding.location
        place = location.uri
        if place is None or location.image is not None:
            place = place_of(location)
        if place in places:
            places[place].append(finding)
        else:
            places[place] = [finding]
    return places


def in_order(findings: list[Finding]) -> list[Finding]:
    """Sort ``findings`` so that the order of the reports does not matter."""
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    if len(findings) < 2:
        return findings
    by_short_key = {
        (
            f.tool,
            f.rule_id,
            (place := f.location).start_line or 0,
            place.commit or "",
            ((secret := f.secret) is not None and secret.decoder) or "",
        ): f
        for f in findings
    }
    if len(by_short_key) == len(findings):
        return [by_short_key[key] for key in sorted(by_short_key)]
    by_location: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        by_location.setdefault(_location_key(finding), []).append(finding)
    return [f for key in sorted(by_location) for f in _sorted_by_content(by_location[key])]


def _location_key(finding: Finding) -> tuple[object, ...]:
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


def _sorted_by_content(findings: list[Finding]) -> list[Finding]:
    if len(findings) == 1:
        return findings
    subjects = {_subject(finding): finding for finding in findings}
    if len(subjects) == len(findings):
        return [subjects[key] for key in sorted(subjects)]
    # Messages may have to be unpacked, so they are used only if nothing else decides.
    return sorted(findings, key=lambda finding: (*_subject(finding), *_content(finding)))


def _subject(finding: Finding) -> tuple[str, ...]:
    package, check, secret = finding.package, finding.misconfiguration, finding.secret
    return (
        "" if package is None else f"{package.type}/{package.name}@{package.version}",
        "" if check is None else f"{check.resource} {check.checks}",
        "" if secret is None else f"{secret.id}{secret.detector}{secret.decoder}{secret.verified}",
        finding.title,
    )


def _content(finding: Finding) -> tuple[object, ...]:
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


def identity_of(kind: Kind, *parts: str) -> str:
    """Return the identity, 32 hexadecimal digits, of a problem with the facts ``parts``."""
    return hashed(PREFIX[kind] + SEPARATOR.join(parts))


def hashed(text: str) -> str:
    """Return the identity for a text that is joined as in :func:`identity_of`."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:32]


class Ordinals:
    """Numbers equal texts, such as equal lines of a file, so that each identity is unique."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def numbered(self, text: str) -> str:
        """Return ``text`` the first time, and later with its number behind it."""
        if text not in self._counts:
            self._counts[text] = 1
            return text
        self._counts[text] += 1
        return f"{text}{SEPARATOR}{self._counts[text]}"


def known_as(group: Group) -> tuple[str, ...]:
    """Return every identity that ``group`` may have had before; its own comes first.

    The others are the identities of its members (:mod:`secagg.model.identity`). They find a
    decision that was made when fewer tools ran, or when no tool knew the CVE yet.
    """
    if group.names is not None:
        return group.names
    identities = dict.fromkeys([group.identity])
    identities.update(dict.fromkeys(f.identity for f in group.members if f.identity))
    return tuple(identities)


def find_group(groups: Sequence[Group], text: str, *, option: str = "") -> Group:
    """Find the only group with the id ``text``, which may be shortened.

    A group has its own id, those of its members, and those that a report recorded for the members:
    files may have changed since. ``option`` is the command's option, for messages. Raises
    :class:`secagg.errors.UsageError` (see :func:`secagg.ids.resolve`).
    """
    rows = ((group.identity, (*known_as(group), *_recorded_ids(group))) for group in groups)
    identity = ids.resolve(text, rows, option=option)
    return next(group for group in groups if group.identity == identity)


def _recorded_ids(group: Group) -> list[str]:
    return [f.fingerprints[SCHEME] for f in group.members if SCHEME in f.fingerprints]
