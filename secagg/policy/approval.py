"""Tell whether enough people have signed an exception, by ``approval`` of the policy."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from secagg.model.approval import needs_approval, people
from secagg.model.finding import Severity
from secagg.policy.decision import DecisionSource, Judgement, PolicyException
from secagg.policy.model import Policy

# Where several people can sign one decision.
_SIGNED = frozenset({DecisionSource.FILES, DecisionSource.STORE})


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


def unapproved_in(judgements: Iterable[Judgement]) -> set[PolicyException]:
    """Return the exceptions, as written down, that lack an approval for some judgement."""
    return {
        replace(exception, refusal=None, unapproved=False)
        for judgement in judgements
        for exception in judgement.lapsed
        if exception.unapproved
    }
