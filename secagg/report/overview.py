"""Summarize the problems of a report: counts, changes, overdue ones, components, upgrades."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from secagg.model.problem import Problem, RunRecord
from secagg.report import words
from secagg.report.query import Answer
from secagg.report.standing import (
    ACTIVE,
    SEVERITY_LABELS,
    WORST_FIRST,
    LastRuns,
    ShownState,
    newest_runs,
    overdue,
    severity_label,
    standing,
)
from secagg.report.upgrades import Upgrade, upgrades

MOST_LISTED = 5
MOST_INCOMPLETE_SHOWN = 5
"""How many other branches with an incomplete last run are named."""

_MOST_GAPS_SHOWN = 3

# A component, and its repository and branch.
_ComponentKey = tuple[str, str | None, str | None]


@dataclass(slots=True, kw_only=True)
class Change:
    """What the last run changed: ``more`` are new or reopened, ``fewer`` were fixed."""

    count: int = 0
    more: int = 0
    fewer: int = 0

    @property
    def text(self) -> str:
        """``+2/-1``, ``+2`` or ``-1``; empty where nothing changed."""
        more = f"+{self.more}" if self.more else ""
        fewer = f"-{self.fewer}" if self.fewer else ""
        return "/".join(part for part in (more, fewer) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCount:
    component: str
    total: int
    by_severity: dict[str, int]
    repository: str | None = None
    branch: str | None = None

    def where(self, *, several: bool) -> str:
        """Return the component, with its repository and branch where there are ``several``."""
        origin = " ".join(part for part in (self.repository, self.branch) if part)
        return f"{origin}: {self.component}" if several and origin else self.component


@dataclass(slots=True, kw_only=True)
class Overview:
    """The summary of an answer. ``by_severity`` counts the matching rows, whatever the limit.

    ``new``, ``fixed`` and ``reopened`` count the changes of the last run, whatever the states that
    the query names. ``several``: the rows are of more than one repository or branch.
    ``incomplete`` are the newest runs of other branches than that of ``last_run``, if they were
    incomplete.
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
    incomplete: list[RunRecord] = field(default_factory=list)
    runs: int = 0
    several: bool = False


def overview(
    answer: Answer, runs: Sequence[RunRecord], today: datetime.date, *, top: int = MOST_LISTED
) -> Overview:
    """Summarize ``answer`` on ``today`` (UTC)."""
    matching = answer.matching
    result = Overview(
        total=len(matching),
        several=len({(p.repository, p.branch) for p in matching}) > 1,
        by_severity={label: Change() for label in SEVERITY_LABELS},
        runs=len(runs),
    )
    newest = newest_runs(runs)
    result.last_run = newest[0] if newest else None
    result.incomplete = [run for run in newest[1:] if run.verdict == "incomplete"]
    last = LastRuns.of(runs)
    result.by_state = dict.fromkeys(map(str, ShownState), 0)
    for problem in answer.related:
        state = standing(problem, today)
        result.by_state[state] += 1
        _count_change(result, problem, state, last.since(problem))
    counts_by_key = Counter(
        ((p.component or ".", p.repository, p.branch), severity_label(p)) for p in matching
    )
    by_component: dict[_ComponentKey, Counter[str]] = defaultdict(Counter)
    for (key, label), count in counts_by_key.items():
        by_component[key][label] = count
        result.by_severity[label].count += count
    result.overdue = sum(overdue(problem, today) for problem in matching)
    result.components = [
        ComponentCount(
            component=name,
            total=counts.total(),
            by_severity={label: counts[label] for label in SEVERITY_LABELS if counts[label]},
            repository=repository,
            branch=branch,
        )
        for (name, repository, branch), counts in sorted(
            by_component.items(), key=_component_order
        )[:top]
    ]
    active = [p for p in matching if standing(p, today) in ACTIVE]
    result.upgrades = upgrades(active, top)
    return result


def missing_sentences(runs: Sequence[RunRecord]) -> list[str]:
    """Say why problems may be missing: whose last scan was incomplete, and its first gaps.

    Empty where the last scan of every branch was complete. The sentences hold text of scanners.
    """
    if not runs:
        return ["no scan is recorded yet, so problems may be missing"]
    incomplete = [run for run in newest_runs(runs) if run.verdict == "incomplete"]
    lines = []
    for run in incomplete[:MOST_INCOMPLETE_SHOWN]:
        lines.append(
            f"the last scan of {run.repository} {run.branch} ({words.scanned_at(run)}) did not "
            "look at everything, so problems may be missing"
        )
        gaps = [f"{tool.tool}: {gap}" for tool in run.tools for gap in tool.gaps]
        lines += gaps[:_MOST_GAPS_SHOWN]
        if len(gaps) > _MOST_GAPS_SHOWN:
            lines.append(f"and {len(gaps) - _MOST_GAPS_SHOWN} more gaps")
    if len(incomplete) > MOST_INCOMPLETE_SHOWN:
        lines.append(
            f"nor did the last scans of {len(incomplete) - MOST_INCOMPLETE_SHOWN} more branches"
        )
    return lines


def _count_change(
    overview: Overview, problem: Problem, state: ShownState, since: datetime.datetime | None
) -> None:
    if since is None:
        return
    change = overview.by_severity[severity_label(problem)]
    if problem.fixed_at is not None:
        if problem.fixed_at >= since:
            overview.fixed += 1
            change.fewer += 1
    elif state not in ACTIVE:
        return
    elif problem.reopened_at is not None and problem.reopened_at >= since:
        overview.reopened += 1
        change.more += 1
    elif problem.first_seen is not None and problem.first_seen >= since:
        overview.new += 1
        change.more += 1


def _component_order(item: tuple[_ComponentKey, Counter[str]]) -> tuple[object, ...]:
    (name, repository, branch), counts = item
    severities = (-counts[label] for label in WORST_FIRST)
    return (*severities, name, repository or "", branch or "")
