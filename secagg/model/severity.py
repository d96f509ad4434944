"""Severities: words and scores of tools, scales of linters, levels of SARIF.

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

CodeQL's row is its ``security-severity`` (a CVSS score), and the result's or rule's level
where a query has none; other SARIF producers are read by the same row. A CVSS score is kept
as the score of a finding only where it falls into the band of the finding's own severity, so
that a score and a severity never contradict each other; what each source said stays in the
ratings. Where a finding has no score, :func:`stand_in_score` gives the one to write.

A level is the tool's own severity only where the tool puts its severity there. Sources are
the tools' own SARIF writers and documentation; ``security-severity`` and words such as
``issue_severity`` come before a level (:mod:`secagg.sarif.rules`).
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


_STAND_IN = {
    Severity.CRITICAL: 9.5,
    Severity.HIGH: 8.0,
    Severity.MEDIUM: 5.5,
    Severity.LOW: 2.0,
    Severity.NONE: 0.0,
}


_LEVELS = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NONE,
}


# Whose score to show first where the source that decided the severity gives none.
_SOURCES = ("nvd", "ghsa", "redhat")


def of_word(word: str | None) -> tuple[Severity, bool]:
    """A scanner's word as a severity, and whether the scanner knew (``UNKNOWN`` is not to know)."""
    severity = _WORDS.get(word.lower()) if word else None
    return (Severity.NONE, False) if severity is None else (severity, True)


def of_level(level: str) -> Severity:
    """The severity of a SARIF level (3.27.10); a level that the standard lacks is a warning."""
    return _LEVELS.get(level, Severity.MEDIUM)


def of_sarif(security_severity: float | None, level: str) -> Severity:
    """CodeQL and its kind: by ``security-severity`` where there is one, else by level."""
    if security_severity is not None:
        return Severity.of_score(security_severity)
    return of_level(level)


def of_cvss(score: float, vector: str | None) -> Severity:
    """The band of a CVSS score. CVSS 2 (its vectors have no ``CVSS:`` prefix) ends at high."""
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


def foremost(ratings: Sequence[Rating]) -> Rating:
    """Whose word to take where the tool itself gives no severity: who has a score, NVD first.

    Raises ``ValueError`` without ratings.
    """
    return min(
        ratings,
        key=lambda r: (
            r.score is None,
            _SOURCES.index(r.source) if r.source in _SOURCES else len(_SOURCES),
        ),
    )


def stand_in_score(severity: Severity) -> float:
    """Return the score that stands for a severity where no CVSS score is given (0.0 to 10.0)."""
    return _STAND_IN[severity]


# Tools that judge how code is written. What they do not rate counts for less than what a security
# tool does not rate.
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


# Security tools whose scale is in the table: their word is taken as it is.
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


# Levels that are no severity, by tool. Checkov writes "error" for every failed check that its
# platform has not rated (checkov/common/output/sarif.py); Brakeman writes its confidence
# (Brakeman::Report::SARIF, infer_level).
_MEANINGLESS = {
    "brakeman": frozenset({"error", "warning", "note", "none"}),
    "checkov": frozenset({"error", "warning"}),
    "prisma-cloud": frozenset({"error", "warning"}),
    "bridgecrew": frozenset({"error", "warning"}),
}


_NOTHING: frozenset[str] = frozenset()


def is_linter(tool: str) -> bool:
    """Whether ``tool`` (as :func:`secagg.sarif.producers.tool_name` writes it) is a linter."""
    return tool in LINTERS


def rates_by_level(tool: str, level: str) -> bool:
    """Return whether ``level`` is the tool's own rating of a result."""
    return level not in _MEANINGLESS.get(tool, _NOTHING)


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
        severity, is_known = of_word(str(given).strip())
        return _USUAL.get(severity) if is_known else None
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
