"""Durations and days as people write them."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


_DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}


_WRITTEN = re.compile(r"(\d{1,9})(\.\d{1,9})?\s*([a-z]?)")


# 99,999 days: more would lead out of the calendar.
_MOST_DAYS = 99_999


_DAY_EXPECTED = "a day such as 2026-12-31 is expected"


def seconds(value: object) -> float:
    """Read a time as a number of seconds or a text like ``90s``, ``15m``, ``1.5h``.

    Raises ``ValueError`` for anything else, and for a duration that is not above zero.
    """
    number, unit = _read(value)
    if unit not in _SECONDS:
        raise ValueError("a duration is a number with s, m or h behind it, such as 15m")
    total = number * _SECONDS[unit]
    if not 0 < total < float("inf"):
        raise ValueError("a duration is more than zero")
    return total


def days(value: object) -> int:
    """Read days as a whole number or a text like ``30d``, ``2w``, ``3m`` (30 each), ``1y`` (365).

    Raises ``ValueError`` for anything else.
    """
    number, unit = _read(value)
    if unit not in _DAYS or number != int(number) or not 0 <= number * _DAYS[unit] <= _MOST_DAYS:
        raise ValueError("a number of days is written 30d, 2w, 3m or 1y")
    return int(number) * _DAYS[unit]


def is_days(text: str) -> bool:
    """Tell whether ``text`` is a number of days with its unit: ``7d``, and not ``20260131``."""
    try:
        return bool(text) and text.strip()[-1].isalpha() and days(text) >= 0
    except ValueError:
        return False


def day_of(moment: object) -> datetime.date:
    """The day (UTC) of a date, a time, or either as ISO 8601 text.

    Raises ``ValueError`` for anything else, and for a day that no calendar has.
    """
    if isinstance(moment, str):
        moment = _day(moment.strip())
    if isinstance(moment, datetime.datetime):
        try:
            if moment.tzinfo is not None:
                moment = moment.astimezone(datetime.UTC)
        except OverflowError:
            raise ValueError("a day outside of the calendar") from None
        moment = moment.date()
    if not isinstance(moment, datetime.date):
        raise ValueError(_DAY_EXPECTED)
    if not 1970 <= moment.year <= 9998:
        raise ValueError("a day outside of the calendar")
    return moment


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_DAY_EXPECTED) from None


def _read(value: object) -> tuple[float, str]:
    """The number and the unit in ``value``; a unit that is none where it is no duration."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        # What is no finite number has no unit either: no caller knows this one.
        return (float(value), "") if abs(value) < float("inf") else (0.0, "?")
    match = _WRITTEN.fullmatch(str(value).strip().lower())
    return (0.0, "?") if match is None else (float(match[1] + (match[2] or "")), match[3])


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
