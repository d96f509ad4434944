"""The tables of a decision: findings, verdict, and what each tool came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg import ids
from secagg.model.finding import Severity
from secagg.output import words
from secagg.output.decision import DecidedException, DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_SENTENCE, cell, joined
from secagg.output.grid import SEVERITY_COLOURS, Style, draw
from secagg.output.listing import Entry, Listing, listed
from secagg.output.summary import ToolSummary

CAUSES = {
    "this change": "new with this change",
    "the world": "not from this change: the world brought it",
    "before": "there before this change",
    "unknown": "new, and counted as brought by this change",
}


# What a vendor says it does about an advisory (Trivy: pkg/fanal/types, Status).
_STATUSES = {
    "will_not_fix": "vendor: will not be fixed",
    "fix_deferred": "vendor: the fix is deferred",
    "end_of_life": "vendor: end of life, no fixes any more",
    "not_affected": "vendor: not affected",
    "under_investigation": "vendor: under investigation",
}


# More rows than anybody reads; all of them are in decision.json.
_ROWS = 10_000


# Where every row fails nothing needs to be said; what is weaker is said in a word.
_WORDS = {"fail": "", "warn": "warns", "ignore": "does not count"}


_MARKS = {"fail": "\u2717 ", "warn": "! ", "ignore": "\u00b7 "}


def findings_text(decision: DecisionDocument, style: Style, *, everything: bool = False) -> str:
    """A row for each finding that counts, worst first; with ``everything`` also for the others.

    An empty string if there are none. The id stands under the severity, in a pipe behind it.
    """
    every = decision.findings if everything else decision.counting()
    findings = every[:_ROWS]
    if not findings:
        return ""
    owned = any(finding.owners for finding in findings)
    headers = ["SEVERITY", "ID", "PROBLEM", "WHERE", "SOURCES", *(["OWNER"] if owned else [])]
    cells = []
    for finding in findings:
        text = _MARKS[finding.action] + finding.counted_as
        severity = style.paint(text, SEVERITY_COLOURS[finding.counted_as])
        problem = style.block(_problem(finding))
        identity = style.paint(ids.short(finding.id), "2")
        line = [severity, identity, problem, cell(finding.where), cell(", ".join(finding.tools))]
        cells.append([*line, cell(", ".join(finding.owners))] if owned else line)
    if style.width is not None:
        headers.remove("ID")
        cells = [[f"{severity}\n{identity}", *rest] for severity, identity, *rest in cells]
    first = headers.index("PROBLEM")
    table = draw(headers, cells, style, stretch=(first, first + 1), shares=(3, 2))
    rest = len(every) - len(findings)
    return f"{table}\nand {rest:,} more, all in decision.json" if rest else table


def listing_text(
    decision: DecisionDocument, listing: Listing, style: Style, *, everything: bool = False
) -> str:
    """The findings that count, the worst first, and a line on those that do not.

    With ``everything`` these are listed too. What fails comes before what warns.
    """
    if listing is Listing.TABLE:
        shown = findings_text(decision, style, everything=everything)
    else:
        rows = decision.findings if everything else decision.counting()
        shown = listed(map(_entry, rows[:_ROWS]), listing, style)
        if len(rows) > _ROWS:
            shown += f"\nand {len(rows) - _ROWS:,} more, all in decision.json"
    hidden = 0 if everything else sum(f.action == "ignore" for f in decision.findings)
    if hidden:
        count = "1 more does not count" if hidden == 1 else f"{hidden:,} more do not count"
        gap = "\n\n" if listing is Listing.FULL else "\n"
        shown = gap.join(filter(None, (shown, f"{count} here; --all lists them")))
    return shown


def name_and_package(finding: DecidedFinding) -> tuple[str, str]:
    """The advisory, licence or rule by which a finding goes, and its package with the version."""
    package = " ".join(filter(None, (finding.package, finding.version)))
    if package and finding.problem.endswith(f" {package}"):
        return finding.problem[: -len(package) - 1], package
    return finding.problem, ""


def _entry(finding: DecidedFinding) -> Entry:
    name, package = name_and_package(finding)
    place = words.place(finding.path, finding.line, otherwise=finding.where)
    return Entry(
        id=ids.short(finding.id),
        severity=finding.counted_as,
        name=name,
        package=package,
        place=place,
        rest=finding.where.removeprefix(place).strip(),
        detail=finding.title if finding.title != finding.problem else "",
        notes=_marks(finding),
        fix=finding.fix or "",
        tools=finding.tools,
        owners=finding.owners,
        mark=_MARKS[finding.action],
        word=_WORDS[finding.action],
    )


def _problem(finding: DecidedFinding) -> list[str]:
    title = finding.title if finding.title != finding.problem else ""
    fix = f"fix: {finding.fix}" if finding.fix else ""
    return [finding.problem, title, "; ".join(_marks(finding)), fix]


def _marks(finding: DecidedFinding) -> list[str]:
    """What is to be known of a row besides what and where it is."""
    marks = []
    if finding.baseline == "new" or finding.cause == "the world":
        marks.append("new" if finding.cause is None else CAUSES[finding.cause])
    if not finding.severity_known:
        marks.append(f"severity unknown, counts as {finding.counted_as}")
    if finding.status in _STATUSES:
        marks.append(_STATUSES[finding.status])
    if finding.kev:
        marks.append("exploited in the wild (KEV)")
    if finding.days_left is not None:
        marks.append(days_text(finding.days_left))
    if finding.exception is not None:
        marks.append(f"{finding.exception.state}: {finding.exception.source}")
    return marks + [lapsed_text(exception) for exception in finding.lapsed]


def severities_text(decision: DecisionDocument) -> str:
    """How many findings counted as each severity, the worst first."""
    counts = decision.by_severity
    return ", ".join(f"{counts[s]} {s}" for s in Severity if counts.get(s))


def days_text(left: int) -> str:
    """Days until something is due, in words."""
    if left < 0:
        return f"overdue by {-left} day" + ("" if left == -1 else "s")
    return "due today" if left == 0 else f"{left} day" + ("" if left == 1 else "s") + " left"


def lapsed_text(exception: DecidedException) -> str:
    """Why a decision is worth nothing."""
    said = f"{exception.state} by {exception.source}"
    if exception.refusal:
        return f"{said} not honoured: {exception.refusal}"
    return f"{said} expired on {exception.expires}"


_STATUS_COLOURS = {"complete": "32", "failed": "1;31", "skipped": "2"}


# All of them stand in summary.json.
_TOOL_NOTES = 5


def tools_table(tools: Sequence[ToolSummary], style: Style) -> str:
    """What ran, what did not and why, with the counts that must balance."""
    headers = ["TOOL", "COMPONENT", "STATUS", "TIME", "FOUND", "NOTE"]
    cells = []
    for tool in tools:
        name = tool.tool if tool.mode is None else f"{tool.tool} ({tool.mode})"
        if tool.version:
            name += f" {tool.version}"
        status = style.paint(tool.status, _STATUS_COLOURS[tool.status])
        ran = tool.status != "skipped"
        cells.append(
            [
                cell(name),
                cell(tool.component),
                status,
                f"{tool.seconds:.1f} s" if ran else "",
                _findings_cell(tool) if ran else "",
                joined(_notes(tool), "; "),
            ]
        )
    return draw(headers, cells, style, stretch=(5,), shares=(1,))


def _findings_cell(tool: ToolSummary) -> str:
    """The findings, and of how many entries of the report they were made."""
    if tool.findings == tool.reported:
        return str(tool.findings)
    return f"{tool.findings} of {tool.reported}"


def _notes(tool: ToolSummary) -> list[str]:
    parts = [part for part in (tool.reason, tool.hint) if part]
    if tool.problems:
        parts.append(f"{tool.problems} entries not understood")
    if tool.suppressed:
        parts.append(f"{tool.suppressed} suppressed by the tool")
    if tool.merged:
        parts.append(f"{tool.merged} merged within the report")
    return [*parts, *tool.notes[:_TOOL_NOTES]]


def tools_lines(tools: Sequence[ToolSummary], style: Style) -> str:
    """A line for each tool: how it ended, what it found in which time; under it what is odd."""
    by_tool: dict[str, list[ToolSummary]] = {}
    for tool in tools:
        by_tool.setdefault(tool.tool, []).append(tool)
    return "\n".join(line for runs in by_tool.values() for line in _tool_lines(runs, style))


def _tool_lines(runs: Sequence[ToolSummary], style: Style) -> Iterator[str]:
    ran = [run for run in runs if run.status != "skipped"]
    status = "skipped"
    if ran:
        status = "failed" if any(run.status == "failed" for run in ran) else "complete"
    version = next((run.version for run in runs if run.version), None)
    name = runs[0].tool + (f" {version}" if version else "")
    said = f"{status:<8}  {cell(name)}"
    if any(run.status == "complete" for run in ran) or any(run.reported for run in ran):
        found, reported = (
            sum(getattr(run, field) for run in ran) for field in ("findings", "reported")
        )
        counts = f"{found} found" if found == reported else f"{found} of {reported} found"
        several = f" in {len(ran)} runs" if len(ran) > 1 else ""
        said += f", {counts}{several}, {sum(run.seconds for run in ran):.1f} s"
    if status == "skipped":
        text = f"{name}: " + "; ".join(dict.fromkeys(note for run in runs for note in _notes(run)))
        line = style.wrapped(cell(text, LONGEST_SENTENCE), first="skipped   ", rest=" " * 12)
        yield style.paint(line[:8], _STATUS_COLOURS[status]) + line[8:]
        return
    yield style.paint(said[:8], _STATUS_COLOURS[status]) + said[8:]
    told = set()
    for run in runs:
        place = "" if run.component == "." else f"{run.component}: "
        mode = f"{run.mode}: " if run.mode and len(runs) > 1 else ""
        for note in _notes(run):
            text = cell(f"{mode}{place}{note}")
            if text not in told:
                told.add(text)
                yield style.wrapped(text, first="          ", rest="            ")
