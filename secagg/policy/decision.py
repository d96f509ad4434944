"""What a policy decided: a verdict on the whole, and one on each group."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from secagg.merge.groups import Group
from secagg.model.finding import Severity
from secagg.policy.exception import PolicyException
from secagg.policy.facts import NO_FACTS, Facts


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"


class Action(StrEnum):
    FAIL = "fail"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(slots=True, kw_only=True)
class Judgement:
    """The action for one group: which rule of the policy took it, and the sentence to show.

    ``severity`` is what it counted as (an unknown one counts as the policy says). ``exception``
    is the one in force that took it out of the count; ``lapsed`` are those that cover it and are
    worth nothing any more. ``due`` is the day (UTC) by which its maximum age wants it fixed.
    ``unknown`` are the keys of ``rule`` that nobody could answer: the stricter answer was taken.
    ``overdue`` is set where it is past due, or where nobody knows when it was first seen.
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


@dataclass(slots=True, kw_only=True)
class Decision:
    """The gate's answer. ``reasons`` are sentences, most important first.

    An incomplete scan is never a pass: ``incomplete`` outweighs ``fail``, whose reasons are
    still listed. ``gaps`` are the reasons for incompleteness and ``failures`` those of the gate;
    ``notes`` say what does not decide and ought to be known (unused exceptions, a stale list).
    ``today`` is the day (UTC) on which it was made. ``accepted_gaps`` are the keys of the gaps
    that do not make it incomplete. ``not_analysed`` says what nobody looked for although nobody
    asked for it.
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
