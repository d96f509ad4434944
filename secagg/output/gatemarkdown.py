"""A decision in Markdown: for a job summary, and for one comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_CELL, markdown
from secagg.output.gatetable import days_text, lapsed_text, severities_text

# GitHub refuses a comment of more characters; the mark that finds it again needs a few of them.
LONGEST = 65_536 - 200
_LONGEST_TEXT = 200
# Four cells that hold nothing.
_SHORTEST_ROW = 12
_NOTES = 20
_VERDICTS = {
    "pass": "\u2705 The gate passes",
    "fail": "\u274c The gate fails",
    "incomplete": "\u26a0\ufe0f The scan is incomplete",
}


def decision_markdown(decision: DecisionDocument, *, longest: int = LONGEST) -> str:
    """The decision, most important first: why, then what fails, what warns, and notes.

    At most ``longest`` characters (code points, as GitHub counts): rows that do not fit are
    counted in a line, and nothing is cut within a line.
    """
    head = _head(decision)
    tail = _tail(decision)
    room = longest - len("\n".join(head)) - len("\n".join(tail)) - 400
    body: list[str] = []
    for title, rows in (("To fix", decision.failing()), ("Warnings", decision.warning())):
        part, room = _table(title, rows, room)
        body += part
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


def _head(decision: DecisionDocument) -> list[str]:
    lines = [f"### {_VERDICTS[decision.verdict]} (policy {markdown(decision.policy)})", ""]
    for sentence in [*decision.gaps, *decision.failures][:_NOTES]:
        lines.append(f"- {markdown(sentence)}")
    if decision.gaps or decision.failures:
        lines.append("")
    split = severities_text(decision)
    lines.append(
        f"{decision.total} findings"
        + (f" ({split})" if split else "")
        + f": {decision.fail} fail, "
        f"{decision.warn} warn, {decision.ignore} do not count"
        + (f" ({decision.excepted} by exception)" if decision.excepted else "")
        + "."
    )
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
    return [*lines, ""]


def _table(title: str, rows: Sequence[DecidedFinding], room: int) -> tuple[list[str], int]:
    """The rows that fit into ``room`` characters, and what is left of it."""
    if not rows:
        return [], room
    # No more than these can fit.
    fitting = rows[: max(0, room) // _SHORTEST_ROW]
    owned = any(finding.owners for finding in fitting)
    header = ["severity", "problem", "where", "sources", *(["owner"] if owned else [])]
    lines = [f"#### {title}: {len(rows)}", "", _row(header), _row(["---"] * len(header))]
    room -= len("\n".join(lines)) + 2
    shown = 0
    for finding in fitting:
        line = _row(_cells(finding, owned))
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
        shown += 1
    if shown < len(rows):
        lines += ["", f"and {len(rows) - shown} more, which do not fit here."]
    return [*lines, ""], room


def _cells(finding: DecidedFinding, owned: bool) -> list[str]:
    texts = (finding.problem, finding.title)
    problem = "**{}**<br>{}".format(*(markdown(text, _LONGEST_TEXT) for text in texts))
    if finding.fix:
        problem += f"<br>Fix: {markdown(finding.fix, _LONGEST_TEXT)}"
    if finding.days_left is not None:
        problem += f"<br>{days_text(finding.days_left)}"
    for exception in finding.lapsed:
        problem += f"<br>{markdown(lapsed_text(exception))}"
    where = markdown(finding.where, LONGEST_CELL) + {"new": " (new)"}.get(
        finding.baseline or "", ""
    )
    cells = [finding.counted_as, problem, where, markdown(", ".join(finding.tools), LONGEST_CELL)]
    return [*cells, markdown(", ".join(finding.owners), LONGEST_CELL)] if owned else cells


def _tail(decision: DecisionDocument) -> list[str]:
    notes = decision.notes[:_NOTES]
    if not notes:
        return []
    rest = len(decision.notes) - len(notes)
    lines = ["<details><summary>Notes</summary>", ""]
    lines += [f"- {markdown(note)}" for note in notes]
    lines += [f"- and {rest} more"] if rest else []
    return [*lines, "", "</details>"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
