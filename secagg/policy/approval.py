"""Tell whether an exception counts for a problem that it covers.

It does not if fewer people have signed it than ``approval`` of the policy asks for, nor if it names
a line on which the change has written something else.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from secagg.model.approval import needs_approval, people
from secagg.model.finding import Severity
from secagg.policy.decision import Cause, DecisionSource, Facts, Judgement, PolicyException
from secagg.policy.model import Policy

# Where several people can sign one decision.
_SIGNED = frozenset({DecisionSource.FILES, DecisionSource.STORE})
_REWRITTEN = "it names a line, and this change writes what stands there: it may be another secret"


def needed_approvals(policy: Policy, severity: Severity) -> int:
    """Return how many people a decision needs that hides a problem of ``severity``."""
    return policy.approval.get(severity, 1)


def with_approval(exception: PolicyException, severity: Severity, needed: int) -> PolicyException:
    """Return ``exception``, refused where fewer than ``needed`` people have signed it."""
    if needed <= 1 or exception.refusal is not None:
        return exception
    given = people(exception.signers)
    if exception.origin not in _SIGNED:
        # One person has written it, even if no name says who.
        given = max(given, 1)
    refusal = needs_approval(given, needed)
    if refusal is None:
        return exception
    if exception.origin not in _SIGNED:
        refusal = (
            f"{refusal}: it cannot carry one, so decide on a {severity} problem in the store or in "
            "secagg-exceptions.yaml"
        )
    elif exception.unconfirmed is not None:
        refusal += f": {exception.unconfirmed}"
    return replace(exception, refusal=refusal, unapproved=True)


def unless_rewritten(exception: PolicyException, facts: Facts) -> PolicyException:
    """Return ``exception``, refused where it names a line and the change brings what is there.

    A line of ``.gitleaksignore`` without a commit is such an exception: a change could put another
    secret on the line that it names. Outside of a change, and for a secret that the baseline has,
    it holds.
    """
    if not exception.by_line or exception.refusal is not None:
        return exception
    cause = facts.cause
    brought = cause is Cause.CHANGE or (facts.in_diff is True and cause is not Cause.EXISTING)
    return replace(exception, refusal=_REWRITTEN) if brought else exception


def not_counted_in(judgements: Iterable[Judgement]) -> set[PolicyException]:
    """Return the exceptions, as written down, that do not count for some judgement.

    Those are the ones that lack an approval, and those on a line that the change has written.
    """
    return {
        replace(exception, refusal=None, unapproved=False)
        for judgement in judgements
        for exception in judgement.lapsed
        if exception.unapproved or exception.refusal == _REWRITTEN
    }
