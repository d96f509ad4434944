"""An exception as the SARIF suppression that it is, for the results that it covers."""

from __future__ import annotations

from collections.abc import Sequence

from secagg.model.finding import Suppression
from secagg.model.problem import State
from secagg.policy.exception import DecisionSource, PolicyException

# What is read back from our own SARIF is known by this, and asked for anew: an exception that has
# expired since must not live on as a suppression.
WRITTEN_BY_US = "exception: "


def suppression_of(exception: PolicyException) -> Suppression:
    """The suppression (SARIF 2.1.0, 3.35) of a result that an exception in force covers.

    Its justification is the reason, and who decided it until when, for that is all that SARIF,
    and a dismissal on GitHub, have room for.
    """
    said = exception.reason or "no reason given"
    if exception.state is State.FALSE_POSITIVE:
        # GitHub has a reason of its own for these.
        said = f"false positive: {said}"
    notes = [exception.source]
    if exception.owner is not None:
        notes.append(f"by {exception.owner}")
    if exception.expires is not None:
        notes.append(f"until {exception.expires}")
    return Suppression(
        source=WRITTEN_BY_US + exception.source,
        kind="external",
        status="accepted",
        justification=f"{said} ({', '.join(notes)})",
    )


def rejection_of(exceptions: Sequence[PolicyException]) -> Suppression | None:
    """What rejects the suppressions that came with a result, if one of ``exceptions`` is refused.

    A result is suppressed if all of its suppressions are accepted (3.27.23): those that came with
    it stay, and hold again once nothing stands against them.
    """
    for exception in exceptions:
        if exception.origin is DecisionSource.REPORTS and exception.refusal is not None:
            return Suppression(
                source=WRITTEN_BY_US + exception.source,
                kind="external",
                status="rejected",
                justification=exception.refusal,
            )
    return None


def not_ours(suppressions: Sequence[Suppression]) -> tuple[Suppression, ...]:
    """``suppressions`` without those that :func:`suppression_of` made in an earlier run."""
    return tuple(s for s in suppressions if not s.source.startswith(WRITTEN_BY_US))
