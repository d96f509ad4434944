"""Problems in groups: each group with its name, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from secagg.history import Problem
from secagg.report.standing import SEVERITY_LABELS, owners_of, severity_label, severity_rank


class GroupBy(StrEnum):
    SEVERITY = "severity"
    COMPONENT = "component"
    OWNER = "owner"
    PACKAGE = "package"
    RULE = "rule"
    KIND = "kind"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Section:
    """One group. A problem with two owners or tools stands in both groups."""

    name: str
    problems: list[Problem]


_NAMES: dict[GroupBy, Callable[[Problem], tuple[str, ...]]] = {
    GroupBy.SEVERITY: lambda p: (severity_label(p),),
    GroupBy.COMPONENT: lambda p: (p.component or ".",),
    GroupBy.OWNER: lambda p: owners_of(p) or ("(no owner)",),
    GroupBy.PACKAGE: lambda p: (p.package or "(no package)",),
    GroupBy.RULE: lambda p: (p.rule_id,),
    GroupBy.KIND: lambda p: (str(p.kind),),
    GroupBy.TOOL: lambda p: p.tools or ("(no tool)",),
}


def sections(problems: Iterable[Problem], by: GroupBy) -> list[Section]:
    """The groups of ``problems``, whose order is kept within each.

    The group with the most problems of the worst severity comes first; severities come in the
    ladder's order.
    """
    found: dict[str, Section] = {}
    for problem in problems:
        for name in dict.fromkeys(_NAMES[by](problem)):
            found.setdefault(name, Section(name, [])).problems.append(problem)
    if by is GroupBy.SEVERITY:
        return sorted(found.values(), key=lambda section: SEVERITY_LABELS.index(section.name))
    return sorted(found.values(), key=_weight)


def _weight(section: Section) -> tuple[tuple[int, ...], str]:
    counts = [0] * 5
    for problem in section.problems:
        counts[4 - severity_rank(problem)] -= 1
    return tuple(counts), section.name
