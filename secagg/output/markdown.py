"""The decision as Markdown and as annotations of GitHub Actions.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; of one step ten errors, ten warnings
and ten notices are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from secagg import ids
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import LONGEST_CELL, markdown, terminal, workflow_data, workflow_property
from secagg.output.listing import page_of
from secagg.output.tables import days_text, lapsed_text, name_and_package, severities_text
from secagg.secrets.patterns import MASK

_PER_KIND = 10


_LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation: ``kind`` is error, warning or notice. Its texts are untrusted.

    The lines of ``message`` are lines of the annotation.
    """

    kind: str
    title: str
    message: str
    path: str | None = None
    line: int | None = None


def annotation_lines(
    annotations: Sequence[Annotation], rest: Mapping[str, int] | None = None
) -> list[str]:
    """A workflow command each, ten of a kind at most.

    Where there are more, the tenth says how many, so that none vanishes unsaid. ``rest`` counts by
    kind those that are not among ``annotations``.
    """
    counts = Counter(annotation.kind for annotation in annotations)
    counts.update(rest or {})
    given: Counter[str] = Counter()
    lines = []
    for annotation in annotations:
        kind = annotation.kind
        given[kind] += 1
        if counts[kind] <= _PER_KIND or given[kind] < _PER_KIND:
            lines.append(_command(annotation))
        elif given[kind] == _PER_KIND:
            more = f"{counts[kind] - _PER_KIND + 1} more: see the job summary"
            lines.append(_command(Annotation(kind=kind, title="secagg", message=more)))
    return lines


def decision_annotations(decision: DecisionDocument) -> list[str]:
    """Gaps first, then failing findings as errors and warning ones as warnings."""
    annotations = [
        Annotation(kind="error", title="scan incomplete", message=gap) for gap in decision.gaps
    ]
    rest = {}
    for kind, findings in (("error", decision.failing()), ("warning", decision.warning())):
        annotations += [_of_finding(finding) for finding in findings[:_PER_KIND]]
        rest[kind] = max(0, len(findings) - _PER_KIND)
    return annotation_lines(annotations, rest)


def _of_finding(finding: DecidedFinding) -> Annotation:
    fix = f"Fix: {finding.fix}" if finding.fix else None
    parts = [finding.title, finding.why, fix, f"secagg show {ids.short(finding.id)}"]
    place = None if finding.path is not None else f"{finding.where}:"
    return Annotation(
        kind="error" if finding.action == "fail" else "warning",
        title=f"{finding.counted_as}: {finding.problem}",
        message="\n".join(part for part in (place, *parts) if part),
        path=finding.path,
        line=finding.line or 1,
    )


def _command(annotation: Annotation) -> str:
    title = f"title={workflow_property(terminal(annotation.title))}"
    lines = map(terminal, annotation.message[:_LONGEST_MESSAGE].split("\n"))
    message = workflow_data("\n".join(lines))
    if annotation.path is None:
        return f"::{annotation.kind} {title}::{message}"
    place = f"file={workflow_property(terminal(annotation.path))},line={annotation.line}"
    return f"::{annotation.kind} {place},{title}::{message}"


_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


_SITE = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._-]+){2,}")


@dataclass(frozen=True, slots=True)
class CodeSite:
    """A repository on a server at one commit; ``files`` is the address above its files."""

    files: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CodeSite | None:
        """The repository that a workflow's job runs for; None elsewhere.

        Sources: GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables".
        """
        server, name = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
        if name:
            return cls._at(f"{server or 'https://github.com'}/{name}", environ.get("GITHUB_SHA"))
        return cls._at(environ.get("CI_PROJECT_URL", ""), environ.get("CI_COMMIT_SHA"), "/-")

    @classmethod
    def _at(cls, repository: str, commit: str | None, middle: str = "") -> CodeSite | None:
        if commit is None or not _COMMIT.fullmatch(commit) or not _SITE.fullmatch(repository):
            return None
        return cls(f"{repository}{middle}/blob/{commit}")

    def page(self, path: str, line: int | None) -> str | None:
        """The page of a file at a line; None for a path that is shown masked."""
        if MASK in path or path.startswith(("/", "..")) or "://" in path:
            return None
        return f"{self.files}/{quote(path)}" + (f"#L{line}" if line else "")


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
        + (f" ({decision.excepted} by decision)" if decision.excepted else "")
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
