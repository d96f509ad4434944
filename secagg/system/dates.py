"""The current time, and durations and days as people write them."""

from __future__ import annotations

import datetime

from msgspec import Struct

from secagg.system.patterns import lazy

DEFAULT_MAX_DAYS = 90

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}
_DURATION = lazy(r"(\d{1,9})(\.\d{1,9})?\s*([a-z]?)")
# More days would lead out of the calendar.
_MOST_DAYS = 99_999
_DAY_EXPECTED = "a day such as 2026-12-31 is expected"


def utc_now() -> datetime.datetime:
    """Return the current time in UTC."""
    return datetime.datetime.now(datetime.UTC)


def utc_today() -> datetime.date:
    """Return the current day in UTC."""
    return utc_now().date()


def parse_time(value: object) -> datetime.datetime | None:
    """Read an ISO 8601 time as UTC, also one without a zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=time.tzinfo or datetime.UTC).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def timestamp(value: object) -> float:
    """Read an ISO 8601 time as seconds since 1970; 0 for anything else."""
    time = parse_time(value)
    return 0.0 if time is None else time.timestamp()


def seconds(value: object) -> float:
    """Read a time as a number of seconds or a text like ``90s``, ``15m``, ``1.5h``.

    Raises ``ValueError`` for anything else, and for a duration that is not above zero.
    """
    number, unit = _number_and_unit(value)
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
    number, unit = _number_and_unit(value)
    if unit not in _DAYS or number != int(number) or not 0 <= number * _DAYS[unit] <= _MOST_DAYS:
        raise ValueError("a number of days is written 30d, 2w, 3m or 1y")
    return int(number) * _DAYS[unit]


def days_text(number: int) -> str:
    """Return a number of days as text: ``1 day``, ``2,000 days``."""
    return f"{number:,} day" + ("" if number == 1 else "s")


def due_text(days_left: int) -> str:
    """Return how long it is until something is due; a negative number is overdue."""
    if days_left < 0:
        return f"{days_text(-days_left)} overdue"
    return f"due in {days_text(days_left)}" if days_left else "due today"


def is_days(text: str) -> bool:
    """Tell whether ``text`` is a number of days with its unit: ``7d``, and not ``20260131``."""
    try:
        return bool(text) and text.strip()[-1].isalpha() and days(text) >= 0
    except ValueError:
        return False


def day_of(moment: object) -> datetime.date:
    """Return the day (UTC) of a date, a time, or either as ISO 8601 text.

    Raises ``ValueError`` for anything else, and for a year outside of 1970 to 9998.
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


def _number_and_unit(value: object) -> tuple[float, str]:
    """Split a duration into its number and unit; the unit is ``?`` for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (float(value), "") if abs(value) < float("inf") else (0.0, "?")
    match = _DURATION.fullmatch(str(value).strip().lower())
    return (0.0, "?") if match is None else (float(match[1] + (match[2] or "")), match[3])


class Ceiling(Struct, frozen=True, kw_only=True):
    """The longest time for which an exception may be valid.

    ``max_days`` counts from the day of its creation; ``today`` is in UTC. With ``for_all`` it
    applies to files of other tools too: their entries must have an expiry date, and without a
    creation date the days count from today.
    """

    max_days: int
    today: datetime.date
    for_all: bool = False

    def refusal(self, created: datetime.date | None, expires: datetime.date) -> str | None:
        """Return the reason to refuse an exception of secagg's own file, or None."""
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
        """Return the reason to refuse an exception of another tool's file, or None."""
        if not self.for_all:
            return None
        if expires is None:
            return "has no expiry date, and the policy wants one of every exception"
        return self.refusal(created or self.today, expires)


def last_day(moment: object) -> datetime.date:
    """Return the last whole day (UTC) before ``moment``.

    Trivy and Snyk end an entry at the time it names, which for a date is the beginning of the
    day: ``exp:2026-12-01`` is valid through 30 November. Raises ``ValueError`` for no date.
    """
    return day_of(moment) - datetime.timedelta(days=1)


def until(text: str, today: datetime.date) -> datetime.date:
    """Return the last day of an exception made ``today`` for ``30d``, ``2w`` or until a date.

    Raises ``ValueError`` for anything else, and for a day in the past.
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
