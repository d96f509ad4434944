"""The report on a terminal: the summary first, then a row a problem."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from secagg.model.problem import Problem, RunRecord
from secagg.output import words as output_words
from secagg.output.escape import cell, terminal
from secagg.output.grid import SEVERITY_COLOURS, Style, draw
from secagg.output.listing import Entry, Listing, listed
from secagg.report import words
from secagg.report.columns import COLUMNS
from secagg.report.formats import Report
from secagg.report.overview import INCOMPLETE_NAMED, Overview
from secagg.report.query import Answer, GroupBy, sections
from secagg.report.standing import ACTIVE, LastRuns, overdue, owners_of, severity_label, standing

_COLOURS = {**SEVERITY_COLOURS, "unknown": "1"}


_ALARM = "1;31"


_WIDE, _MIDDLE = 150, 110


_COLUMNS_BY_WIDTH = {
    _WIDE: ("severity", "id", "problem", "where", "component", "owner", "age", "due", "sources"),
    _MIDDLE: ("severity", "id", "problem", "where", "owner", "sources"),
    0: ("severity", "problem", "where", "sources"),
}


_COLUMNS_IN_PIPES = (
    *("severity", "id", "state", "problem", "where"),
    *("component", "owner", "age", "due", "sources"),
)


# Columns whose text may be long, and the share of the width that each of them gets.
_SHARES = {
    "problem": 5,
    "title": 4,
    "where": 3,
    "path": 3,
    "fix": 3,
    "reason": 3,
    "purl": 3,
    "aliases": 2,
    "rule": 2,
    "repository": 2,
    "branch": 1,
    "component": 2,
    "owner": 2,
    "package": 2,
    "sources": 2,
}


_STRETCHED = 5


def report_table(
    answer: Answer,
    last: LastRuns,
    today: datetime.date,
    style: Style,
    *,
    columns: Sequence[str] = (),
    group_by: GroupBy | None = None,
    several: bool = False,
    listing: Listing = Listing.TABLE,
) -> str:
    """The rows of ``answer``, by default with the columns that ``style``'s width has room for.

    ``several``: they are of more than one repository or branch, so each row says of which.
    ``columns`` are those of a table.
    """
    if not answer.rows:
        return ""
    if listing is not Listing.TABLE:
        return _listed(answer, listing, last, today, style, group_by, several=several)
    names = tuple(columns) or _columns_for(style.width, several=several)
    if group_by is None:
        return _grid(answer.rows, names, last, today, style)
    blocks = []
    for section in sections(answer.rows, group_by, of=answer.matching):
        count = f"{section.total} problem" + ("" if section.total == 1 else "s")
        head = style.paint(cell(section.name), "1") + f" \u2014 {count}"
        blocks.append(f"{head}\n{_grid(section.problems, names, last, today, style)}")
    return "\n\n".join(blocks)


def _listed(
    answer: Answer,
    listing: Listing,
    last: LastRuns,
    today: datetime.date,
    style: Style,
    group_by: GroupBy | None,
    *,
    several: bool,
) -> str:
    def entries(problems: Sequence[Problem]) -> Iterator[Entry]:
        return (_entry(problem, last, today, several=several) for problem in problems)

    if group_by is None:
        return listed(entries(answer.rows), listing, style)
    blocks = []
    for section in sections(answer.rows, group_by, of=answer.matching):
        count = f"{section.total} problem" + ("" if section.total == 1 else "s")
        head = style.paint(cell(section.name), "1") + f" \u2014 {count}"
        blocks.append(f"{head}\n{listed(entries(section.problems), listing, style)}")
    return "\n\n".join(blocks)


def _entry(problem: Problem, last: LastRuns, today: datetime.date, *, several: bool) -> Entry:
    package = " ".join(filter(None, (problem.package, problem.version)))
    where = words.place(problem)
    place = output_words.place(problem.uri, problem.line, otherwise=where)
    notes = _notes(problem, last, today)
    age = COLUMNS["age"](problem, today)
    if several:
        notes.append(f"{problem.repository} {problem.branch}")
    detail = words.detail(problem)
    return Entry(
        id=words.short_id(problem),
        severity=severity_label(problem),
        name=problem.rule_id,
        package=package,
        place=place,
        rest=where.removeprefix(place).strip(),
        detail=detail if detail != problem.rule_id else "",
        notes=notes,
        fix=(words.remedy(problem) or "").replace("fixed in ", "upgrade to ", 1),
        age=f"{age} old" if age else "",
        tools=problem.tools,
        owners=owners_of(problem),
    )


def summary_lines(found: Overview, answer: Answer, style: Style) -> str:
    """What a person wants to know first, a line each. Empty matters are left out."""
    counts = []
    for label, change in found.by_severity.items():
        if change.count or change.text:
            counted = style.paint(f"{change.count} {label}", _COLOURS[label])
            counts.append(f"{counted} ({change.text})" if change.text else counted)
    total = f"{found.total:,} problem" + ("" if found.total == 1 else "s")
    lines = [f"{total}: {', '.join(counts)}" if counts else total]
    lines += _news_lines(found, style)
    settled = [
        f"{count} {state}"
        for state, count in found.by_state.items()
        if count and state not in {str(s) for s in ACTIVE}
    ]
    if settled:
        lines.append(f"settled: {', '.join(settled)}")
    if len(found.components) > 1:
        parts = [
            f"{terminal(c.where(several=found.several))} {c.total} ({_by_severity(c.by_severity)})"
            for c in found.components
        ]
        lines += ["most in:", *(f"  {part}" for part in parts)]
    if found.upgrades:
        lines.append("fixes that close the most:")
        lines += [
            f"  {terminal(u.sentence)} ({terminal(place)}; worst: {u.worst})"
            for u in found.upgrades
            for place in (u.where(several=found.several),)
        ]
    return "\n".join(lines)


def footer(answer: Answer) -> str:
    """Return how many rows are not shown, and how to see them. Empty if all are."""
    left = len(answer.matching) - len(answer.rows)
    if not left:
        return ""
    return f"{len(answer.rows):,} of {len(answer.matching):,} shown; --limit 0 shows all"


def _news_lines(found: Overview, style: Style) -> list[str]:
    lines = []
    if found.last_run is not None:
        run = found.last_run
        commit = f" @ {terminal(run.commit[:10])}" if run.commit else ""
        news = f"{found.new} new, {found.fixed} fixed, {found.reopened} reopened"
        where = f"{terminal(run.repository)} {terminal(run.branch)}{commit}"
        lines.append(f"last run: {terminal(run.verdict)}, {words.scanned_at(run)}, {where}")
        lines.append(f"  {news}")
        lines += _failed_tools(run, style)
    for run in found.incomplete[:INCOMPLETE_NAMED]:
        where = f"{terminal(run.repository)} {terminal(run.branch)}"
        lines.append(
            f"last run {style.paint('incomplete', _ALARM)}: {words.scanned_at(run)}, {where}"
        )
        lines += _failed_tools(run, style)
    if len(found.incomplete) > INCOMPLETE_NAMED:
        more = len(found.incomplete) - INCOMPLETE_NAMED
        lines.append(f"last run {style.paint('incomplete', _ALARM)} of {more} more branches")
    if found.overdue:
        lines.append(style.paint(f"{found.overdue} overdue", _ALARM))
    return lines


def _failed_tools(run: RunRecord, style: Style) -> list[str]:
    return [
        style.paint(f"  {terminal(tool.tool)} in {terminal(tool.component)} failed", _ALARM)
        + (f": {terminal(tool.reason)}" if tool.reason else "")
        for tool in run.tools
        if tool.status == "failed"
    ]


def _by_severity(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[label]} {label}" for label in _COLOURS if counts.get(label))


def _columns_for(width: int | None, *, several: bool) -> tuple[str, ...]:
    names: tuple[str, ...] = _COLUMNS_IN_PIPES
    if width is not None:
        names = next(names for least, names in _COLUMNS_BY_WIDTH.items() if width >= least)
    if not several:
        return names
    at = names.index("where")
    return (*names[:at], "repository", "branch", *names[at:])


def _grid(
    problems: Sequence[Problem],
    names: Sequence[str],
    last: LastRuns,
    today: datetime.date,
    style: Style,
) -> str:
    # Where there is no column for it, the id stands under the severity.
    id_below = style.width is not None and "id" not in names and "identity" not in names
    cells = []
    for problem in problems:
        line = []
        for name in names:
            if name == "problem":
                line.append(_problem(problem, names, last, today, style))
            elif name == "severity":
                text = style.paint(severity_label(problem), _COLOURS[severity_label(problem)])
                below = style.paint(words.short_id(problem), "2")
                line.append(f"{text}\n{below}" if id_below else text)
            else:
                line.append(_painted(name, problem, today, style))
        cells.append(line)
    stretch = [i for i, name in enumerate(names) if name in _SHARES][:_STRETCHED]
    shares = [_SHARES[names[i]] for i in stretch]
    headers = [name.replace("-", " ").upper() for name in names]
    return draw(headers, cells, style, stretch=tuple(stretch), shares=tuple(shares))


def _painted(name: str, problem: Problem, today: datetime.date, style: Style) -> str:
    text = cell(COLUMNS[name](problem, today))
    if name == "due" and overdue(problem, today):
        return style.paint(text, _ALARM)
    return text


def _problem(
    problem: Problem,
    names: Sequence[str],
    last: LastRuns,
    today: datetime.date,
    style: Style,
) -> str:
    """The problem's name, what it is, and what is to be known about it, a line each."""
    notes = _notes(problem, last, today, names)
    title = words.detail(problem) if "title" not in names else ""
    remedy = words.remedy(problem) if "fix" not in names else None
    parts = [words.title(problem), title, ", ".join(notes), remedy or ""]
    return style.block(parts)


def _notes(
    problem: Problem, last: LastRuns, today: datetime.date, columns: Sequence[str] = ()
) -> list[str]:
    """What is to be known of a row besides what and where it is, and in none of ``columns``."""
    notes = []
    since = last.since(problem)
    if since is not None and problem.fixed_at is None:
        if problem.reopened_at is not None and problem.reopened_at >= since:
            notes.append("reopened")
        elif problem.first_seen is not None and problem.first_seen >= since:
            notes.append("new")
    state = standing(problem, today)
    if "state" not in columns and state not in ACTIVE:
        notes.append(str(state))
    if "due" not in columns and overdue(problem, today):
        notes.append("overdue by " + COLUMNS["due"](problem, today).split("d")[0] + "d")
    return notes


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
