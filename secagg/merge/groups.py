"""Groups: the findings that are one problem, why they are, and the ids that they go by.

It rests on what the members agree on whichever tools ran: the canonical advisory, the
weakness rather than one tool's rule, the place rather than one tool's file. Where two groups
of one scan would share it (two versions of a package in one lock file, one weakness twice on
one line), the first in a fixed order keeps it and the others are told apart by what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from secagg import ids
from secagg.merge.representative import DEFAULT, Preference, represent
from secagg.model.finding import Finding, Kind, Severity
from secagg.model.identity import SCHEME, place_of
from secagg.packages.keys import SEPARATOR


@dataclass(slots=True, kw_only=True)
class Reason:
    """Why two members stand in one group.

    ``key`` is the value they share (``CVE-2018-18074``), ``rule`` the merging rule by name
    (``advisory-alias``); ``members`` are indices into the group's members.
    """

    rule: str
    key: str
    members: tuple[int, ...]


# Few groups are ever explained, so most hold only the rule and the key that join all members,
# or what makes reasons of the members when they are asked for.
Shared = tuple[str, str]


Reasons = Sequence[Reason] | Shared | Callable[[Sequence[Finding]], Sequence[Reason]]


def joined(rule: str, key: str, count: int) -> tuple[Reason]:
    """Return the one reason of a group in which ``key`` joins all ``count`` members."""
    return (Reason(rule=rule, key=key, members=tuple(range(count))),)


@dataclass(slots=True, kw_only=True)
class NearMiss:
    """Another group that was close and kept apart, and why."""

    identity: str
    why: str


class Group:
    """One real problem: a row of the table.

    ``identity`` is stable over time and does not depend on which tools ran (``secagg/v1``).
    ``representative`` is a finding that carries the chosen severity, fix and description; it
    is one of ``members`` or a copy of one with better values from the others. It is chosen
    by ``preference`` when it is first asked for, as ``reasons`` are made then.
    ``related`` are identities of groups that are linked and not merged. ``names`` is set once an
    earlier scan has said which ids the group goes by, its own first
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
        chosen = self._representative
        if chosen is None:
            chosen = self._representative = represent(self.members, self._preference)
        return chosen

    @representative.setter
    def representative(self, finding: Finding) -> None:
        self._representative = finding

    @property
    def reasons(self) -> Sequence[Reason]:
        given: Any = self._reasons
        if callable(given):
            given = given(self.members)
        elif given and isinstance(given[0], str):
            rule, key = given
            given = joined(rule, key, len(self.members))
        reasons: Sequence[Reason] = given
        self._reasons = reasons
        return reasons

    def _values(self) -> tuple[object, ...]:
        named = (self.identity, self.representative, list(self.members), list(self.reasons))
        return *named, list(self.related), list(self.near_misses)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Group) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Group({self.identity}, {len(self.members)} members, {self.representative!r})"

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that reported it, each once, by name."""
        if len(self.members) == 1:
            return (self.members[0].tool,)
        return tuple(sorted({finding.tool for finding in self.members}))

    @property
    def severity(self) -> Severity:
        return self.representative.severity


@dataclass(slots=True, kw_only=True)
class MergedSet:
    """All groups of one scan; every finding given is a member of exactly one.

    ``unused_overrules`` are sentences on overrules that named no group of this scan: the
    problem may be gone, or the identity mistyped.
    """

    groups: list[Group] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unused_overrules: list[str] = field(default_factory=list)

    @property
    def members(self) -> int:
        return sum(len(group.members) for group in self.groups)


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


# What the texts that are hashed begin with.
PREFIX = {kind: f"{SCHEME}{SEPARATOR}{kind.value}{SEPARATOR}" for kind in Kind}


_sha256 = hashlib.sha256


def identity_of(kind: Kind, *parts: str) -> str:
    """32 hexadecimal digits (a GUID without its hyphens) for what ``parts`` say of a problem."""
    return hashed(PREFIX[kind] + SEPARATOR.join(parts))


def hashed(text: str) -> str:
    """Return the identity for a text that was put together as :func:`identity_of` does."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return _sha256(data).hexdigest()[:32]


class Ordinals:
    """Tells what would go by one text apart by its order: equal lines of a file, say."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def told(self, text: str) -> str:
        """``text`` the first time, and with its number behind it from then on."""
        if text not in self._seen:
            self._seen[text] = 1
            return text
        self._seen[text] += 1
        return f"{text}{SEPARATOR}{self._seen[text]}"


def known_as(group: Group) -> tuple[str, ...]:
    """Return every identity by which ``group`` may have been known before: its own comes first.

    The others are those of its members on their own (:mod:`secagg.model.identity`): a decision
    made when fewer tools ran, or when no tool knew the CVE yet, is found by them.
    """
    if group.names is not None:
        return group.names
    identities = dict.fromkeys([group.identity])
    identities.update(dict.fromkeys(f.identity for f in group.members if f.identity))
    return tuple(identities)


def find_group(groups: Sequence[Group], given: str, *, option: str = "") -> Group:
    """Find the only group with the id ``given``, or by an id that begins so.

    Besides its own id and those of its members, a group goes by the ids that its report recorded
    of them: the files that ids rest on may have changed since. ``option`` is where the id was
    given. Raises :class:`secagg.errors.UsageError` (see :func:`secagg.ids.resolve`).
    """
    named = ((group.identity, (*known_as(group), *_recorded(group))) for group in groups)
    identity = ids.resolve(given, named, option=option)
    return next(group for group in groups if group.identity == identity)


def _recorded(group: Group) -> list[str]:
    return [f.fingerprints[SCHEME] for f in group.members if SCHEME in f.fingerprints]
