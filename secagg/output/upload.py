"""An upload in lines for the terminal."""

from __future__ import annotations

from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.output.summary import UploadSummary


def upload_lines(upload: UploadSummary, account: list[str]) -> str:
    """What was sent where, and ``account``: what was done to results on the way."""
    sent = sum(a.results for a in upload.analyses)
    withheld = sum(w.results for w in upload.withheld)
    left_out = sum(upload.left_out.values())
    verb = "would be sent" if upload.dry_run else "sent"
    counts = (
        f"{upload.given} results: {sent} {verb} in {len(upload.analyses)} analyses "
        f"(GitHub shows {upload.shown}), {withheld} withheld, {left_out} left out"
    )
    lines = [f"{upload.repository} {upload.ref} {upload.commit[:12]}", counts]
    for analysis in upload.analyses:
        line = f"{analysis.tool} {analysis.category}: {analysis.results}, {analysis.fate}"
        lines.append(f"  {terminal(line)}")
    lines += [f"  {terminal(line)}" for line in account]
    if upload.error is not None:
        kind = "not uploaded, as this event's token may not" if upload.expected else "upload failed"
        lines.append(f"{kind}: {terminal(upload.error)}")
        if upload.hint:
            lines.append(f"  hint: {terminal(upload.hint)}")
    return "\n".join(lines)


def upload_table(upload: UploadSummary, account: list[str], style: Style) -> str:
    """What would be sent, an analysis a row, and ``account`` below it."""
    head = f"{upload.repository} {upload.ref} {upload.commit}"
    cells = [[a.tool, a.category, str(a.results), "send"] for a in upload.analyses]
    cells += [
        [w.tool, w.category, str(w.results), f"withhold: {w.reason}"] for w in upload.withheld
    ]
    safe = [[terminal(cell) for cell in row] for row in cells]
    headers = ["TOOL", "CATEGORY", "RESULTS", "WHAT"]
    table = draw(headers, safe, style, stretch=(1, 3), shares=(1, 1))
    counts = (
        f"{upload.given} results given, GitHub would show {upload.shown}; "
        f"{upload.suppressed} of those sent are suppressed"
    )
    return "\n".join([terminal(head), "", table, "", counts, *map(terminal, account)])
