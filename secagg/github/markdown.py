"""The upload for people: job summary, step outputs and annotations in GitHub Actions.

Source: GitHub Docs, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from secagg.github.limits import LARGEST_STEP_SUMMARY
from secagg.github.places import line_of, path_of
from secagg.github.preflight import Part
from secagg.github.results import is_suppressed
from secagg.github.rules import severity_of
from secagg.model.finding import Severity
from secagg.output.escape import LONGEST_CELL, cut, markdown
from secagg.output.markdown import Annotation, annotation_lines
from secagg.output.summary import UploadSummary
from secagg.sarif.rules import RuleTable
from secagg.secrets.lastfilter import filtered_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """One result in words, as the tool gave them: escape them for where they are shown."""

    severity: Severity
    score: float
    tool: str
    rule: str
    text: str
    path: str
    line: int


def worst(parts: Sequence[Part]) -> list[ShownResult]:
    """Return all results that are not suppressed, most severe first."""
    shown = []
    for part in parts:
        table = RuleTable(part.run)
        for result in part.run["results"]:
            if is_suppressed(result):
                continue
            score = severity_of(result, table.find(result))
            shown.append(
                ShownResult(
                    severity=Severity.of_score(score),
                    score=score,
                    tool=part.tool,
                    rule=str(result["ruleId"]),
                    text=str(result["message"]["text"]),
                    path=unquote(path_of(result)),
                    line=line_of(result),
                )
            )
    return sorted(shown, key=lambda r: (-r.score, r.path, r.line, r.tool, r.rule))


_CUT = "\n\nThe rest does not fit here.\n"


def write_step_summary(text: str, environ: Mapping[str, str]) -> None:
    """Append Markdown to the job summary, cut to what GitHub takes. Nothing outside of Actions."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    data = text.encode("utf-8", "replace")
    room = LARGEST_STEP_SUMMARY - _size(path) - len(_CUT)
    if len(data) > room:
        kept = data[: max(0, room)].decode("utf-8", "ignore")
        data = (kept[: kept.rfind("\n") + 1] + _CUT).encode()
    _append(path, data)


def write_action_outputs(values: Mapping[str, str | int], environ: Mapping[str, str]) -> None:
    """Set outputs of the step. No value can end its own and begin another."""
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    end = f"end-{secrets.token_hex(16)}"
    text = "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())
    _append(path, text.encode("utf-8", "replace"))


def result_annotations(results: Sequence[ShownResult]) -> list[str]:
    """Workflow commands for results that GitHub could not be given otherwise, worst first."""
    return annotation_lines(
        [
            Annotation(
                kind=_KIND[result.severity],
                title=f"{result.severity}: {result.rule}",
                message=result.text,
                path=result.path,
                line=result.line,
            )
            for result in results
        ]
    )


_KIND = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.NONE: "notice",
}


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _append(path: str, data: bytes) -> None:
    with Path(path).open("ab") as out:
        out.write(filtered_bytes(data))


_ROWS = 50


_LONGEST_TEXT = 200


def upload_markdown(upload: UploadSummary) -> str:
    """Return what was sent, what was not and why, and what GitHub shows of it."""
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
    """Return the most severe results as a table, and how many more there are."""
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
