"""Times as the store writes them: UTC, to the microsecond, and sorting as text."""

from __future__ import annotations

import datetime


def written(moment: datetime.datetime) -> str:
    """``moment`` as text; one without a zone is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (
        moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        + "Z"
    )


def read(text: str) -> datetime.datetime:
    """The moment that :func:`written` wrote."""
    return datetime.datetime.fromisoformat(text)


def now() -> datetime.datetime:
    """This moment, in UTC."""
    return datetime.datetime.now(datetime.UTC)
