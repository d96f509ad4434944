"""Show an upload in GitHub Actions: job summary, step outputs and annotations.

Source: GitHub Docs, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from secagg.github.limits import MOST_STEP_SUMMARY_BYTES
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

_TRUNCATED = "\n\nThe rest does not fit here.\n"
_MOST_ROWS = 50
_MOST_CHARACTERS = 200
_ANNOTATION_KINDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.NONE: "notice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """One result in the tool's own words, which are not escaped."""

    severity: Severity
    score: float
    tool: str
    rule: str
    text: str
    path: str
    line: int


def results_by_severity(parts: Sequence[Part]) -> list[ShownResult]:
    """Return all results that are not suppressed, most severe first."""
    results = []
    for part in parts:
        table = RuleTable(part.run)
        for result in part.run["results"]:
            if is_suppressed(result):
                continue
            score = severity_of(result, table.find(result))
            results.append(
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
    return sorted(
        results,
        key=lambda result: (-result.score, result.path, result.line, result.tool, result.rule),
    )


def write_step_summary(text: str, environ: Mapping[str, str]) -> None:
    """Append Markdown to the job summary, cut to GitHub's limit; nothing outside of Actions."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    data = text.encode("utf-8", "replace")
    space = MOST_STEP_SUMMARY_BYTES - _size(path) - len(_TRUNCATED)
    if len(data) > space:
        truncated = data[: max(0, space)].decode("utf-8", "ignore")
        data = (truncated[: truncated.rfind("\n") + 1] + _TRUNCATED).encode()
    _append(path, data)


def write_action_outputs(values: Mapping[str, str | int], environ: Mapping[str, str]) -> None:
    """Set outputs of the step, with a random delimiter that no value can contain."""
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    end = f"end-{secrets.token_hex(16)}"
    text = "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())
    _append(path, text.encode("utf-8", "replace"))


def result_annotations(results: Sequence[ShownResult]) -> list[str]:
    """Return workflow commands that annotate the worst results, for a failed upload."""
    return annotation_lines(
        [
            Annotation(
                kind=_ANNOTATION_KINDS[result.severity],
                title=f"{result.severity}: {result.rule}",
                message=result.text,
                path=result.path,
                line=result.line,
            )
            for result in results
        ]
    )


def upload_markdown(upload: UploadSummary) -> str:
    """Return the summary of an upload: what was sent, what was not and why, what GitHub shows."""
    sent = sum(a.results for a in upload.analyses)
    withheld = sum(run.results for run in upload.withheld)
    left_out = sum(upload.left_out.values())
    counts = f"{_number(upload.given, 'result')}: {sent} in {_analyses(len(upload.analyses))}"
    counts += f", of which GitHub shows {upload.shown}" if upload.shown != sent else ""
    counts += f", {withheld} withheld" if withheld else ""
    counts += f", {left_out} left out" if left_out else ""
    if _is_unremarkable(upload):
        # Nobody has to read on.
        analyses = _analyses(len(upload.analyses))
        title = f"Uploaded to code scanning: {_number(sent, 'result')} in {analyses}"
        return "\n".join(
            [f"<details><summary>{title}</summary>", "", *_analysis_rows(upload), "</details>", ""]
        )
    lines = ["### Upload to code scanning", "", f"{counts}.", ""]
    if upload.error is not None:
        mark = "note" if upload.expected else "error"
        lines += [f"**{mark}:** {markdown(upload.error)}", ""]
        if upload.hint:
            lines += [markdown(upload.hint), ""]
    lines += _analysis_rows(upload)
    if upload.hidden:
        lines += ["#### What GitHub will not show", ""]
        lines += [f"- {markdown(line)}" for line in hidden_lines(upload)]
        lines.append("")
    lines += [f"- {markdown(line)}" for line in _kept_change_lines(upload)]
    return "\n".join(lines).rstrip() + "\n"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _analyses(number: int) -> str:
    return f"{number} {'analysis' if number == 1 else 'analyses'}"


def _is_unremarkable(upload: UploadSummary) -> bool:
    """Return whether all was sent, and GitHub shows it as it is."""
    sent = sum(analysis.results for analysis in upload.analyses)
    fates = {analysis.fate for analysis in upload.analyses}
    return (
        upload.error is None
        and not (upload.hidden or change_lines(upload))
        and upload.shown == sent == upload.given
        and fates <= {"uploaded", "already there"}
    )


def _analysis_rows(upload: UploadSummary) -> list[str]:
    if not upload.analyses:
        return []
    lines = ["| tool | category | results | |", "| --- | --- | ---: | --- |"]
    for analysis in upload.analyses:
        cells = (analysis.tool, analysis.category, str(analysis.results), analysis.fate)
        lines.append(f"| {' | '.join(map(markdown, cells))} |")
    return [*lines, ""]


def hidden_lines(upload: UploadSummary) -> list[str]:
    """Return a line for each reason why GitHub will not show results. The text is untrusted."""
    return [
        f"{entry.count} x {entry.why}"
        + (f": {', '.join(entry.examples)}" if entry.examples else "")
        + (", …" if entry.count > len(entry.examples) > 0 else "")
        for entry in upload.hidden
    ]


def change_lines(upload: UploadSummary) -> list[str]:
    """Return a line for each change of the upload to its results. The text is untrusted."""
    lines = [
        f"withheld: {run.tool} {run.category} ({run.results} results), because {run.reason}"
        for run in upload.withheld
    ]
    lines += [f"left out: {count} because {reason}" for reason, count in upload.left_out.items()]
    lines += [f"cut: {count} x {description}" for description, count in upload.cuts.items()]
    lines += [
        f"truncated by GitHub: {count} x {description}"
        for description, count in upload.truncated.items()
    ]
    outside = [entry for entry in upload.hidden if entry.why.startswith("outside")]
    lines += [
        f"not shown in the pull request: {entry.count} results {entry.why}" for entry in outside
    ]
    return lines + _kept_change_lines(upload)


def findings_markdown(results: Sequence[ShownResult]) -> str:
    """Return the most severe results as a table, with the number of the others."""
    counts = Counter(result.severity for result in results)
    total = (
        ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
        or "none"
    )
    lines = [f"### Findings: {total}", ""]
    if results:
        lines += ["| severity | finding | where | tool |", "| --- | --- | --- | --- |"]
    for result in results[:_MOST_ROWS]:
        text = cut(result.text, _MOST_CHARACTERS)
        cells = (
            str(result.severity),
            f"{result.rule}: {text}",
            f"{result.path}:{result.line}",
            result.tool,
        )
        lines.append(f"| {' | '.join(markdown(text, LONGEST_CELL) for text in cells)} |")
    if len(results) > _MOST_ROWS:
        lines += ["", f"and {len(results) - _MOST_ROWS} more."]
    return "\n".join(lines) + "\n"


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _append(path: str, data: bytes) -> None:
    with Path(path).open("ab") as out:
        out.write(filtered_bytes(data))


def _kept_change_lines(upload: UploadSummary) -> list[str]:
    """Return a line for each change to results that GitHub shows."""
    lines = [f"split: {line}" for line in upload.splits]
    lines += [f"mended: {count} x {description}" for description, count in upload.mends.items()]
    if upload.dismissed or upload.reopened or upload.requested:
        requested = f", {upload.requested} dismissals requested" if upload.requested else ""
        lines.append(
            f"alerts: {upload.dismissed} dismissed, {upload.reopened} opened again{requested}"
        )
    return lines + [f"warning: {warning}" for warning in upload.warnings]
