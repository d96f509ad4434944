"""The report on a screen: the rows as they are to be listed, with the summary before them."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.report.formats import Report
from secagg.report.table import footer, report_table, summary_lines

_NO_RUN = "no scan is recorded yet, so nothing vouches for this repository"


def pieces(report: Report) -> Iterator[bytes]:
    """Summary, rows, and how many rows are left out."""
    blocks = []
    if not report.runs:
        blocks.append(_NO_RUN)
    if report.summary:
        blocks.append(summary_lines(report.overview, report.answer, report.style))
    blocks.append(
        report_table(
            report.answer,
            report.last,
            report.today,
            report.style,
            columns=report.columns,
            group_by=report.group_by,
            several=report.overview.several,
            listing=report.listing,
        )
    )
    blocks.append(footer(report.answer))
    text = "\n\n".join(block for block in blocks if block)
    yield (text + "\n").encode("utf-8", "replace") if text else b""
