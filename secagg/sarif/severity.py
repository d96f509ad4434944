"""Severities as SARIF levels and as the number that GitHub reads."""

from __future__ import annotations

import math
from typing import Any

from secagg.model.finding import Severity
from secagg.model.severity import of_word

LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    # GitHub knows no level "none" for a result that is shown.
    Severity.NONE: "note",
}
PROBLEM_SEVERITY = {"error": "error", "warning": "warning", "note": "recommendation"}

# What stands in for a score where a source gives a word only.
_USUAL = {
    Severity.CRITICAL: 9.5,
    Severity.HIGH: 8.0,
    Severity.MEDIUM: 5.5,
    Severity.LOW: 2.0,
}
# The bands as GitHub draws them: critical begins above 9.0.
_BANDS = {
    Severity.CRITICAL: (9.1, 10.0),
    Severity.HIGH: (7.0, 8.9),
    Severity.MEDIUM: (4.0, 6.9),
    Severity.LOW: (0.1, 3.9),
}


def number_of(given: Any) -> float | None:
    """Read a ``security-severity``: a number up to 10.0, often as text; None if it is none.

    What is above 10.0 counts as 10.0; a word is the usual number of that severity.
    """
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        score = float(given)
    except ValueError:
        severity, known = of_word(str(given).strip())
        return _USUAL.get(severity) if known else None
    return min(score, 10.0) if math.isfinite(score) and score >= 0.0 else None


def security_severity(severity: Severity, score: float | None) -> str | None:
    """``security-severity`` for which GitHub shows the band ``severity``; none for none.

    The score itself where it is in the band, else the nearest that does.
    """
    if severity is Severity.NONE:
        return None
    low, high = _BANDS[severity]
    value = _USUAL[severity] if score is None else min(max(score, low), high)
    return f"{value:.1f}"
