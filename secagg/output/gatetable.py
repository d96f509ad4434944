"""A decision on the terminal: what fails and why, what warns, and what would have counted."""

from __future__ import annotations

from secagg import ids
from secagg.model.finding import Severity
from secagg.output.decision import DecidedException, DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_SENTENCE, cell, terminal
from secagg.output.grid import SEVERITY_COLOURS, Style, draw

_VERDICT_COLOURS = {"pass": "1;32", "fail": "1;31", "incomplete": "1;33"}
# So many digits of an id tell findings apart, and are taken by --explain and secagg explain.
_NOTES = 20
_CAUSES = {
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
_MARKS = {"fail": "\u2717 ", "warn": "! ", "ignore": "\u00b7 "}


def findings_text(decision: DecisionDocument, style: Style, *, everything: bool = False) -> str:
    """A row for each finding that counts, worst first; with ``everything`` also for the others.

    An empty string if there are none. The id stands under the severity, in a pipe behind it.
    """
    every = list(decision.findings if everything else decision.counting())
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


def verdict_text(decision: DecisionDocument, style: Style) -> str:
    """The verdict and its reasons, a line each, with notes under them."""
    lines = [_counts(decision)]
    lines += _change(decision)
    verdict = style.paint(decision.verdict.upper(), _VERDICT_COLOURS[decision.verdict])
    lines.append(f"{verdict} by policy {terminal(decision.policy)}")
    lines += [f"  - {cell(s, LONGEST_SENTENCE)}" for s in [*decision.gaps, *decision.failures]]
    lines += [f"note: {cell(note, LONGEST_SENTENCE)}" for note in decision.notes[:_NOTES]]
    rest = len(decision.notes) - _NOTES
    if rest > 0:
        lines.append(f"note: and {rest:,} more notes, all in decision.json")
    return "\n".join(lines)


def _problem(finding: DecidedFinding) -> list[str]:
    marks = []
    if finding.baseline == "new" or finding.cause == "the world":
        marks.append("new" if finding.cause is None else _CAUSES[finding.cause])
    if not finding.severity_known:
        marks.append(f"severity unknown, counts as {finding.counted_as}")
    if finding.status in _STATUSES:
        marks.append(_STATUSES[finding.status])
    if finding.kev:
        marks.append("exploited in the wild (KEV)")
    if finding.days_left is not None:
        marks.append(days_text(finding.days_left))
    if finding.exception is not None:
        marks.append(f"exception: {finding.exception.source}")
    marks += [lapsed_text(exception) for exception in finding.lapsed]
    title = finding.title if finding.title != finding.problem else ""
    return [finding.problem, title, "; ".join(marks), f"fix: {finding.fix}" if finding.fix else ""]


def _counts(decision: DecisionDocument) -> str:
    split = severities_text(decision)
    counts = f"{decision.total} finding" + ("" if decision.total == 1 else "s")
    counts += f": {split}" if split else ""
    if decision.merged:
        counts += f" ({decision.reported} reported, {decision.merged} merged)"
    if not decision.total:
        return counts
    excepted = f" ({decision.excepted} by exception)" if decision.excepted else ""
    parts = f"{decision.fail} fail, {decision.warn} warn, {decision.ignore} do not count{excepted}"
    return f"{counts}; {parts}"


def _change(decision: DecisionDocument) -> list[str]:
    change = decision.change
    if change is None:
        return []
    lines = []
    if change.states:
        states = ", ".join(f"{n} {state}" for state, n in change.states.items() if n) or "nothing"
        against = f" to {terminal(change.baseline)}" if change.baseline else ""
        lines.append(f"compared{against}: {states}")
    if change.policy_from:
        lines.append(f"policy, exceptions and configuration as of {terminal(change.policy_from)}")
    if change.controls_changed:
        names = ", ".join(map(terminal, change.controls_changed))
        lines.append(f"this change touches the gate itself ({names}); that holds once it is merged")
    return lines


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
    """Why an exception is worth nothing."""
    if exception.refusal:
        return f"exception of {exception.source} not honoured: {exception.refusal}"
    return f"exception of {exception.source} expired on {exception.expires}"
