"""A decision on the terminal: what fails and why, what warns, and what would have counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from secagg.decided import DecidedException, DecidedFinding, DecisionDocument
from secagg.finding import Severity
from secagg.policy.decision import Verdict
from secagg.render.escape import terminal
from secagg.render.table import SEVERITY_COLOURS, VERDICT_COLOURS, Style, draw

_MARKS = {"fail": "\u2717 ", "warn": "! ", "ignore": "\u00b7 "}


def gate_text(decision: DecisionDocument, style: Style, *, everything: bool = False) -> str:
    """The table of what counts (with ``everything`` also of what does not), and the verdict."""
    shown = [f for f in decision.findings if everything or f.action != "ignore"]
    parts = [_table(shown, style), verdict_text(decision, style)]
    return "\n\n".join(part for part in parts if part)


def verdict_text(decision: DecisionDocument, style: Style) -> str:
    """The verdict and its reasons, a line each, with notes under them."""
    lines = [_counts(decision)]
    lines += _change(decision)
    colour = VERDICT_COLOURS[Verdict(decision.verdict)]
    verdict = style.paint(decision.verdict.upper(), colour)
    lines.append(f"{verdict} by policy {terminal(decision.policy)}")
    lines += [f"  - {terminal(s)}" for s in [*decision.gaps, *decision.failures]]
    lines += [f"note: {terminal(note)}" for note in decision.notes]
    return "\n".join(lines)


def _table(findings: Sequence[DecidedFinding], style: Style) -> str:
    if not findings:
        return ""
    owned = any(finding.owners for finding in findings)
    headers = ["SEVERITY", "PROBLEM", "WHERE", "SOURCES", *(["OWNER"] if owned else [])]
    cells = []
    for finding in findings:
        text = _MARKS[finding.action] + finding.counted_as
        severity = style.paint(text, SEVERITY_COLOURS[Severity(finding.counted_as)])
        joint = "\n" if style.width else " \u2014 "
        problem = joint.join(terminal(part) for part in _problem(finding) if part)
        line = [severity, problem, terminal(finding.where), ", ".join(finding.tools)]
        cells.append([*line, terminal(", ".join(finding.owners))] if owned else line)
    return draw(headers, cells, style, stretch=(1, 2), shares=(3, 2))


def _problem(finding: DecidedFinding) -> list[str]:
    marks = []
    if finding.baseline == "new":
        marks.append("new")
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
    severities = Counter(finding.counted_as for finding in decision.findings)
    split = ", ".join(f"{severities[s]} {s}" for s in Severity if severities[s])
    total = f"{decision.total} finding" + ("" if decision.total == 1 else "s")
    excepted = f" ({decision.excepted} by exception)" if decision.excepted else ""
    parts = f"{decision.fail} fail, {decision.warn} warn, {decision.ignore} do not count{excepted}"
    return f"{total}{f': {split}' if split else ''}; {parts}"


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
