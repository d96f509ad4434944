"""The table of tool runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg.output.escape import LONGEST_SENTENCE, cell, joined
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
