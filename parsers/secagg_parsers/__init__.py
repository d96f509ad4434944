"""Parsers for the reports of the scanners that secagg knows, one file per tool."""

from __future__ import annotations

from secagg.parsing import RawReport
from secagg_parsers.shapes import is_sarif, shape_of

# The parsers of tools that also write SARIF, and know it by its driver.
_OF_SARIF = frozenset({"codeql", "gitleaks", "sarif", "snyk", "trivy", "trufflehog"})
# Those of tools that write a JSON value a line.
_OF_LINES = frozenset({"kingfisher", "trufflehog"})


def candidates(report: RawReport) -> frozenset[str] | None:
    """Return the names of the parsers that may have confidence in ``report``; None for all.

    See :class:`secagg.parsing.InstalledParsers`.
    """
    shape = shape_of(report)
    if shape is None:
        return None
    if report.error is not None:
        return None if b"<analysis" in report.text else _OF_LINES
    return _OF_SARIF | {shape} if is_sarif(report.document) else frozenset({shape})
