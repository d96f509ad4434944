"""A decision in Markdown: for a job summary, and for one comment on a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from secagg import ids
from secagg.output.codesite import CodeSite
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_CELL, markdown
from secagg.output.gatetable import days_text, lapsed_text, name_and_package, severities_text
from secagg.output.links import page_of

# GitHub refuses a comment of more characters; the mark that finds it again needs a few of them.
LONGEST = 65_536 - 200
_LONGEST_TEXT = 200
# Four cells that hold nothing.
_SHORTEST_ROW = 12
_NOTES = 20
_TOOLS = 40
# Rows in sight before the others are folded away; so few are never folded.
_IN_SIGHT = 15
_FEW = 3
_LONGEST_PAGE = 500
_BROUGHT = {
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


def decision_markdown(
    decision: DecisionDocument, *, longest: int = LONGEST, site: CodeSite | None = None
) -> str:
    """The decision, most important first: why, then what fails, what warns, tools and notes.

    ``site`` is where the code can be read. At most ``longest`` characters (code points, as GitHub
    counts): rows that do not fit are counted in a line, and nothing is cut within a line.
    """
    head = _head(decision)
    tail = [*_tools(decision), *_tail(decision)]
    room = longest - len("\n".join(head)) - len("\n".join(tail)) - 600
    body: list[str] = []
    for title, rows in (("To fix", decision.failing()), ("Warnings", decision.warning())):
        parts = list(_by_cause(title, rows))
        for number, (name, some) in enumerate(parts):
            # Of what is left each part may take all but a line for those that follow.
            part, room = _table(name, some, room, site, folded=title != "To fix" or number > 0)
            body += part
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


def _by_cause(
    title: str, rows: Sequence[DecidedFinding]
) -> Iterator[tuple[str, Sequence[DecidedFinding]]]:
    """The rows in parts, by what has brought them; where nobody asks that, they are one part."""
    if all(finding.cause is None for finding in rows):
        yield title, rows
        return
    for cause, words in _BROUGHT.items():
        some = [finding for finding in rows if finding.cause == cause]
        if some:
            yield f"{title}, {words}", some


def _head(decision: DecisionDocument) -> list[str]:
    lines = [f"### {_VERDICTS[decision.verdict]} (policy {markdown(decision.policy)})", ""]
    for sentence in [*decision.gaps, *decision.failures][:_NOTES]:
        lines.append(f"- {markdown(sentence)}")
    if decision.gaps or decision.failures:
        lines.append("")
    lines += [f"{markdown(sentence)}\n" for sentence in decision.not_analysed]
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


def _table(
    title: str, rows: Sequence[DecidedFinding], room: int, site: CodeSite | None, *, folded: bool
) -> tuple[list[str], int]:
    """The rows that fit into ``room`` characters, and what is left of it.

    The first of them are in sight, the others, or all if ``folded``, are folded away.
    """
    if not rows:
        return [], room
    # No more than these can fit.
    fitting = rows[: max(0, room) // _SHORTEST_ROW]
    owned = any(finding.owners for finding in fitting)
    header = ["severity", "problem", "where", "sources", *(["owner"] if owned else [])]
    top = ["", _row(header), _row(["---"] * len(header))]
    lines: list[str] = []
    room -= 2 * len("\n".join(top)) + len(title) + 120
    for finding in fitting:
        line = _row(_cells(finding, owned, site))
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    unsaid = len(rows) - len(lines)
    more = ["", f"and {unsaid} more, which do not fit here."] if unsaid else []
    name = f"{title}: {len(rows)}"
    if folded and len(rows) > _FEW:
        return [*_folded(name, [*top, *lines, *more]), ""], room
    if len(lines) <= _IN_SIGHT:
        return [f"#### {name}", *top, *lines, *more, ""], room
    rest = [*top, *lines[_IN_SIGHT:], *more]
    head = [f"#### {name}", *top, *lines[:_IN_SIGHT], ""]
    return [*head, *_folded(f"{len(rows) - _IN_SIGHT} more to fix", rest), ""], room


def _folded(summary: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{summary}</summary>", *lines, "", "</details>"]


def _cells(finding: DecidedFinding, owned: bool, site: CodeSite | None) -> list[str]:
    name, package = name_and_package(finding)
    # An address may come from a report; that of a database is made of the id alone.
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
        problem += f"<br>{days_text(finding.days_left)}"
    for exception in finding.lapsed:
        problem += f"<br>{markdown(lapsed_text(exception))}"
    cells = [finding.counted_as, problem, _where(finding, site)]
    cells.append(markdown(", ".join(finding.tools), LONGEST_CELL))
    return [*cells, markdown(", ".join(finding.owners), LONGEST_CELL)] if owned else cells


def _where(finding: DecidedFinding, site: CodeSite | None) -> str:
    where = markdown(finding.where, LONGEST_CELL)
    page = None
    # A secret of the history is not in the file of the commit that was scanned.
    if site is not None and finding.path is not None and not finding.in_history_only:
        page = site.page(finding.path, finding.line)
    if page is not None and len(page) <= _LONGEST_PAGE and "`" not in where:
        where = f"[{where}]({page})"
    return where + {"new": " (new)"}.get(finding.baseline or "", "")


def _tools(decision: DecisionDocument) -> list[str]:
    """What ran, folded; a tool that did not complete is counted in the line that stays."""
    tools = decision.tools[:_TOOLS]
    if not tools:
        return []
    counts = Counter(tool.status for tool in decision.tools)
    states = ", ".join(f"{counts[s]} {s}" for s in ("failed", "complete", "skipped") if counts[s])
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
    rest = len(decision.tools) - len(tools)
    lines += ["", f"and {rest} more."] if rest else []
    return [*_folded(f"Tool runs: {states}", lines), ""]


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
