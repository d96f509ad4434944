"""A decision as workflow commands, which GitHub shows as annotations at the changed lines.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; of one step ten errors, ten warnings
and ten notices are kept.
"""

from __future__ import annotations

from collections import Counter

from secagg.decided import DecidedFinding, DecisionDocument
from secagg.render.escape import terminal, workflow_data, workflow_property

_PER_KIND = 10
_LONGEST_MESSAGE = 1_000


def decision_annotations(decision: DecisionDocument) -> list[str]:
    """One line each: gaps first, then failing findings as errors and warning ones as warnings.

    The last place of a kind says how many more there are, so that none vanishes unsaid.
    """
    wanted = [("error", _bare("error", "scan incomplete", gap)) for gap in decision.gaps]
    for finding in decision.findings:
        if finding.action != "ignore":
            kind = "error" if finding.action == "fail" else "warning"
            wanted.append((kind, _line(kind, finding)))
    counts = Counter(kind for kind, _ in wanted)
    given: Counter[str] = Counter()
    lines = []
    for kind, line in wanted:
        given[kind] += 1
        if counts[kind] <= _PER_KIND or given[kind] < _PER_KIND:
            lines.append(line)
        elif given[kind] == _PER_KIND:
            rest = counts[kind] - _PER_KIND + 1
            lines.append(_bare(kind, "secagg", f"{rest} more: see the job summary"))
    return lines


def _line(kind: str, finding: DecidedFinding) -> str:
    if finding.path is None:
        return _bare(kind, _title(finding), f"{finding.where}: {_message(finding)}")
    place = f"file={workflow_property(terminal(finding.path))},line={finding.line or 1}"
    title = workflow_property(terminal(_title(finding)))
    return f"::{kind} {place},title={title}::{workflow_data(_message(finding))}"


def _bare(kind: str, title: str, message: str) -> str:
    text = workflow_data(terminal(message)[:_LONGEST_MESSAGE])
    return f"::{kind} title={workflow_property(terminal(title))}::{text}"


def _title(finding: DecidedFinding) -> str:
    return f"{finding.counted_as}: {finding.problem}"


def _message(finding: DecidedFinding) -> str:
    parts = [finding.title, finding.why or "", f"Fix: {finding.fix}" if finding.fix else ""]
    return terminal(" ".join(part for part in parts if part))[:_LONGEST_MESSAGE]
