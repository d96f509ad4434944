"""The table of tool runs."""

from __future__ import annotations

from collections.abc import Sequence

from secagg.output.escape import cell, joined
from secagg.output.grid import Style, draw
from secagg.output.summary import ToolSummary

_STATUS_COLOURS = {"complete": "32", "failed": "1;31", "skipped": "2"}
# All of them stand in summary.json.
_NOTES = 5


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
                _found(tool) if ran else "",
                joined(_notes(tool), "; "),
            ]
        )
    return draw(headers, cells, style, stretch=(5,), shares=(1,))


def _found(tool: ToolSummary) -> str:
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
    return [*parts, *tool.notes[:_NOTES]]
