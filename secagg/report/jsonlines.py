"""JSON lines: a problem a line, as in the JSON report."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.report.formats import Report
from secagg.report.jsonformat import json_lines


def pieces(report: Report) -> Iterator[bytes]:
    """One object a line."""
    return json_lines(report.answer.rows, report.now)
