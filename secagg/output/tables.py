"""Show a decision's findings and tool runs as tables or lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from secagg import ids
from secagg.model.finding import Severity
from secagg.output import words
from secagg.output.decision import DecidedException, DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_SENTENCE, cell, joined
from secagg.output.grid import SEVERITY_COLOURS, Style, draw
from secagg.output.listing import Entry, Listing, format_listing
from secagg.output.summary import ToolSummary
from secagg.system.dates import due_text

CAUSES = {
    "this change": "new with this change",
    "the world": "not from this change: the world brought it",
    "before": "there before this change",
    "unknown": "new, and counted as brought by this change",
}
# The vendor's status of an advisory (Trivy: pkg/fanal/types, Status).
_STATUSES = {
    "will_not_fix": "vendor: will not be fixed",
    "fix_deferred": "vendor: the fix is deferred",
    "end_of_life": "vendor: end of life, no fixes any more",
    "not_affected": "vendor: not affected",
    "under_investigation": "vendor: under investigation",
}
# More rows than anybody reads; all of them are in decision.json.
_MOST_ROWS = 10_000
# The default is that a row fails; a weaker action has a text.
_ACTION_TEXTS = {"fail": "", "warn": "warns", "ignore": "does not count"}
_ACTION_MARKS = {"fail": "\u2717 ", "warn": "! ", "ignore": "\u00b7 "}
_STATUS_COLOURS = {"complete": "32", "failed": "1;31", "skipped": "2"}
# All notes are in summary.json.
_MOST_TOOL_NOTES = 5


def findings_text(decision: DecisionDocument, style: Style, *, everything: bool = False) -> str:
    """Return a table of the findings that count, worst first; with ``everything`` of all.

    An empty string if there are none. The id is below the severity, in a pipe behind it.
    """
    all_findings = decision.findings if everything else decision.counting()
    findings = all_findings[:_MOST_ROWS]
    if not findings:
        return ""
    has_owners = any(finding.owners for finding in findings)
    headers = ["SEVERITY", "ID", "PROBLEM", "WHERE", "SOURCES", *(["OWNER"] if has_owners else [])]
    cells = []
    for finding in findings:
        text = _ACTION_MARKS[finding.action] + finding.counted_as
        severity = style.paint(text, SEVERITY_COLOURS[finding.counted_as])
        problem = style.block(_problem(finding))
        identity = style.paint(ids.short(finding.id), "2")
        line = [severity, identity, problem, cell(finding.where), cell(", ".join(finding.tools))]
        cells.append([*line, cell(", ".join(finding.owners))] if has_owners else line)
    if style.width is not None:
        headers.remove("ID")
        cells = [[f"{severity}\n{identity}", *omitted] for severity, identity, *omitted in cells]
    first = headers.index("PROBLEM")
    table = draw(headers, cells, style, stretch=(first, first + 1), shares=(3, 2))
    omitted = len(all_findings) - len(findings)
    return f"{table}\nand {omitted:,} more, all in decision.json" if omitted else table


def listing_text(
    decision: DecisionDocument, listing: Listing, style: Style, *, everything: bool = False
) -> str:
    """Return the findings that fail, then those that warn, and a line on the others.

    ``everything`` lists the others too.
    """
    if listing is Listing.TABLE:
        text = findings_text(decision, style, everything=everything)
    else:
        rows = decision.findings if everything else decision.counting()
        text = format_listing(map(_entry, rows[:_MOST_ROWS]), listing, style)
        if len(rows) > _MOST_ROWS:
            text += f"\nand {len(rows) - _MOST_ROWS:,} more, all in decision.json"
    hidden = 0 if everything else sum(finding.action == "ignore" for finding in decision.findings)
    if hidden:
        count = "1 more does not count" if hidden == 1 else f"{hidden:,} more do not count"
        gap = "\n\n" if listing is Listing.FULL else "\n"
        text = gap.join(filter(None, (text, f"{count} here; --all lists them")))
    return text


def name_and_package(finding: DecidedFinding) -> tuple[str, str]:
    """Return a finding's advisory, licence or rule, and its package with the version."""
    package = " ".join(filter(None, (finding.package, finding.version)))
    if package and finding.problem.endswith(f" {package}"):
        return finding.problem[: -len(package) - 1], package
    return finding.problem, ""


def severities_text(decision: DecisionDocument) -> str:
    """Return how many findings counted as each severity, the worst first."""
    counts = decision.by_counted_as
    unknown = Counter(row.counted_as for row in decision.findings if not row.severity_known)
    return ", ".join(
        f"{counts[severity]} {severity}"
        + (f" ({unknown[severity]} of unknown severity)" if unknown[severity] else "")
        for severity in Severity
        if counts.get(severity)
    )


def lapsed_text(exception: DecidedException) -> str:
    """Return why a decision does not count."""
    decision = f"{exception.state} by {exception.source}"
    if exception.refusal:
        return f"{decision} not honoured: {exception.refusal}"
    return f"{decision} expired on {exception.expires}"


def tools_table(tools: Sequence[ToolSummary], style: Style) -> str:
    """Return a table of tool runs: status, time, findings and notes."""
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
                joined(_notes_on_tool(tool), "; "),
            ]
        )
    return draw(headers, cells, style, stretch=(5,), shares=(1,))


def tools_lines(tools: Sequence[ToolSummary], style: Style) -> str:
    """Return a line for each tool with status, findings and time, and its notes below.

    Skipped tools come last, those of one reason on one line.
    """
    by_tool: dict[str, list[ToolSummary]] = {}
    for tool in tools:
        by_tool.setdefault(tool.tool, []).append(tool)
    lines: list[str] = []
    skipped: dict[str, list[str]] = {}
    for name, runs in by_tool.items():
        if any(run.status != "skipped" for run in runs):
            lines += _tool_lines(runs, style)
        else:
            notes = dict.fromkeys(note for run in runs for note in _notes_on_tool(run))
            skipped.setdefault("; ".join(notes), []).append(name)
    return "\n".join([*lines, *_skipped_lines(skipped, style)])


def _entry(finding: DecidedFinding) -> Entry:
    name, package = name_and_package(finding)
    place = words.place(finding.path, finding.line, fallback=finding.where)
    return Entry(
        id=ids.short(finding.id),
        severity=finding.counted_as,
        name=name,
        package=package,
        place=place,
        rest=finding.where.removeprefix(place).strip(),
        detail=finding.title if finding.title != finding.problem else "",
        notes=_notes_on_finding(finding),
        fix=finding.fix or "",
        tools=finding.tools,
        owners=finding.owners,
        mark=_ACTION_MARKS[finding.action],
        word=_ACTION_TEXTS[finding.action],
    )


def _problem(finding: DecidedFinding) -> list[str]:
    title = finding.title if finding.title != finding.problem else ""
    fix = f"fix: {finding.fix}" if finding.fix else ""
    return [finding.problem, title, "; ".join(_notes_on_finding(finding)), fix]


def _notes_on_finding(finding: DecidedFinding) -> list[str]:
    """Return notes on a finding: cause, unknown severity, vendor, KEV, due day, exceptions."""
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
        marks.append(due_text(finding.days_left))
    if finding.exception is not None:
        marks.append(f"{finding.exception.state}: {finding.exception.source}")
    return marks + [lapsed_text(exception) for exception in finding.lapsed]


def _findings_cell(tool: ToolSummary) -> str:
    """Return the number of findings, and that of the report's entries where it differs."""
    if tool.findings == tool.reported:
        return str(tool.findings)
    return f"{tool.findings} of {tool.reported}"


def _notes_on_tool(tool: ToolSummary) -> list[str]:
    parts = [part for part in (tool.reason, tool.hint) if part]
    if tool.unreadable:
        parts.append(f"{tool.unreadable} entries not understood")
    if tool.suppressed:
        parts.append(f"{tool.suppressed} suppressed by the tool")
    if tool.merged:
        parts.append(f"{tool.merged} merged within the report")
    return [*parts, *tool.notes[:_MOST_TOOL_NOTES]]


def _skipped_lines(skipped: Mapping[str, Sequence[str]], style: Style) -> Iterator[str]:
    """Yield a line for each reason of ``skipped``, with the tools."""
    for reason, names in skipped.items():
        text = cell(f"{', '.join(names)}: {reason}", LONGEST_SENTENCE)
        line = style.wrapped(text, first="skipped   ", rest=" " * 12)
        yield style.paint(line[:8], _STATUS_COLOURS["skipped"]) + line[8:]


def _tool_lines(runs: Sequence[ToolSummary], style: Style) -> Iterator[str]:
    executed = [run for run in runs if run.status != "skipped"]
    status = "failed" if any(run.status == "failed" for run in executed) else "complete"
    version = next((run.version for run in runs if run.version), None)
    name = runs[0].tool + (f" {version}" if version else "")
    summary = f"{status:<8}  {cell(name)}"
    if any(run.status == "complete" for run in executed) or any(run.reported for run in executed):
        findings, reported = (
            sum(getattr(run, field) for run in executed) for field in ("findings", "reported")
        )
        counts = f"{findings} found" if findings == reported else f"{findings} of {reported} found"
        runs_text = f" in {len(executed)} runs" if len(executed) > 1 else ""
        summary += f", {counts}{runs_text}, {sum(run.seconds for run in executed):.1f} s"
    yield style.paint(summary[:8], _STATUS_COLOURS[status]) + summary[8:]
    shown = set()
    for run in runs:
        prefix = "" if run.component == "." else f"{run.component}: "
        mode = f"{run.mode}: " if run.mode and len(runs) > 1 else ""
        for note in _notes_on_tool(run):
            text = cell(f"{mode}{prefix}{note}")
            if text not in shown:
                shown.add(text)
                yield style.wrapped(text, first="          ", rest="            ")
