"""An exception as the SARIF suppression that it is, for the results that it covers."""

from __future__ import annotations

from secagg.finding import Suppression
from secagg.policy.exception import PolicyException


def suppression_of(exception: PolicyException) -> Suppression:
    """The suppression (SARIF 2.1.0, 3.35) of a result that an exception in force covers.

    Its justification is the reason, and who decided it until when, for that is all that SARIF,
    and a dismissal on GitHub, have room for.
    """
    said = exception.reason or "no reason given"
    notes = [exception.source]
    if exception.owner is not None:
        notes.append(f"by {exception.owner}")
    if exception.expires is not None:
        notes.append(f"until {exception.expires}")
    return Suppression(
        source=exception.source,
        kind="external",
        status="accepted",
        justification=f"{said} ({', '.join(notes)})",
    )
