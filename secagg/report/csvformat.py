"""CSV for spreadsheets: RFC 4180, and no cell that a spreadsheet would take for a formula.

Source: OWASP, "CSV Injection": a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return is a formula to some program. Such a cell gets an apostrophe in front, and every
cell stands in quotes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from secagg.output.escape import terminal
from secagg.report.columns import COLUMNS, FOR_FILES
from secagg.report.formats import Report

# The wide forms are folded to the plain ones by some programs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_BATCH = 500


def pieces(report: Report) -> Iterator[bytes]:
    """A header line and a line a problem, with CRLF between them, as UTF-8."""
    names = tuple(report.columns) or FOR_FILES
    texts = [COLUMNS[name] for name in names]
    yield _lines([names])
    for batch in range(0, len(report.answer.rows), _BATCH):
        problems = report.answer.rows[batch : batch + _BATCH]
        yield _lines([[text(p, report.today) for text in texts] for p in problems])


def cell(text: str) -> str:
    """``text`` on one line, and never a formula."""
    risky = text.startswith(_FORMULA) or text.strip().startswith(_FORMULA)
    return ("'" if risky else "") + terminal(text)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([cell(text) for text in row] for row in rows)
    return out.getvalue().encode("utf-8", "replace")
