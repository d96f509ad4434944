"""A decision: someone has said that a problem does not count, for a while or for good."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from secagg.merge.groups import Group
from secagg.model.problem import State


class DecisionSource(StrEnum):
    """Where a decision was made, as a policy names what it trusts."""

    FILES = "files"
    STORE = "store"
    GITHUB = "github"
    VEX = "vex"
    SCANNERS = "scanners"
    REPORTS = "reports"


class ExceptionState(StrEnum):
    """What an exception is worth on a given day."""

    IN_FORCE = "in force"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyException:
    """One decision as it was written down, wherever that was.

    ``source`` names file and line (``secagg-exceptions.yaml:12``, ``.trivyignore:3``,
    ``openvex.json``, ``SARIF``) or ``store``; ``origin`` is the kind of place. ``target`` says in
    words what it covers (``CVE-2021-44228 in pkg:maven/...``). ``state`` is what it calls the
    problem: accepted or a false positive. It holds through the whole day ``expires``, in UTC.
    ``refusal`` is a sentence where it cannot be honoured (no reason, beyond the ceiling).
    """

    source: str
    target: str
    reason: str | None = None
    owner: str | None = None
    created: datetime.date | None = None
    expires: datetime.date | None = None
    refusal: str | None = None
    state: State = State.ACCEPTED
    origin: DecisionSource = DecisionSource.FILES

    def standing(self, today: datetime.date) -> ExceptionState:
        """What it is worth on ``today`` (UTC)."""
        if self.refusal is not None:
            return ExceptionState.REFUSED
        if self.expires is not None and today > self.expires:
            return ExceptionState.EXPIRED
        return ExceptionState.IN_FORCE


class Exceptions(Protocol):
    """All exceptions of a decision, found by what they cover."""

    def covering(self, group: Group) -> list[PolicyException]:
        """Every exception that names ``group``, whatever its standing, in the files' order."""
        ...

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Every exception for the gap that ``sentence`` states, whatever its standing."""
        ...

    def partial(self) -> Mapping[PolicyException, str]:
        """What covers a part of a row only, of those asked for so far: a sentence for each."""
        ...

    def all(self) -> list[PolicyException]:
        """Every exception, in the files' order."""
        ...


class NoExceptions:
    """A decision without exceptions."""

    def covering(self, group: Group) -> list[PolicyException]:
        return []

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        return []

    def partial(self) -> Mapping[PolicyException, str]:
        return {}

    def all(self) -> list[PolicyException]:
        return []
