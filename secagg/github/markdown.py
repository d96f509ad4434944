"""The upload in Markdown: for the job summary and for a comment on a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from secagg.github.findings import ShownResult
from secagg.model.finding import Severity
from secagg.output.escape import LONGEST_CELL, cut, markdown
from secagg.output.summary import UploadSummary

_ROWS = 50
_LONGEST_TEXT = 200


def upload_markdown(upload: UploadSummary) -> str:
    """What was sent, what was not and why, and what GitHub shows of it."""
    sent = sum(a.results for a in upload.analyses)
    withheld = sum(w.results for w in upload.withheld)
    left_out = sum(upload.left_out.values())
    counts = (
        f"{upload.given} results: {sent} in {len(upload.analyses)} analyses "
        f"(GitHub shows {upload.shown}), {withheld} withheld, {left_out} left out."
    )
    lines = ["### Upload to code scanning", "", counts, ""]
    if upload.error is not None:
        mark = "note" if upload.expected else "error"
        lines += [f"**{mark}:** {markdown(upload.error)}", ""]
        if upload.hint:
            lines += [markdown(upload.hint), ""]
    if upload.analyses:
        lines += ["| tool | category | results | |", "| --- | --- | ---: | --- |"]
        for analysis in upload.analyses:
            cells = (analysis.tool, analysis.category, str(analysis.results), analysis.fate)
            lines.append(f"| {' | '.join(map(markdown, cells))} |")
        lines.append("")
    if upload.hidden:
        lines += ["#### What GitHub will not show", ""]
        lines += [f"- {markdown(line)}" for line in hidden_lines(upload)]
        lines.append("")
    lines += [f"- {markdown(line)}" for line in _account(upload)]
    return "\n".join(lines).rstrip() + "\n"


def hidden_lines(upload: UploadSummary) -> list[str]:
    """What GitHub will not show, a reason a line. Untrusted texts are in them."""
    return [
        f"{entry.count} x {entry.why}"
        + (f": {', '.join(entry.examples)}" if entry.examples else "")
        + (", …" if entry.count > len(entry.examples) > 0 else "")
        for entry in upload.hidden
    ]


def account_lines(upload: UploadSummary) -> list[str]:
    """Everything that was done to results, a line each. Untrusted texts are in them."""
    lines = [
        f"withheld: {w.tool} {w.category} ({w.results} results), because {w.reason}"
        for w in upload.withheld
    ]
    lines += [f"left out: {n} because {why}" for why, n in upload.left_out.items()]
    lines += [f"cut: {n} x {what}" for what, n in upload.cuts.items()]
    lines += [f"truncated by GitHub: {n} x {what}" for what, n in upload.truncated.items()]
    outside = [e for e in upload.hidden if e.why.startswith("outside")]
    lines += [f"not shown in the pull request: {e.count} results {e.why}" for e in outside]
    return lines + _account(upload)


def _account(upload: UploadSummary) -> list[str]:
    """What was done to results that GitHub shows."""
    lines = [f"split: {line}" for line in upload.splits]
    lines += [f"mended: {n} x {what}" for what, n in upload.mends.items()]
    if upload.dismissed or upload.reopened or upload.requested:
        asked = f", {upload.requested} dismissals requested" if upload.requested else ""
        lines.append(f"alerts: {upload.dismissed} dismissed, {upload.reopened} opened again{asked}")
    return lines + [f"warning: {warning}" for warning in upload.warnings]


def findings_markdown(results: Sequence[ShownResult]) -> str:
    """The most severe results as a table, and how many more there are."""
    counts = Counter(result.severity for result in results)
    total = ", ".join(f"{counts[s]} {s}" for s in Severity if counts[s]) or "none"
    lines = [f"### Findings: {total}", ""]
    if results:
        lines += ["| severity | finding | where | tool |", "| --- | --- | --- | --- |"]
    for result in results[:_ROWS]:
        text = cut(result.text, _LONGEST_TEXT)
        cells = (
            str(result.severity),
            f"{result.rule}: {text}",
            f"{result.path}:{result.line}",
            result.tool,
        )
        lines.append(f"| {' | '.join(markdown(text, LONGEST_CELL) for text in cells)} |")
    if len(results) > _ROWS:
        lines += ["", f"and {len(results) - _ROWS} more."]
    return "\n".join(lines) + "\n"
