"""The summary that comes first: how many, what changed, what is overdue, where, what to do."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from secagg.history import Problem, RunRecord
from secagg.report.query import Answer
from secagg.report.standing import (
    ACTIVE,
    SEVERITY_LABELS,
    LastRuns,
    Standing,
    overdue,
    severity_label,
    standing,
)
from secagg.report.upgrades import Upgrade, upgrades

_TOP = 5


@dataclass(slots=True, kw_only=True)
class Change:
    """What the last run changed: ``more`` are new or came back, ``fewer`` were fixed."""

    count: int = 0
    more: int = 0
    fewer: int = 0

    @property
    def text(self) -> str:
        """``+2/-1``, ``+2`` or ``-1``, empty where nothing changed."""
        more = f"+{self.more}" if self.more else ""
        fewer = f"-{self.fewer}" if self.fewer else ""
        return "/".join(part for part in (more, fewer) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCount:
    component: str
    total: int
    by_severity: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Overview:
    """Counts of an answer. ``by_severity`` counts the rows that match, whatever the limit.

    ``new``, ``fixed`` and ``reopened`` are the last run's news on what the other filters let
    through; ``several`` says that the rows are of more than one repository or branch.
    """

    total: int = 0
    by_severity: dict[str, Change] = field(default_factory=dict)
    by_state: dict[str, int] = field(default_factory=dict)
    new: int = 0
    fixed: int = 0
    reopened: int = 0
    overdue: int = 0
    components: list[ComponentCount] = field(default_factory=list)
    upgrades: list[Upgrade] = field(default_factory=list)
    last_run: RunRecord | None = None
    runs: int = 0
    several: bool = False


def overview(
    answer: Answer, runs: Sequence[RunRecord], today: datetime.date, *, top: int = _TOP
) -> Overview:
    """Sum up ``answer`` on ``today`` (UTC)."""
    matching = answer.matching
    found = Overview(
        total=len(matching),
        several=len({(p.repository, p.branch) for p in matching}) > 1,
        by_severity={label: Change() for label in SEVERITY_LABELS},
        runs=len(runs),
        last_run=max(runs, key=lambda run: run.started_at, default=None),
    )
    last = LastRuns.of(runs)
    found.by_state = dict.fromkeys(map(str, Standing), 0)
    for problem in answer.related:
        state = standing(problem, today)
        found.by_state[state] += 1
        _news(found, problem, state, last.since(problem))
    counted = Counter((problem.component or ".", severity_label(problem)) for problem in matching)
    by_component: dict[str, Counter[str]] = defaultdict(Counter)
    for (component, label), count in counted.items():
        by_component[component][label] = count
        found.by_severity[label].count += count
    found.overdue = sum(overdue(problem, today) for problem in matching)
    found.components = [
        ComponentCount(component=name, total=counts.total(), by_severity=dict(counts))
        for name, counts in sorted(by_component.items(), key=_heaviest)[:top]
    ]
    active = [p for p in matching if standing(p, today) in ACTIVE]
    found.upgrades = upgrades(active, top)
    return found


def _news(
    found: Overview, problem: Problem, state: Standing, since: datetime.datetime | None
) -> None:
    if since is None:
        return
    change = found.by_severity[severity_label(problem)]
    if problem.fixed_at is not None:
        if problem.fixed_at >= since:
            found.fixed += 1
            change.fewer += 1
    elif state not in ACTIVE:
        return
    elif problem.reopened_at is not None and problem.reopened_at >= since:
        found.reopened += 1
        change.more += 1
    elif problem.first_seen is not None and problem.first_seen >= since:
        found.new += 1
        change.more += 1


def _heaviest(item: tuple[str, Counter[str]]) -> tuple[object, ...]:
    name, counts = item
    return (*(-counts[label] for label in ("critical", "high", "unknown", "medium", "low")), name)
