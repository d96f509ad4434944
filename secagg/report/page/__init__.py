"""The report as one self-contained HTML file, which works from a disk without any network."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.report.formats import Report
from secagg.report.page.data import page_data
from secagg.report.page.html import page


def pieces(report: Report) -> Iterator[bytes]:
    """The page. Where no state was asked for, all are in it and the page filters them itself."""
    yield page(page_data(report)).encode("utf-8", "replace")
