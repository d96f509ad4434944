"""Durations: one way to write them, in options, configuration, policies and exceptions."""

from __future__ import annotations

import datetime

import pytest

from secagg.policy.model import Match
from secagg.report.filters import parse_age
from secagg.system.dates import days, is_days, seconds, until
from secagg.system.validation import validate

TODAY = datetime.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("written", "count"), [("7d", 7), ("2w", 14), ("3m", 90), ("1y", 365), (" 10 D ", 10)]
)
def test_days_are_read_alike_everywhere(written: str, count: int) -> None:
    assert days(written) == count and is_days(written)
    assert parse_age(written).days == count
    assert (until(written, TODAY) - TODAY).days == count
    assert validate(Match, {"age_at_least": written}).age_at_least == count


@pytest.mark.parametrize("value", ["", "d", "-3d", "3h", "1.5d", "1e3", "999999d", True, None, 1.5])
def test_what_is_no_number_of_days_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="30d, 2w, 3m or 1y"):
        days(value)


def test_a_number_alone_counts_days_and_is_no_age_beside_dates() -> None:
    assert days(30) == days("30") == 30
    assert not is_days("20260131")


@pytest.mark.parametrize(
    ("value", "expected"), [("90s", 90), ("15m", 900), ("1.5h", 5400), ("20", 20), (2.5, 2.5)]
)
def test_seconds(value: object, expected: float) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value", ["0", "0s", -1, "2d", "", "inf", float("inf"), float("nan"), True]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        seconds(value)
