"""Problems in groups: each group with its name, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from secagg.model.problem import Problem
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
    """One group. A problem with two owners or tools stands in both groups.

    ``total`` counts its problems, of which ``problems`` are to be shown.
    """

    name: str
    problems: list[Problem]
    total: int


_NAMES: dict[GroupBy, Callable[[Problem], tuple[str, ...]]] = {
    GroupBy.SEVERITY: lambda p: (severity_label(p),),
    GroupBy.COMPONENT: lambda p: (p.component or ".",),
    GroupBy.OWNER: lambda p: owners_of(p) or ("(no owner)",),
    GroupBy.PACKAGE: lambda p: (p.package or "(no package)",),
    GroupBy.RULE: lambda p: (p.rule_id,),
    GroupBy.KIND: lambda p: (str(p.kind),),
    GroupBy.TOOL: lambda p: p.tools or ("(no tool)",),
}


def sections(rows: Iterable[Problem], by: GroupBy, *, of: Iterable[Problem]) -> list[Section]:
    """Group ``rows``, which are to be shown, and count each group among all problems (``of``).

    The order of ``rows`` is kept within a group, and a group without a row is left out. The group
    with the most problems of the worst severity comes first; severities come in the ladder's
    order.
    """
    shown = _by_name(rows, by)
    every = _by_name(of, by)
    if by is GroupBy.SEVERITY:
        names = sorted(shown, key=SEVERITY_LABELS.index)
    else:
        names = sorted(shown, key=lambda name: (_weight(every[name]), name))
    return [Section(name, shown[name], len(every[name])) for name in names]


def _by_name(problems: Iterable[Problem], by: GroupBy) -> dict[str, list[Problem]]:
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        for name in dict.fromkeys(_NAMES[by](problem)):
            groups.setdefault(name, []).append(problem)
    return groups


def _weight(problems: Iterable[Problem]) -> tuple[int, ...]:
    counts = [0] * 5
    for problem in problems:
        counts[4 - severity_rank(problem)] -= 1
    return tuple(counts)
