"""One ladder for every tool's words and scores: the documented mapping.

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
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    """The score to show beside ``severity``: one that is in its band, or None.

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
    """The score that stands for a severity where no CVSS score is given (0.0 to 10.0)."""
    return _STAND_IN[severity]
