"""A policy's decision: the verdict, the judgements, the facts and exceptions behind them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from secagg.merge.groups import Group
from secagg.model.approval import SETTLED
from secagg.model.finding import Severity
from secagg.model.state import State


class BaselineState(StrEnum):
    """A finding compared with the baseline (``baselineState`` of SARIF 2.1.0, 3.27.24)."""

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ABSENT = "absent"


class Cause(StrEnum):
    """What brought a finding to the gate: the change, newer knowledge, or it was there before."""

    CHANGE = "change"
    WORLD = "world"
    EXISTING = "existing"


class Facts(Struct, frozen=True, kw_only=True, gc=False):
    """Facts about one group that no scanner gives; ``None`` where they are not known.

    ``in_diff`` is whether the change touches its lines or its manifest; ``owners`` are as
    CODEOWNERS writes them (``@org/team``); ``first_seen`` is in UTC; ``epss`` is a probability
    0.0 to 1.0.

    ``exact`` says that the baseline is a scan of the base with the same tools and databases;
    ``follows`` that the finding may follow from another place that the change touches (a step
    of its data flow, the values of a chart); ``in_base`` that the base is known to have the same
    package in the same version.
    """

    baseline: BaselineState | None = None
    in_diff: bool | None = None
    owners: tuple[str, ...] = ()
    first_seen: datetime.datetime | None = None
    epss: float | None = None
    kev: bool | None = None
    exact: bool = False
    follows: bool = False
    in_base: bool = False

    @property
    def cause(self) -> Cause | None:
        """What brought the finding; None where that is not known."""
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
    def cause_sentence(self) -> str | None:
        """A sentence that gives the reason for :attr:`cause`; None outside of a change."""
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


class DecisionSource(StrEnum):
    """Where a decision was made, in the words of a policy's ``decisions.trust``."""

    FILES = "files"
    STORE = "store"
    GITHUB = "github"
    VEX = "vex"
    SCANNERS = "scanners"
    REPORTS = "reports"


class ExceptionState(StrEnum):
    """Whether an exception is in force on a given day."""

    IN_FORCE = "in force"
    EXPIRED = "expired"
    REFUSED = "refused"


class PolicyException(Struct, frozen=True, kw_only=True):
    """One decision to except findings, as it was written down.

    ``source`` names file and line (``secagg-exceptions.yaml:12``, ``.trivyignore:3``,
    ``openvex.json``, ``SARIF``) or ``store``; ``origin`` is the kind of place. ``target`` says in
    words what it covers (``CVE-2021-44228 in pkg:maven/...``). ``state`` is what it calls the
    problem. ``expires`` is its last day, in UTC. ``refusal`` is a sentence where it cannot be
    honoured (no reason, beyond the ceiling). ``on_one`` says that it was made on one problem by
    its id: of such decisions the newest counts, and ``at`` is the moment (UTC) that tells.

    ``by_line`` says that it names a line of a file and not the secret on it
    (:func:`secagg.policy.approval.unless_rewritten`).

    ``signers`` are the people behind it, as far as that can be checked; ``unconfirmed`` says why
    others that it names do not count. ``unapproved`` is set where it needs more people than that,
    which ``refusal`` says (:mod:`secagg.policy.approval`).
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
    on_one: bool = False
    by_line: bool = False
    at: datetime.datetime | None = None
    signers: tuple[str, ...] = ()
    unconfirmed: str | None = None
    unapproved: bool = False

    @property
    def settles(self) -> bool:
        """Whether it calls the problem accepted or a false positive, so that it does not count."""
        return self.state in SETTLED

    def standing(self, today: datetime.date) -> ExceptionState:
        """Return its state on ``today`` (UTC)."""
        if self.refusal is not None:
            return ExceptionState.REFUSED
        if self.expires is not None and today > self.expires:
            return ExceptionState.EXPIRED
        return ExceptionState.IN_FORCE


class Exceptions(Protocol):
    """All exceptions of a decision, looked up by what they cover."""

    def covering(self, group: Group) -> list[PolicyException]:
        """Return every exception for ``group``, in force or not, in the files' order."""
        ...

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Return every exception for the gap that ``sentence`` states, in force or not."""
        ...

    def partial(self) -> Mapping[PolicyException, str]:
        """Return a sentence for each exception that covers only a part of a group.

        Only groups that :meth:`covering` was asked about count.
        """
        ...

    def all(self) -> list[PolicyException]:
        """Return every exception, in the files' order."""
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


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"


class Action(StrEnum):
    FAIL = "fail"
    WARN = "warn"
    IGNORE = "ignore"


class Judgement(Struct, kw_only=True, gc=False):
    """The action for one group, the rule of the policy that chose it, and why, for people.

    ``severity`` is what it counts as (an unknown one counts as the policy says). ``exception``
    is the one in force that covers it; ``lapsed`` are those that cover it and are not in force.
    ``due`` is the day (UTC) by which its maximum age wants it fixed. ``unknown`` are the keys of
    ``rule`` without an answer: the stricter answer counts. ``overdue`` is set where it is past
    due, or where nobody knows when it was first seen. ``approvals_needed`` is how many people a
    decision that hides it needs.
    """

    group: Group
    action: Action
    rule: str | None = None
    why: str | None = None
    severity: Severity = Severity.NONE
    facts: Facts = NO_FACTS
    exception: PolicyException | None = None
    lapsed: Sequence[PolicyException] = ()
    due: datetime.date | None = None
    unknown: Sequence[str] = ()
    overdue: bool = False
    approvals_needed: int = 1


class Decision(Struct, kw_only=True):
    """The gate's answer. ``reasons`` are sentences, most important first.

    An incomplete scan is never a pass: ``incomplete`` outweighs ``fail``, whose reasons are
    still listed. ``gaps`` are the reasons for incompleteness and ``failures`` those for failing;
    ``notes`` are worth knowing and do not decide (unused exceptions, a stale list). ``today`` is
    the day (UTC) of the decision. ``accepted_gaps`` are the keys of gaps that do not make it
    incomplete. ``not_analysed`` says what no tool looked for and the policy does not require.
    """

    policy: str
    verdict: Verdict
    reasons: Sequence[str] = ()
    judgements: Sequence[Judgement] = field(default_factory=list)
    gaps: Sequence[str] = ()
    failures: Sequence[str] = ()
    notes: Sequence[str] = ()
    lapsed: Sequence[PolicyException] = ()
    unused: Sequence[PolicyException] = ()
    today: datetime.date | None = None
    not_analysed: Sequence[str] = ()
    accepted_gaps: frozenset[str] = frozenset()
