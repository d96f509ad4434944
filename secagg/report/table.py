"""Show the report on a terminal: the summary, then a row for each problem."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from secagg.model.problem import Problem, RunRecord
from secagg.output import words as output_words
from secagg.output.escape import cell, terminal
from secagg.output.grid import SEVERITY_COLOURS, Style, draw
from secagg.output.listing import Entry, Listing, format_listing
from secagg.report import words
from secagg.report.columns import COLUMNS
from secagg.report.formats import Report
from secagg.report.overview import MOST_INCOMPLETE_SHOWN, Overview
from secagg.report.query import Answer, GroupBy
from secagg.report.standing import (
    ACTIVE,
    LastRuns,
    age_days,
    overdue,
    owners_of,
    severity_label,
    standing,
)

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
# Columns whose text may be long, with their shares of the width.
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
_MOST_STRETCHED = 5
_NO_RUN = "no scan is recorded yet, so problems may be missing"


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
    """Return the rows of ``answer`` as a list or a table.

    ``columns`` are those of a table, by default as many as fit the width. ``several``: the rows are
    of more than one repository or branch, so that each names its own.
    """
    if not answer.rows:
        return ""
    names = tuple(columns) or _columns_for(style.line, several=several)

    def rows(problems: Sequence[Problem]) -> str:
        if listing is Listing.TABLE:
            return _grid(problems, names, last, today, style)
        entries = (entry(problem, last, today, several=several) for problem in problems)
        return format_listing(entries, listing, style)

    if group_by is None:
        return rows(answer.rows)
    blocks = []
    for section in answer.sections(group_by):
        count = f"{section.total} problem" + ("" if section.total == 1 else "s")
        heading = style.paint(cell(section.name), "1") + f" \u2014 {count}"
        blocks.append(f"{heading}\n{rows(section.problems)}")
    return "\n\n".join(blocks)


def entry(problem: Problem, last: LastRuns, today: datetime.date, *, several: bool) -> Entry:
    """Return the texts of a problem's row; ``several`` is as in :func:`report_table`."""
    package = " ".join(filter(None, (problem.package, problem.version)))
    where = words.place(problem)
    place = output_words.place(problem.uri, problem.line, fallback=where)
    notes = _notes(problem, last, today)
    age = words.age(problem, today) if age_days(problem, today) else ""
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


def summary_lines(overview: Overview, answer: Answer, style: Style) -> str:
    """Return the summary: counts, changes, components, upgrades."""
    counts = []
    for label, change in overview.by_severity.items():
        if change.count or change.text:
            count_text = style.paint(f"{change.count} {label}", _COLOURS[label])
            counts.append(f"{count_text} ({change.text})" if change.text else count_text)
    total = f"{overview.total:,} problem" + ("" if overview.total == 1 else "s")
    lines = [f"{total}: {', '.join(counts)}" if counts else total]
    lines += _news_lines(overview, style)
    settled = [
        f"{count} {state}"
        for state, count in overview.by_state.items()
        if count and state not in {str(active) for active in ACTIVE}
    ]
    if settled:
        lines.append(f"settled: {', '.join(settled)}")
    if len(overview.components) > 1:
        lines.append("most in:")
        for component in overview.components:
            where = terminal(component.where(several=overview.several))
            lines.append(f"  {where} {component.total} ({_severities_text(component.by_severity)})")
    if overview.upgrades:
        lines.append("fixes that close the most:")
        lines += [
            f"  {terminal(upgrade.sentence)} ({terminal(place)}; worst: {upgrade.worst})"
            for upgrade in overview.upgrades
            for place in (upgrade.where(several=overview.several),)
        ]
    return "\n".join(lines)


def footer(answer: Answer) -> str:
    """Return a line on the rows that are not shown; empty if all are."""
    shown, total = len(answer.rows), answer.total
    return "" if shown == total else f"{shown:,} of {total:,} shown; --limit 0 shows all"


def _news_lines(overview: Overview, style: Style) -> list[str]:
    lines = []
    if overview.last_run is not None:
        run = overview.last_run
        commit = f" @ {terminal(run.commit[:10])}" if run.commit else ""
        changes = f"{overview.new} new, {overview.fixed} fixed, {overview.reopened} reopened"
        where = f"{terminal(run.repository)} {terminal(run.branch)}{commit}"
        lines.append(f"last run: {terminal(run.verdict)}, {words.scanned_at(run)}, {where}")
        lines.append(f"  {changes}")
        lines += _failed_tools(run, style)
    for run in overview.incomplete[:MOST_INCOMPLETE_SHOWN]:
        where = f"{terminal(run.repository)} {terminal(run.branch)}"
        lines.append(
            f"last run {style.paint('incomplete', _ALARM)}: {words.scanned_at(run)}, {where}"
        )
        lines += _failed_tools(run, style)
    if len(overview.incomplete) > MOST_INCOMPLETE_SHOWN:
        others = len(overview.incomplete) - MOST_INCOMPLETE_SHOWN
        lines.append(f"last run {style.paint('incomplete', _ALARM)} of {others} more branches")
    if overview.overdue:
        lines.append(style.paint(f"{overview.overdue} overdue", _ALARM))
    return lines


def _failed_tools(run: RunRecord, style: Style) -> list[str]:
    return [
        style.paint(f"  {terminal(tool.tool)} in {terminal(tool.component)} failed", _ALARM)
        + (f": {terminal(tool.reason)}" if tool.reason else "")
        for tool in run.tools
        if tool.status == "failed"
    ]


def _severities_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[label]} {label}" for label in _COLOURS if counts.get(label))


def _columns_for(width: int | None, *, several: bool) -> tuple[str, ...]:
    names: tuple[str, ...] = _COLUMNS_IN_PIPES
    if width is not None:
        names = next(names for minimum, names in _COLUMNS_BY_WIDTH.items() if width >= minimum)
    if not several:
        return names
    index = names.index("where")
    return (*names[:index], "repository", "branch", *names[index:])


def _grid(
    problems: Sequence[Problem],
    names: Sequence[str],
    last: LastRuns,
    today: datetime.date,
    style: Style,
) -> str:
    # Without a column of its own, the id is below the severity.
    id_below = style.width is not None and "id" not in names and "identity" not in names
    cells = []
    for problem in problems:
        line = []
        for name in names:
            if name == "problem":
                line.append(_problem(problem, names, last, today, style))
            elif name == "severity":
                text = style.paint(severity_label(problem), _COLOURS[severity_label(problem)])
                identity = style.paint(words.short_id(problem), "2")
                line.append(f"{text}\n{identity}" if id_below else text)
            else:
                line.append(_painted_cell(name, problem, today, style))
        cells.append(line)
    stretch = [i for i, name in enumerate(names) if name in _SHARES][:_MOST_STRETCHED]
    shares = [_SHARES[names[i]] for i in stretch]
    headers = [name.replace("-", " ").upper() for name in names]
    return draw(headers, cells, style, stretch=tuple(stretch), shares=tuple(shares))


def _painted_cell(name: str, problem: Problem, today: datetime.date, style: Style) -> str:
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
    """Return name, sentence, notes and fix of a problem, a line each."""
    notes = _notes(problem, last, today, names)
    title = words.detail(problem) if "title" not in names else ""
    remedy = words.remedy(problem) if "fix" not in names else None
    parts = [words.title(problem), title, ", ".join(notes), remedy or ""]
    return style.block(parts)


def _notes(
    problem: Problem, last: LastRuns, today: datetime.date, columns: Sequence[str] = ()
) -> list[str]:
    """Return notes on a problem (new, reopened, state, overdue) that no column shows."""
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
    if "state" not in columns:
        notes.append(words.approval(problem, today))
    if "due" not in columns:
        notes.append(words.late(problem, today))
    return [note for note in notes if note]


def pieces(report: Report) -> Iterator[bytes]:
    """Write summary, rows, and the number of rows that are not shown."""
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
