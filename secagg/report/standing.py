"""Find the state, age and owners of a problem on a given day, and whether it is overdue."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from secagg.model.finding import Severity
from secagg.model.problem import Problem, RunRecord, State
from secagg.model.severity import LABELS, label_of

SEVERITY_LABELS = LABELS
WORST_FIRST = ("critical", "high", "unknown", "medium", "low", "none")
"""The words for severities, by how urgent they are: an unknown one may be as bad as high."""
# A decision "fixed" does not count while a complete run still sees the problem.
_NOT_DECISIVE = frozenset({State.OPEN, State.FIXED})


class ShownState(StrEnum):
    """The state that a report shows: that of a decision, excepted by the policy, or fixed."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    EXCEPTED = "excepted"
    FIXED = "fixed"


# States in which a problem still needs work.
ACTIVE = frozenset({ShownState.OPEN, ShownState.CONFIRMED})


def standing(problem: Problem, today: datetime.date) -> ShownState:
    """Return the state on ``today`` (UTC). An expired decision does not count."""
    if problem.fixed_at is not None:
        return ShownState.FIXED
    triage = problem.triage
    if triage is not None and triage.state not in _NOT_DECISIVE and not expired(problem, today):
        return ShownState(triage.state)
    if not excepted(problem, today):
        return ShownState.OPEN
    if problem.exception_state is State.FALSE_POSITIVE:
        return ShownState.FALSE_POSITIVE
    return ShownState.EXCEPTED


def excepted(problem: Problem, today: datetime.date) -> bool:
    """Return whether the exception that covered it in its last scan is in force (UTC)."""
    last_day = problem.exception_expires
    return problem.exception is not None and (last_day is None or today <= last_day)


def reason_of(problem: Problem, today: datetime.date) -> str | None:
    """Return the reason of the decision or exception in force on ``today`` (UTC)."""
    if problem.triage is not None and not expired(problem, today):
        return problem.triage.reason
    if not excepted(problem, today):
        return None
    if problem.exception_reason is None:
        return f"covered by the exception {problem.exception}"
    return f"{problem.exception_reason} ({problem.exception})"


def expired(problem: Problem, today: datetime.date) -> bool:
    """Return whether its triage decision has expired."""
    triage = problem.triage
    return triage is not None and triage.expires is not None and today > triage.expires


def overdue(problem: Problem, today: datetime.date) -> bool:
    """Return whether it is still open after the day by which the policy wants it fixed."""
    if problem.due is None or today <= problem.due:
        return False
    return standing(problem, today) in ACTIVE


def age_days(problem: Problem, today: datetime.date) -> int | None:
    """Return the days from first seen until fixed, or until today; ``None`` if unknown."""
    if problem.first_seen is None:
        return None
    end = problem.fixed_at.date() if problem.fixed_at is not None else today
    return max(0, (end - problem.first_seen.date()).days)


def severity_label(problem: Problem) -> str:
    """Return the severity as text, ``unknown`` where no tool gave one."""
    return label_of(problem.severity, known=problem.severity_known)


def severity_rank(problem: Problem) -> int:
    """Return 4 for critical down to 0. An unknown severity ranks as high, as it may be."""
    return problem.severity.rank if problem.severity_known else Severity.HIGH.rank


def has_fix(problem: Problem) -> bool:
    """Return whether a fixed version or the tool's advice on a fix is known."""
    return bool(problem.fixed_versions or problem.fix)


def owners_of(problem: Problem) -> tuple[str, ...]:
    """Return the owner by triage, else those of the file."""
    if problem.triage is not None and problem.triage.owner:
        return (problem.triage.owner,)
    return problem.owners


def newest_runs(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the newest run of each branch, newest first."""
    newest: dict[tuple[str, str], RunRecord] = {}
    for run in runs:
        key = (run.repository, run.branch)
        if key not in newest or run.started_at > newest[key].started_at:
            newest[key] = run
    return sorted(newest.values(), key=lambda run: run.started_at, reverse=True)


@dataclass(frozen=True, slots=True)
class LastRuns:
    """The start (UTC) of the newest run of each branch, by repository and branch."""

    started: Mapping[tuple[str, str], datetime.datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[RunRecord]) -> LastRuns:
        return cls({(run.repository, run.branch): run.started_at for run in newest_runs(runs)})

    def since(self, problem: Problem) -> datetime.datetime | None:
        """Return the start of the last run of the problem's branch: what is later is new."""
        return self.since_of(problem.repository, problem.branch)

    def since_of(self, repository: str | None, branch: str | None) -> datetime.datetime | None:
        """Return the start of the last run of a branch; None is any branch."""
        if repository is not None and branch is not None:
            return self.started.get((repository, branch))
        starts = [
            at
            for (its_repository, its_branch), at in self.started.items()
            if repository in (None, its_repository) and branch in (None, its_branch)
        ]
        return max(starts, default=None)
