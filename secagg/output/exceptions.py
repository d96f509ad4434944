"""The decisions in files as ``secagg except list`` shows them, as a table and as JSON."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.policy.decision import ExceptionState, PolicyException

_HEADERS = ["SOURCE", "STATE", "STANDING", "LEFT", "COVERS", "OWNER", "REASON"]
_COLOURS = {
    ExceptionState.IN_FORCE: "32",
    ExceptionState.EXPIRED: "1;33",
    ExceptionState.REFUSED: "1;31",
}


def _days_left(exception: PolicyException, today: datetime.date) -> int | None:
    """Return for how many days it still counts, negative once expired; None without end."""
    return None if exception.expires is None else (exception.expires - today).days


def exceptions_table(
    exceptions: Sequence[PolicyException],
    sentences: Sequence[str],
    today: datetime.date,
    style: Style,
) -> str:
    """Return a row for each exception in the files' order, and the ``sentences`` below."""
    if not exceptions:
        return "no exceptions"
    cells = []
    for exception in exceptions:
        standing = exception.standing(today)
        reason = exception.reason or "no reason given"
        if exception.refusal is not None:
            reason = f"refused: {exception.refusal}"
        elif exception.unconfirmed is not None:
            reason += f" (an approval does not count: {exception.unconfirmed})"
        cells.append(
            [
                terminal(exception.source),
                exception.state.value,
                style.paint(str(standing), _COLOURS[standing]),
                _days_left_text(_days_left(exception, today)),
                terminal(exception.target),
                terminal(" and ".join(exception.signers) or exception.owner or "-"),
                terminal(reason),
            ]
        )
    table = draw(_HEADERS, cells, style, stretch=(4, 6), shares=(1, 1))
    return table + "\n\n" + "\n".join(terminal(sentence) for sentence in sentences)


def exceptions_json(exceptions: Sequence[PolicyException], today: datetime.date) -> str:
    """Return the exceptions in the files' order as JSON."""
    rows = [
        {
            "source": exception.source,
            "covers": exception.target,
            "state": exception.state.value,
            "standing": str(exception.standing(today)),
            "days_left": _days_left(exception, today),
            "owner": exception.owner,
            "signers": list(exception.signers),
            "unconfirmed": exception.unconfirmed,
            "reason": exception.reason,
            "created": _iso(exception.created),
            "expires": _iso(exception.expires),
            "refusal": exception.refusal,
        }
        for exception in exceptions
    ]
    document = {"schema_version": 1, "today": today.isoformat(), "exceptions": rows}
    return json.dumps(document, indent=2)


def _days_left_text(days: int | None) -> str:
    if days is None:
        return "no end"
    if days < 0:
        return f"{-days} days ago" if days < -1 else "yesterday"
    return f"{days} days" if days > 1 else ("last day" if days == 0 else "1 day")


def _iso(day: datetime.date | None) -> str | None:
    return None if day is None else day.isoformat()
