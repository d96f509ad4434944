"""The columns of a report's table, and CSV for spreadsheets.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return for
a formula (OWASP, "CSV Injection"). Such a cell gets an apostrophe in front, and every cell quotes.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from secagg.errors import UsageError
from secagg.model.problem import Problem
from secagg.output.escape import terminal
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.standing import age_days, owners_of, reason_of, severity_label, standing

Text = Callable[[Problem, datetime.date], str]
# Some programs convert the wide forms to the plain ones.
_FORMULA_CHARACTERS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "|",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
_BATCH = 500


def _age_in_days(problem: Problem, today: datetime.date) -> str:
    age = age_days(problem, today)
    return "" if age is None else str(age)


def _due(problem: Problem, today: datetime.date) -> str:
    return words.late(problem, today) or _due_day(problem, today)


def _due_day(problem: Problem, _: datetime.date) -> str:
    return "" if problem.due is None else problem.due.isoformat()


def _day(at: datetime.datetime | None) -> str:
    return "" if at is None else at.date().isoformat()


def _yes_no(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _state(problem: Problem, today: datetime.date) -> str:
    approval = words.approval(problem, today)
    return f"{standing(problem, today)}, {approval}" if approval else _plain_state(problem, today)


def _plain_state(problem: Problem, today: datetime.date) -> str:
    return str(standing(problem, today))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


COLUMNS: dict[str, Text] = {
    "severity": lambda p, _: severity_label(p),
    "id": lambda p, _: words.short_id(p),
    "identity": lambda p, _: p.identity,
    "kind": lambda p, _: str(p.kind),
    "problem": lambda p, _: words.title(p),
    "title": lambda p, _: words.detail(p),
    "rule": lambda p, _: p.rule_id,
    "where": lambda p, _: words.place(p),
    "path": lambda p, _: p.uri or "",
    "line": lambda p, _: "" if p.line is None else str(p.line),
    "component": lambda p, _: p.component or ".",
    "owner": lambda p, _: ", ".join(owners_of(p)),
    "state": _state,
    "reason": lambda p, today: reason_of(p, today) or "",
    "age": words.age,
    "due": _due,
    "first-seen": lambda p, _: _day(p.first_seen),
    "last-seen": lambda p, _: _day(p.last_seen),
    "package": lambda p, _: p.package or "",
    "version": lambda p, _: p.version or "",
    "purl": lambda p, _: p.purl or "",
    "fix": lambda p, _: words.remedy(p) or "",
    "aliases": lambda p, _: ", ".join(p.aliases),
    "cwes": lambda p, _: ", ".join(p.cwes),
    "score": lambda p, _: _number(p.score),
    "epss": lambda p, _: _number(p.epss),
    "kev": lambda p, _: _yes_no(p.kev),
    "direct": lambda p, _: _yes_no(p.direct),
    "verified": lambda p, _: _yes_no(p.verified),
    "action": lambda p, _: p.action or "",
    "repository": lambda p, _: p.repository or "",
    "branch": lambda p, _: p.branch or "",
    "sources": lambda p, _: ", ".join(p.tools),
}
# A file has all columns; a table has as many as its width allows.
FILE_COLUMNS = tuple(name for name in COLUMNS if name != "id")
# What a spreadsheet sorts by is a number of days, a day or one word there.
_FILE_TEXTS = {**COLUMNS, "age": _age_in_days, "due": _due_day, "state": _plain_state}


def check_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names`` without duplicates. Raises :class:`UsageError` for an unknown column."""
    for name in names:
        if name not in COLUMNS:
            raise UsageError(f"no column {name!r}", hint="one of " + ", ".join(COLUMNS))
    return tuple(dict.fromkeys(names))


def pieces(report: Report) -> Iterator[bytes]:
    """Yield a header line and a line a problem, with CRLF between them, as UTF-8."""
    names = tuple(report.columns) or FILE_COLUMNS
    texts = [_FILE_TEXTS[name] for name in names]
    yield _csv_lines([names])
    rows = iter(report.answer.rows)
    while problems := list(islice(rows, _BATCH)):
        yield _csv_lines([[text(p, report.today) for text in texts] for p in problems])


def cell(text: str) -> str:
    """Return ``text`` as one line that is no formula."""
    is_formula = text.startswith(_FORMULA_CHARACTERS) or text.strip().startswith(
        _FORMULA_CHARACTERS
    )
    return ("'" if is_formula else "") + terminal(text)


def _csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([cell(text) for text in row] for row in rows)
    return out.getvalue().encode("utf-8", "replace")
