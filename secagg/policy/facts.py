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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts on one group that no scanner gives; ``None`` where nobody knows.

    ``in_diff`` is whether the change touches its lines or its manifest; ``owners`` are as
    CODEOWNERS writes them (``@org/team``); ``first_seen`` is in UTC; ``epss`` is a probability
    0.0 to 1.0.
    """

    baseline: BaselineState | None = None
    in_diff: bool | None = None
    owners: tuple[str, ...] = ()
    first_seen: datetime | None = None
    epss: float | None = None
    kev: bool | None = None


NO_FACTS = Facts()
