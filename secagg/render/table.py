"""The tables of the terminal: findings, tools, and the decision under them."""

from __future__ import annotations

from collections.abc import Sequence

from secagg.finding import Severity
from secagg.policy.decision import Action, Judgement, Verdict
from secagg.render.escape import terminal
from secagg.render.grid import Style, draw
from secagg.render.rows import row, worst_first
from secagg.summary import Summary, ToolSummary

__all__ = [
    "SEVERITY_COLOURS",
    "VERDICT_COLOURS",
    "Style",
    "decision_lines",
    "draw",
    "findings_table",
    "tools_table",
]

SEVERITY_COLOURS = {
    Severity.CRITICAL: "1;35",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.NONE: "2",
}
VERDICT_COLOURS = {Verdict.PASS: "1;32", Verdict.FAIL: "1;31", Verdict.INCOMPLETE: "1;33"}
_STATUS_COLOURS = {"complete": "32", "failed": "1;31", "skipped": "2"}


def findings_table(judgements: Sequence[Judgement], style: Style) -> str:
    """One row per group, worst first. An empty string if there are none."""
    by_group = {id(judgement.group): judgement for judgement in judgements}
    ordered = worst_first([judgement.group for judgement in judgements])
    headers = ["SEVERITY", "PROBLEM", "WHERE", "SOURCES"]
    cells = []
    for group in ordered:
        shown = row(group)
        action = by_group[id(group)].action
        mark = {Action.FAIL: "\u2717 ", Action.WARN: "! ", Action.IGNORE: "\u00b7 "}[action]
        severity = style.paint(f"{mark}{shown.severity}", SEVERITY_COLOURS[shown.severity])
        parts = [shown.what, shown.detail, shown.fix or ""]
        joint = "\n" if style.width else " \u2014 "
        problem = joint.join(terminal(part) for part in parts if part)
        cells.append([severity, problem, terminal(shown.where), ", ".join(shown.tools)])
    if not cells:
        return ""
    return draw(headers, cells, style, stretch=(1, 2), shares=(3, 2))


def tools_table(tools: Sequence[ToolSummary], style: Style) -> str:
    """What ran, what did not and why, with the counts that must balance."""
    headers = ["TOOL", "COMPONENT", "STATUS", "TIME", "FOUND", "NOTE"]
    cells = []
    for tool in tools:
        name = tool.tool if tool.mode is None else f"{tool.tool} ({tool.mode})"
        if tool.version:
            name += f" {terminal(tool.version)}"
        status = style.paint(tool.status, _STATUS_COLOURS[tool.status])
        ran = tool.status != "skipped"
        cells.append(
            [
                name,
                terminal(tool.component),
                status,
                f"{tool.seconds:.1f} s" if ran else "",
                _found(tool) if ran else "",
                terminal(_note(tool)),
            ]
        )
    return draw(headers, cells, style, stretch=(5,), shares=(1,))


def decision_lines(summary: Summary, style: Style) -> str:
    """The verdict with its reasons, a line each, and the counts in one line."""
    decision = summary.decision
    found = summary.findings
    by_severity = ", ".join(f"{count} {name}" for name, count in found.by_severity.items() if count)
    total = f"{found.total} finding" + ("" if found.total == 1 else "s")
    counts = f"{total}: {by_severity}" if by_severity else total
    if found.merged:
        counts += f" ({found.reported} reported, {found.merged} merged)"
    verdict = style.paint(decision.verdict.upper(), VERDICT_COLOURS[Verdict(decision.verdict)])
    compared = ", ".join(f"{count} {state}" for state, count in decision.states.items() if count)
    lines = [
        counts,
        *([f"compared: {compared}"] if compared else []),
        f"{verdict} by policy {terminal(decision.policy)}",
    ]
    lines += [f"  - {terminal(reason)}" for reason in decision.reasons]
    lines += [f"note: {terminal(note)}" for note in decision.notes]
    lines += [f"warning: {terminal(warning)}" for warning in summary.warnings]
    return "\n".join(lines)


def _found(tool: ToolSummary) -> str:
    """The findings, and of how many entries of the report they were made."""
    if tool.findings == tool.reported:
        return str(tool.findings)
    return f"{tool.findings} of {tool.reported}"


def _note(tool: ToolSummary) -> str:
    parts = [part for part in (tool.reason, tool.hint) if part]
    if tool.problems:
        parts.append(f"{tool.problems} entries not understood")
    if tool.suppressed:
        parts.append(f"{tool.suppressed} suppressed by the tool")
    if tool.merged:
        parts.append(f"{tool.merged} merged within the report")
    parts += tool.notes
    return "; ".join(parts)
