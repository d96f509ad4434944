"""What a rule can ask about a group beyond its findings: the change, the owners, the dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BaselineState(StrEnum):
    """How a finding stands to the baseline (SARIF 2.1.0, 3.27.24)."""

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ABSENT = "absent"


class Cause(StrEnum):
    """What has brought a finding to a change's gate."""

    CHANGE = "change"
    WORLD = "world"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts on one group that no scanner gives; ``None`` where nobody knows.

    ``in_diff`` is whether the change touches its lines or its manifest; ``owners`` are as
    CODEOWNERS writes them (``@org/team``); ``first_seen`` is in UTC; ``epss`` is a probability
    0.0 to 1.0.

    ``exact`` is True where the baseline is a scan of the base with the same tools and databases;
    ``follows`` where the finding may follow from another place that the change touches (a step
    of its data flow, the values of a chart); ``in_base`` where the base is known to have the same
    package in the same version.
    """

    baseline: BaselineState | None = None
    in_diff: bool | None = None
    owners: tuple[str, ...] = ()
    first_seen: datetime | None = None
    epss: float | None = None
    kev: bool | None = None
    exact: bool = False
    follows: bool = False
    in_base: bool = False

    @property
    def cause(self) -> Cause | None:
        """What has brought the finding; None where nobody knows."""
        if self.baseline is not None and self.baseline is not BaselineState.NEW:
            return Cause.EXISTING
        if self.baseline is not None and self.exact:
            return Cause.CHANGE
        if self.in_base or (self.in_diff is False and not self.follows):
            return Cause.WORLD
        if self.baseline is not None and self.in_diff:
            return Cause.CHANGE
        return None

    @property
    def cause_words(self) -> str | None:
        """Why :attr:`cause` is what it is, as a sentence; None outside of a change."""
        if self.baseline is None and self.in_diff is None and not self.in_base:
            return None
        match self.cause:
            case Cause.EXISTING:
                return "The baseline has it."
            case Cause.CHANGE if self.exact:
                return "The base, scanned with the same tools and databases, does not have it."
            case Cause.CHANGE:
                return "It is not in the baseline, and the change touches its place."
            case Cause.WORLD if self.in_base:
                return "The base has the same package in the same version: its advisory is newer."
            case Cause.WORLD if self.baseline is not None:
                return "The change does not touch it: its advisory or rule is newer."
            case Cause.WORLD:
                return "The change does not touch it."
            case _ if self.baseline is not None:
                return (
                    "It is not in the baseline, and nobody can tell whether the change brings it."
                )
            case _ if self.in_diff is not None:
                return "Without a baseline nobody knows whether it was there before."
        return None


NO_FACTS = Facts()
