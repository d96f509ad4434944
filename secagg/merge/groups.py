"""Groups: the findings that are one real problem, and why they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from secagg.merge.representative import DEFAULT, Preference, represent
from secagg.model.finding import Finding, Severity


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
    """The one reason of a group in which ``key`` joins all ``count`` members."""
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
    (:mod:`secagg.change.carry`).
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
