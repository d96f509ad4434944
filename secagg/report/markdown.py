"""Write the report as Markdown for a comment, an issue or a job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg.model.problem import Problem
from secagg.output.escape import markdown
from secagg.report import words
from secagg.report.columns import COLUMNS
from secagg.report.formats import Report
from secagg.report.overview import MOST_INCOMPLETE_SHOWN, Overview

# A comment on GitHub holds 65,536 characters.
_MOST_CHARACTERS = 60_000
_LONGEST_CELL = 240
_COLUMNS = ("severity", "problem", "where", "owner", "state", "due", "sources")


def pieces(report: Report) -> Iterator[bytes]:
    """Write the text; its last line counts the rows that do not fit."""
    text = "\n".join(_lines(report))
    yield (text + "\n").encode("utf-8", "replace")


def _lines(report: Report) -> Iterator[str]:
    names = tuple(report.columns) or _COLUMNS
    length = shown = 0
    if not report.runs:
        yield "**No scan is recorded yet, so problems may be missing.**\n"
    if report.summary:
        for line in _summary(report.overview):
            length += len(line) + 1
            yield line
    for title, problems in _sections(report):
        head = [title, ""] if title else []
        head += [
            f"| {' | '.join(name.replace('-', ' ') for name in names)} |",
            "|" + " --- |" * len(names),
        ]
        for number, problem in enumerate(problems):
            row = _row(problem, names, report)
            if length + len(row) > _MOST_CHARACTERS:
                break
            if number == 0:
                yield from head
                length += sum(map(len, head))
            length += len(row) + 1
            shown += 1
            yield row
        yield ""
    total = (
        report.answer.total
        if report.group_by is None
        else sum(report.answer.totals(report.group_by).values())
    )
    if total > shown:
        yield f"and {total - shown:,} more."


def _sections(report: Report) -> list[tuple[str, Sequence[Problem]]]:
    if report.group_by is None:
        return [("", report.answer.rows)] if report.answer.rows else []
    return [
        (
            f"#### {markdown(section.name, _LONGEST_CELL)} ({section.total})",
            section.problems,
        )
        for section in report.answer.sections(report.group_by)
    ]


def _summary(overview: Overview) -> Iterator[str]:
    counts = ", ".join(
        f"{change.count} {label}" + (f" ({change.text})" if change.text else "")
        for label, change in overview.by_severity.items()
        if change.count or change.text
    )
    plural = "" if overview.total == 1 else "s"
    yield f"### {overview.total:,} problem{plural}" + (f": {counts}" if counts else "")
    yield ""
    if overview.last_run is not None:
        run = overview.last_run
        yield (
            f"Last run: **{markdown(run.verdict)}**, {words.scanned_at(run)}, "
            f"{markdown(run.repository)} {markdown(run.branch)}: {overview.new} new, "
            f"{overview.fixed} fixed, {overview.reopened} reopened, {overview.overdue} overdue."
        )
        yield ""
    for run in overview.incomplete[:MOST_INCOMPLETE_SHOWN]:
        where = f"{markdown(run.repository)} {markdown(run.branch)}"
        yield f"- Last run **incomplete**: {words.scanned_at(run)}, {where}"
    if len(overview.incomplete) > MOST_INCOMPLETE_SHOWN:
        yield f"- and of {len(overview.incomplete) - MOST_INCOMPLETE_SHOWN} more branches"
    if overview.incomplete:
        yield ""
    for upgrade in overview.upgrades:
        yield f"- {_cell(upgrade.sentence)} ({_cell(upgrade.where(several=overview.several))})"
    if overview.upgrades:
        yield ""


def _row(problem: Problem, names: Sequence[str], report: Report) -> str:
    cells = [
        _problem(problem) if name == "problem" else _cell(COLUMNS[name](problem, report.today))
        for name in names
    ]
    return f"| {' | '.join(cells)} |"


def _problem(problem: Problem) -> str:
    """Return name, sentence and fix, with line breaks, which are the only markup in a cell."""
    parts = [f"**{_cell(words.title(problem))}**", _cell(words.detail(problem))]
    remedy = words.remedy(problem)
    return "<br>".join([*parts, _cell(remedy)] if remedy else parts)


def _cell(text: str) -> str:
    return markdown(text, _LONGEST_CELL)
