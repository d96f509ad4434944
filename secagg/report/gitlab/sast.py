"""GitLab's SAST report: problems in code and in configuration."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.model.finding import Kind
from secagg.report.formats import Report
from secagg.report.gitlab.common import document, file_of, lines_of

KINDS = frozenset({Kind.CODE, Kind.MISCONFIGURATION})


def pieces(report: Report) -> Iterator[bytes]:
    """``gl-sast-report.json``."""
    return document(report, "sast", KINDS, lambda p: {"file": file_of(p), **lines_of(p)})
