"""Workflow commands, which GitHub shows as annotations at the changed lines.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; of one step ten errors, ten warnings
and ten notices are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secagg import ids
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import terminal, workflow_data, workflow_property

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
    said = [finding.title, finding.why, fix, f"secagg show {ids.short(finding.id)}"]
    place = None if finding.path is not None else f"{finding.where}:"
    return Annotation(
        kind="error" if finding.action == "fail" else "warning",
        title=f"{finding.counted_as}: {finding.problem}",
        message="\n".join(part for part in (place, *said) if part),
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
