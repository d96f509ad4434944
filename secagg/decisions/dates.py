"""Days of exceptions: all in UTC, and never longer than what was written."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from secagg.system.durations import day_of, days, is_days

DEFAULT_MAX_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How long an exception may hold.

    ``max_days`` is counted from the day it was created, ``today`` is in UTC. ``for_all`` holds
    foreign files to it too: they must then have an expiry date, and where they do not say when
    an entry was made, the days count from today.
    """

    max_days: int
    today: datetime.date
    for_all: bool = False

    def refusal(self, created: datetime.date | None, expires: datetime.date) -> str | None:
        """The sentence that refuses an exception of our own file, or None."""
        if created is None:
            return "does not say when it was created"
        if created > self.today:
            return f"is dated in the future (created {created})"
        days = (expires - created).days
        if days > self.max_days:
            return (
                f"expires {expires}, {days} days after it was created; "
                f"the policy allows {self.max_days}"
            )
        return None

    def foreign_refusal(
        self, created: datetime.date | None, expires: datetime.date | None
    ) -> str | None:
        """The sentence that refuses an exception of another tool's file, or None."""
        if not self.for_all:
            return None
        if expires is None:
            return "has no expiry date, and the policy wants one of every exception"
        return self.refusal(created or self.today, expires)


def last_day(moment: object) -> datetime.date:
    """The last day (UTC) that is over when ``moment`` comes.

    Trivy and Snyk stop honouring an entry at the moment it names, which for a bare date is its
    first: ``exp:2026-12-01`` holds through 30 November. Raises ``ValueError`` for no date.
    """
    return day_of(moment) - datetime.timedelta(days=1)


def until(text: str, today: datetime.date) -> datetime.date:
    """The last day of an exception made ``today`` for ``30d``, ``2w`` or through a date.

    Raises ``ValueError`` for anything else, and for a day that is over.
    """
    if is_days(text):
        return today + datetime.timedelta(days=days(text))
    try:
        day = datetime.date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("30d, 2w or a day such as 2026-12-31 is expected") from None
    if day < today:
        raise ValueError(f"{day} is over")
    return day
