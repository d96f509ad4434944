"""``secagg except list``: every exception, what it is worth today, and what it covers."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.policy.exception import ExceptionState, PolicyException

_HEADERS = ["SOURCE", "STANDING", "LEFT", "COVERS", "OWNER", "REASON"]
_COLOURS = {
    ExceptionState.IN_FORCE: "32",
    ExceptionState.EXPIRED: "1;33",
    ExceptionState.REFUSED: "1;31",
}


def days_left(exception: PolicyException, today: datetime.date) -> int | None:
    """The days it holds after ``today``, below zero once it is over; None for one without end."""
    return None if exception.expires is None else (exception.expires - today).days


def exceptions_table(
    exceptions: Sequence[PolicyException],
    sentences: Sequence[str],
    today: datetime.date,
    style: Style,
) -> str:
    """One row an exception in the files' order, and a line a file."""
    if not exceptions:
        return "no exceptions"
    cells = []
    for exception in exceptions:
        standing = exception.standing(today)
        said = exception.reason or "no reason given"
        if exception.refusal is not None:
            said = f"refused: {exception.refusal}"
        cells.append(
            [
                terminal(exception.source),
                style.paint(str(standing), _COLOURS[standing]),
                _left(days_left(exception, today)),
                terminal(exception.target),
                terminal(exception.owner or "-"),
                terminal(said),
            ]
        )
    table = draw(_HEADERS, cells, style, stretch=(3, 5), shares=(1, 1))
    return table + "\n\n" + "\n".join(terminal(sentence) for sentence in sentences)


def exceptions_json(exceptions: Sequence[PolicyException], today: datetime.date) -> str:
    """The same for machines."""
    rows = [
        {
            "source": exception.source,
            "covers": exception.target,
            "standing": str(exception.standing(today)),
            "days_left": days_left(exception, today),
            "owner": exception.owner,
            "reason": exception.reason,
            "created": _iso(exception.created),
            "expires": _iso(exception.expires),
            "refusal": exception.refusal,
        }
        for exception in exceptions
    ]
    document = {"schema_version": 1, "today": today.isoformat(), "exceptions": rows}
    return json.dumps(document, indent=2)


def _left(days: int | None) -> str:
    if days is None:
        return "no end"
    if days < 0:
        return f"{-days} days ago" if days < -1 else "yesterday"
    return f"{days} days" if days > 1 else ("last day" if days == 0 else "1 day")


def _iso(day: datetime.date | None) -> str | None:
    return None if day is None else day.isoformat()
