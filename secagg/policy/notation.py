"""Types for the values of policy files: lists, severity bands, days, dates, score ranges."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from msgspec import Struct

from secagg.model.finding import Severity
from secagg.system.dates import day_of, days
from secagg.system.validation import before, stripped

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_Item = TypeVar("_Item")


def _one_or_many(value: object) -> object:
    """Return a list unchanged, any other value as a list of one."""
    return value if isinstance(value, list) else [value]


OneOrMany = Annotated[list[_Item], before(_one_or_many, list[_Item] | _Item)]


def severities(value: object) -> list[Severity]:
    """Return the severities of ``high``, ``[critical, high]``, ``high..critical`` or ``high..``.

    A band includes both ends, the lower first; either end may be left out. Raises ``ValueError``
    for a word that is no severity and for an empty band.
    """
    if isinstance(value, list):
        chosen = {severity for item in value for severity in severities(item)}
        return [severity for severity in Severity if severity in chosen]
    low, dots, high = str(value).partition("..")
    if not dots:
        return [_severity(low)]
    least = _severity(low) if low else Severity.NONE
    most = _severity(high) if high else Severity.CRITICAL
    if least.rank > most.rank:
        raise ValueError(f"the band {value} holds nothing: write it {high}..{low}")
    return [severity for severity in Severity if least.rank <= severity.rank <= most.rank]


def _severity(word: str) -> Severity:
    try:
        return Severity(word.strip())
    except ValueError:
        words = ", ".join(Severity)
        raise ValueError(f"a severity ({words}) or a band such as high.. is expected") from None


SeverityBand = Annotated[list[Severity], before(severities, list[str] | str)]

Days = Annotated[int, before(days, str | int)]


def _day(value: object) -> object:
    # A number would be taken for seconds since 1970.
    if isinstance(value, datetime.datetime) or not isinstance(value, str | datetime.date):
        raise ValueError("a day such as 2026-12-31 is expected")
    return day_of(value)


Day = Annotated[datetime.date, before(_day)]


def _moment(value: object) -> object:
    given = value
    if isinstance(value, str):
        try:
            given = datetime.date.fromisoformat(value.strip())
        except ValueError:
            given = _time(value.strip())
    if not isinstance(given, datetime.datetime):
        return _day(given)
    day_of(given)
    zone = given.tzinfo or datetime.UTC
    # A plain one: the parser's own class carries how it was written.
    return datetime.datetime.combine(given.date(), given.time(), zone).astimezone(datetime.UTC)


def _time(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a day or a time such as 2026-12-31T10:00:00Z is expected") from None


Moment = Annotated[datetime.datetime | datetime.date, before(_moment)]
ReasonText = Annotated[str, stripped(min_length=3, max_length=2000)]
Owner = Annotated[str, stripped(min_length=1, max_length=200)]


def gap_pattern(text: str) -> str:
    """Return ``text``, a pattern for gaps. Raises ``ValueError`` where it would match any gap."""
    if max(len(part.strip()) for part in re.split(r"[*?]", text)) < 3:
        raise ValueError("at least three characters in a row of the gap's sentence are expected")
    return text


class ScoreRange(Struct, frozen=True):
    """A range of CVSS scores (0.0 to 10.0), both ends included."""

    least: float
    most: float

    @classmethod
    def parse(cls, value: object) -> ScoreRange:
        """Read ``7.0..8.9``, ``7.0..``, ``..3.9`` or one score. Raises ``ValueError`` otherwise."""
        if isinstance(value, ScoreRange):
            return value
        low, dots, high = str(value).partition("..")
        try:
            least = float(low) if low else 0.0
            most = (float(high) if high else 10.0) if dots else float(low)
        except ValueError:
            raise ValueError("a range of scores such as 7.0..8.9 or 9.0.. is expected") from None
        if least > most:
            raise ValueError(f"the range {value} holds nothing: write it {high}..{low}")
        if not (least >= 0.0 and most <= 10.0):
            raise ValueError(f"{value} is outside of the scores, which go from 0.0 to 10.0")
        return cls(least, most)

    def holds(self, least: float, most: float) -> bool | None:
        """Tell if scores from ``least`` to ``most`` are in range; None if only some are."""
        if self.least <= least and most <= self.most:
            return True
        return None if least <= self.most and self.least <= most else False

    def __str__(self) -> str:
        return f"{self.least:.1f}..{self.most:.1f}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {"type": "number"}]}
