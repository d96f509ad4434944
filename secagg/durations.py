"""Durations as people write them."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(value: object) -> float:
    """A duration as a number of seconds or a text like ``90s``, ``15m``, ``1.5h``.

    Raises ``ValueError`` for anything else, and for a duration that is not above zero.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if match is None:
            raise ValueError("a duration is a number with s, m or h behind it, such as 15m")
        number = float(match[1]) * _UNITS[match[2] or "s"]
    if not 0 < number < float("inf"):
        raise ValueError("a duration is more than zero")
    return number
