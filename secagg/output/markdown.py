"""Write a decision as Markdown and as annotations of GitHub Actions.

Source: GitHub Docs, "Workflow commands for GitHub Actions": GitHub keeps ten errors, ten warnings
and ten notices of a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from secagg import ids
from secagg.output.codehost import CommitPages
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_CELL, markdown, terminal, workflow_data, workflow_property
from secagg.output.links import page_of
from secagg.output.tables import lapsed_text, name_and_package
from secagg.output.verdict import counts_text
from secagg.system.dates import due_text

_MOST_PER_KIND = 10
_LONGEST_MESSAGE = 1_000
# GitHub's limit for a comment, less a few characters for our mark.
MOST_CHARACTERS = 65_536 - 200
_LONGEST_TEXT = 200
# The length of a row of four empty cells.
_SHORTEST_ROW = 12
_MOST_NOTES = 20
_MOST_TOOLS = 40
# Rows that are visible before the others are folded; so few are never folded.
_MOST_VISIBLE = 15
_NEVER_FOLDED = 3
_LONGEST_PAGE = 500
_CAUSE_TEXTS = {
    "this change": "new with this change",
    "unknown": "new, and counted as brought by this change",
    "the world": "new in the world, not from this change",
    "before": "there before this change",
    None: "of unknown cause",
}
_VERDICTS = {
    "pass": "\u2705 The gate passes",
    "fail": "\u274c The gate fails",
    "incomplete": "\u26a0\ufe0f The scan is incomplete",
}


class Annotation(Struct, frozen=True, kw_only=True):
    """One annotation: ``kind`` is error, warning or notice. Its texts are untrusted.

    ``message`` may have several lines.
    """

    kind: str
    title: str
    message: str
    path: str | None = None
    line: int | None = None


def annotation_lines(
    annotations: Sequence[Annotation], not_listed: Mapping[str, int] | None = None
) -> list[str]:
    """Return a workflow command for each annotation, ten of a kind at most.

    Where there are more, the tenth gives their number. ``not_listed`` counts, by kind, those that
    are not in ``annotations``.
    """
    counts = Counter(annotation.kind for annotation in annotations)
    counts.update(not_listed or {})
    shown: Counter[str] = Counter()
    lines = []
    for annotation in annotations:
        kind = annotation.kind
        shown[kind] += 1
        if counts[kind] <= _MOST_PER_KIND or shown[kind] < _MOST_PER_KIND:
            lines.append(_command(annotation))
        elif shown[kind] == _MOST_PER_KIND:
            more = f"{counts[kind] - _MOST_PER_KIND + 1} more: see the job summary"
            lines.append(_command(Annotation(kind=kind, title="secagg", message=more)))
    return lines


def decision_annotations(decision: DecisionDocument) -> list[str]:
    """Return annotations for gaps, then for failing findings, then for warning ones."""
    annotations = [
        Annotation(kind="error", title="scan incomplete", message=gap) for gap in decision.gaps
    ]
    not_listed = {}
    for kind, findings in (("error", decision.failing()), ("warning", decision.warning())):
        annotations += [_annotation(finding) for finding in findings[:_MOST_PER_KIND]]
        not_listed[kind] = max(0, len(findings) - _MOST_PER_KIND)
    return annotation_lines(annotations, not_listed)


def decision_markdown(
    decision: DecisionDocument, *, limit: int = MOST_CHARACTERS, code: CommitPages | None = None
) -> str:
    """Return the decision: reasons, failing and warning findings, tools and notes.

    ``code`` has the pages of the code. The text has at most ``limit`` code points, as GitHub
    counts: rows that do not fit are left out whole, with a line on their number.
    """
    head = _head(decision)
    tail = [*_tools(decision), *_tail(decision)]
    space = limit - len("\n".join(head)) - len("\n".join(tail)) - 600
    body: list[str] = []
    for title, rows in (("To fix", decision.failing()), ("Warnings", decision.warning())):
        parts = list(_by_cause(title, rows))
        for number, (name, findings) in enumerate(parts):
            part, space = _table(
                name, findings, space, code, folded=title != "To fix" or number > 0
            )
            body += part
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


def _annotation(finding: DecidedFinding) -> Annotation:
    fix = f"Fix: {finding.fix}" if finding.fix else None
    parts = [finding.title, finding.why, fix, f"secagg show {ids.short(finding.id)}"]
    location = None if finding.path is not None else f"{finding.where}:"
    return Annotation(
        kind="error" if finding.action == "fail" else "warning",
        title=f"{finding.counted_as}: {finding.problem}",
        message="\n".join(part for part in (location, *parts) if part),
        path=finding.path,
        line=finding.line or 1,
    )


def _command(annotation: Annotation) -> str:
    title = f"title={workflow_property(terminal(annotation.title))}"
    lines = map(terminal, annotation.message[:_LONGEST_MESSAGE].split("\n"))
    message = workflow_data("\n".join(lines))
    if annotation.path is None:
        return f"::{annotation.kind} {title}::{message}"
    location = f"file={workflow_property(terminal(annotation.path))},line={annotation.line}"
    return f"::{annotation.kind} {location},{title}::{message}"


def _by_cause(
    title: str, rows: Sequence[DecidedFinding]
) -> Iterator[tuple[str, Sequence[DecidedFinding]]]:
    """Yield the rows by their cause, each with a title; without causes all in one part."""
    if all(finding.cause is None for finding in rows):
        yield title, rows
        return
    for cause, text in _CAUSE_TEXTS.items():
        findings = [finding for finding in rows if finding.cause == cause]
        if findings:
            yield f"{title}, {text}", findings


def _head(decision: DecisionDocument) -> list[str]:
    lines = [f"### {_VERDICTS[decision.verdict]} (policy {markdown(decision.policy)})", ""]
    for sentence in [*decision.gaps, *decision.failures][:_MOST_NOTES]:
        lines.append(f"- {markdown(sentence)}")
    if decision.gaps or decision.failures:
        lines.append("")
    lines += [f"{markdown(sentence)}\n" for sentence in decision.not_analysed]
    lines.append(f"{counts_text(decision)}.")
    change = decision.change
    if change is not None and change.states:
        states = ", ".join(f"{count} {state}" for state, count in change.states.items() if count)
        against = f" against {markdown(change.baseline)}" if change.baseline else ""
        lines.append(f"Compared{against}: {states or 'nothing'}.")
    if change is not None and change.controls_changed:
        files = ", ".join(markdown(name) for name in change.controls_changed)
        lines += [
            "",
            f"This change touches the gate itself ({files}); that holds once it is merged.",
        ]
    return [*lines, *_next_step(decision), ""]


def _next_step(decision: DecisionDocument) -> Iterator[str]:
    """Yield a paragraph with the commands that help, to copy."""
    steps = []
    if decision.gaps:
        steps.append("`secagg doctor` shows what each tool needs")
    if decision.fail:
        worst = ids.short(decision.findings[0].id)
        steps.append(f"`secagg show {worst}` shows all about the worst one")
        steps.append(f"`secagg except add --id {worst} --reason WHY` accepts it for 30 days")
    if steps:
        yield ""
        yield f"Next: {', '.join(steps)}."


def _table(
    title: str,
    rows: Sequence[DecidedFinding],
    space: int,
    code: CommitPages | None,
    *,
    folded: bool,
) -> tuple[list[str], int]:
    """Return the table of the rows that fit into ``space`` characters, and the space left.

    The first rows are visible and the others folded; with ``folded`` all are.
    """
    if not rows:
        return [], space
    # Formats no more rows than can fit.
    fitting = rows[: max(0, space) // _SHORTEST_ROW]
    has_owners = any(finding.owners for finding in fitting)
    header = ["severity", "problem", "where", "sources", *(["owner"] if has_owners else [])]
    table_head = ["", _row(header), _row(["---"] * len(header))]
    lines: list[str] = []
    space -= 2 * len("\n".join(table_head)) + len(title) + 120
    for finding in fitting:
        line = _row(_cells(finding, has_owners, code))
        if len(line) + 1 > space:
            break
        lines.append(line)
        space -= len(line) + 1
    omitted = len(rows) - len(lines)
    omitted_lines = ["", f"and {omitted} more, which do not fit here."] if omitted else []
    name = f"{title}: {len(rows)}"
    if folded and len(rows) > _NEVER_FOLDED:
        return [*_folded(name, [*table_head, *lines, *omitted_lines]), ""], space
    if len(lines) <= _MOST_VISIBLE:
        return [f"#### {name}", *table_head, *lines, *omitted_lines, ""], space
    folded_lines = [*table_head, *lines[_MOST_VISIBLE:], *omitted_lines]
    visible_lines = [f"#### {name}", *table_head, *lines[:_MOST_VISIBLE], ""]
    return [
        *visible_lines,
        *_folded(f"{len(rows) - _MOST_VISIBLE} more to fix", folded_lines),
        "",
    ], space


def _folded(summary: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{summary}</summary>", *lines, "", "</details>"]


def _cells(finding: DecidedFinding, has_owners: bool, code: CommitPages | None) -> list[str]:
    name, package = name_and_package(finding)
    # The page of a database by the id: an address in a report is untrusted.
    page = page_of(name)
    head = f"**{markdown(name, _LONGEST_TEXT)}**"
    problem = f"[{head}]({page})" if page is not None else head
    if package:
        problem += f" {markdown(package, _LONGEST_TEXT)}"
    problem += f" `{ids.short(finding.id)}`"
    if finding.title != finding.problem:
        problem += f"<br>{markdown(finding.title, _LONGEST_TEXT)}"
    if finding.fix:
        problem += f"<br>Fix: {markdown(finding.fix, _LONGEST_TEXT)}"
    if finding.days_left is not None:
        problem += f"<br>{due_text(finding.days_left)}"
    for exception in finding.lapsed:
        problem += f"<br>{markdown(lapsed_text(exception))}"
    cells = [finding.counted_as, problem, _where(finding, code)]
    cells.append(markdown(", ".join(finding.tools), LONGEST_CELL))
    return [*cells, markdown(", ".join(finding.owners), LONGEST_CELL)] if has_owners else cells


def _where(finding: DecidedFinding, code: CommitPages | None) -> str:
    where = markdown(finding.where, LONGEST_CELL)
    page = None
    # A secret of the history is not in the file at the scanned commit.
    if code is not None and finding.path is not None and not finding.in_history_only:
        page = code.page(finding.path, finding.line)
    if page is not None and len(page) <= _LONGEST_PAGE and "`" not in where:
        where = f"[{where}]({page})"
    return where + {"new": " (new)"}.get(finding.baseline or "", "")


def _tools(decision: DecisionDocument) -> list[str]:
    """Return the tool runs, folded below a line that counts them by status."""
    tools = decision.tools[:_MOST_TOOLS]
    if not tools:
        return []
    counts = Counter(tool.status for tool in decision.tools)
    states = ", ".join(
        f"{counts[status]} {status}"
        for status in ("failed", "complete", "skipped")
        if counts[status]
    )
    lines = ["", _row(["tool", "status", "found", "time", ""]), _row(["---"] * 5)]
    for tool in tools:
        name = tool.tool if tool.mode is None else f"{tool.tool} ({tool.mode})"
        name += f" {tool.version}" if tool.version else ""
        name += f" in {tool.component}" if tool.component != "." else ""
        ran = tool.status != "skipped"
        time, found = (f"{tool.seconds:.1f} s", str(tool.findings)) if ran else ("", "")
        notes = "; ".join(filter(None, (tool.reason, tool.hint)))
        cells = [markdown(name, LONGEST_CELL), tool.status, found, time]
        lines.append(_row([*cells, markdown(notes, LONGEST_CELL)]))
    omitted = len(decision.tools) - len(tools)
    lines += ["", f"and {omitted} more."] if omitted else []
    return [*_folded(f"Tool runs: {states}", lines), ""]


def _tail(decision: DecisionDocument) -> list[str]:
    notes = decision.notes[:_MOST_NOTES]
    if not notes:
        return []
    omitted = len(decision.notes) - len(notes)
    lines = ["<details><summary>Notes</summary>", ""]
    lines += [f"- {markdown(note)}" for note in notes]
    lines += [f"- and {omitted} more"] if omitted else []
    return [*lines, "", "</details>"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
