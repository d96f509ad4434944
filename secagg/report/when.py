"""Moments and ages as people write them: ``2026-01-31``, ``7d``, ``2w``, ``last``, a run."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from secagg.errors import UsageError
from secagg.model.problem import RunRecord
from secagg.system.durations import days, is_days


def age(text: str) -> datetime.timedelta:
    """Read an age: ``30``, ``30d``, ``2w``, ``3m``, ``1y``. Raises :class:`UsageError`."""
    try:
        return datetime.timedelta(days=days(text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no age", hint="a number with d, w, m or y, such as 30d"
        ) from None


def moment(text: str, runs: Sequence[RunRecord], now: datetime.datetime) -> datetime.datetime:
    """The moment (UTC) that ``text`` names: a date, a date and time, an age, ``last``, or a run.

    A run is named by its key or its commit, or the beginning of either (7 characters or more).
    Raises :class:`UsageError` where nothing, or more than one run, is meant.
    """
    text = text.strip()
    if text == "last":
        if not runs:
            raise UsageError("no run is recorded yet", hint="name a date instead")
        return max(run.started_at for run in runs)
    if is_days(text):
        return now - age(text)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return _run(text, runs)
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)


def _run(text: str, runs: Sequence[RunRecord]) -> datetime.datetime:
    found = {run.started_at for run in runs if text in (run.key, run.commit)}
    if not found and len(text) >= 7:
        found = {
            run.started_at
            for run in runs
            if run.key.startswith(text) or (run.commit or "").startswith(text)
        }
    if len(found) == 1:
        return found.pop()
    what = "is no date, age or recorded run" if not found else "names more than one run"
    raise UsageError(
        f"{text!r} {what}", hint="such as 2026-01-31, 7d, last, or the commit of a recorded scan"
    )
