"""Convert severities: tools' words and scores, and levels of SARIF.

=========== ========== ======= ======= ===== =========
tool        critical   high    medium  low   none
=========== ========== ======= ======= ===== =========
Trivy       CRITICAL   HIGH    MEDIUM  LOW   UNKNOWN (not known)
Snyk        critical   high    medium  low   (not known)
CodeQL      9.0-10.0   7.0-8.9 4.0-6.9 0.1-3.9  0.0
  no score             error   warning note  none
Gitleaks               all
TruffleHog  verified   others
=========== ========== ======= ======= ===== =========

CodeQL's row is its ``security-severity`` (a CVSS score), and the level of the result or rule
where a query has none. Other producers of SARIF are read in the same way. A finding keeps a CVSS
score only in the band of its severity, so that the two never contradict each other; its ratings
have what each source gave.

A level is a severity only where the tool writes its severity there. ``security-severity`` and
words such as ``issue_severity`` come before a level (:mod:`secagg.sarif.rules`). Sources are the
tools' own SARIF writers and documentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from secagg.model.finding import Rating, Severity

_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "negligible": Severity.LOW,
    "none": Severity.NONE,
    "info": Severity.NONE,
}


# Sources of scores in their order, after the source that decided the severity.
_SOURCES = ("nvd", "ghsa", "redhat")

UNKNOWN = "unknown"
"""The word for the severity of what no tool rated."""
LABELS = (*(str(severity) for severity in Severity), UNKNOWN)
"""The words for severities on screens and in counts."""


def label_of(severity: Severity, *, known: bool) -> str:
    """Return the word for a severity: ``unknown`` where no tool gave one."""
    return str(severity) if known else UNKNOWN


# Tools that judge the style of code. An unknown severity of theirs counts as less than that of a
# security tool.
LINTERS = frozenset(
    {
        "actionlint",
        "checkstyle",
        "clang-tidy",
        "clippy",
        "cppcheck",
        "detekt",
        "eslint",
        "flake8",
        "golangci-lint",
        "hadolint",
        "ktlint",
        "phpstan",
        "pmd",
        "psalm",
        "pylint",
        "rubocop",
        "ruff",
        "shellcheck",
        "spotbugs",
        "stylelint",
        "tflint",
        "yamllint",
    }
)

# Security tools whose severities secagg can read, besides its own scanners.
RATING_TOOLS = frozenset(
    {
        "bandit",
        "brakeman",
        "checkov",
        "gosec",
        "kics",
        "semgrep",
        "tfsec",
        "zizmor",
    }
)

# Levels that are no severities, by tool. Checkov writes "error" for every failed check that its
# platform has not rated (checkov/common/output/sarif.py); Brakeman writes its confidence
# (Brakeman::Report::SARIF, infer_level).
_NOT_SEVERITIES = {
    "brakeman": frozenset({"error", "warning", "note", "none"}),
    "checkov": frozenset({"error", "warning"}),
    "prisma-cloud": frozenset({"error", "warning"}),
    "bridgecrew": frozenset({"error", "warning"}),
}

LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    # GitHub shows no results of the level "none".
    Severity.NONE: "note",
}

PROBLEM_SEVERITY = {"error": "error", "warning": "warning", "note": "recommendation"}

# The scores of severities whose source gives a word only.
_SCORES = {
    Severity.CRITICAL: 9.5,
    Severity.HIGH: 8.0,
    Severity.MEDIUM: 5.5,
    Severity.LOW: 2.0,
}

# GitHub's bands of scores: critical begins above 9.0.
_BANDS = {
    Severity.CRITICAL: (9.1, 10.0),
    Severity.HIGH: (7.0, 8.9),
    Severity.MEDIUM: (4.0, 6.9),
    Severity.LOW: (0.1, 3.9),
}


def of_word(word: str | None) -> tuple[Severity, bool]:
    """Return the severity of a scanner's word, and whether it is known (``UNKNOWN`` is not)."""
    severity = _WORDS.get(word.lower()) if word else None
    return (Severity.NONE, False) if severity is None else (severity, True)


def of_cvss(score: float, vector: str | None) -> Severity:
    """Return the band of a CVSS score; in CVSS 2 (vectors without ``CVSS:``) high is the worst."""
    severity = Severity.of_score(score)
    if severity is Severity.CRITICAL and vector is not None and not vector.startswith("CVSS:"):
        return Severity.HIGH
    return severity


def score_within(
    severity: Severity, ratings: Iterable[Rating], preferred: str | None = None
) -> float | None:
    """Return the score to show beside ``severity``: one that is in its band, or None.

    ``preferred`` is the source that decided the severity; after it come NVD, GitHub, Red Hat
    and the rest in the order given.
    """
    best: float | None = None
    best_rank = len(_SOURCES) + 2
    for rating in ratings:
        if rating.score is None or of_cvss(rating.score, rating.vector) is not severity:
            continue
        if rating.source == preferred:
            return rating.score
        rank = _SOURCES.index(rating.source) if rating.source in _SOURCES else len(_SOURCES)
        if rank < best_rank:
            best, best_rank = rating.score, rank
    return best


def preferred_rating(ratings: Sequence[Rating]) -> Rating:
    """Return the rating that counts where the tool gives no severity: one with a score, NVD first.

    Raises ``ValueError`` without ratings.
    """
    return min(
        ratings,
        key=lambda r: (
            r.score is None,
            _SOURCES.index(r.source) if r.source in _SOURCES else len(_SOURCES),
        ),
    )


def is_linter(tool: str) -> bool:
    """Tell whether ``tool`` (a name of :func:`secagg.sarif.producers.tool_name`) is a linter."""
    return tool in LINTERS


def rates_by_level(tool: str, level: str) -> bool:
    """Tell whether ``level`` is the tool's severity for a result."""
    return level not in _NOT_SEVERITIES.get(tool, ())


def parse_security_severity(value: Any) -> float | None:
    """Read a ``security-severity``: a number, often as text, or a word; None for anything else.

    Above 10.0 it counts as 10.0; a word gives a score of that severity.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except ValueError:
        severity, is_known = of_word(str(value).strip())
        return _SCORES.get(severity) if is_known else None
    return min(score, 10.0) if math.isfinite(score) and score >= 0.0 else None


def security_severity(severity: Severity, score: float | None) -> str | None:
    """Return the ``security-severity`` that GitHub shows as ``severity``; None for none.

    It is the score where that is in the severity's band, else the nearest score in the band.
    """
    if severity is Severity.NONE:
        return None
    low, high = _BANDS[severity]
    value = _SCORES[severity] if score is None else min(max(score, low), high)
    return f"{value:.1f}"
