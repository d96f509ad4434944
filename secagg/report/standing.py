"""How a problem stands on a given day: its state, its age, whether it is overdue or new."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from secagg.model.finding import Severity
from secagg.model.problem import Problem, RunRecord, State

UNKNOWN = "unknown"
SEVERITY_LABELS = (*(str(severity) for severity in Severity), UNKNOWN)


class ShownState(StrEnum):
    """:class:`secagg.model.problem.State`, and what only an exception of the policy covers."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    EXCEPTED = "excepted"
    FIXED = "fixed"


# What somebody still has to do something about.
ACTIVE = frozenset({ShownState.OPEN, ShownState.CONFIRMED})
# "Fixed" by a person's word, while a complete run still sees it, is not fixed.
_UNSAID = frozenset({State.OPEN, State.FIXED})


def standing(problem: Problem, today: datetime.date) -> ShownState:
    """Return the state on ``today`` (UTC). A decision that has expired counts no more."""
    if problem.fixed_at is not None:
        return ShownState.FIXED
    triage = problem.triage
    if triage is not None and triage.state not in _UNSAID and not expired(problem, today):
        return ShownState(triage.state)
    if not excepted(problem, today):
        return ShownState.OPEN
    if problem.exception_state is State.FALSE_POSITIVE:
        return ShownState.FALSE_POSITIVE
    return ShownState.EXCEPTED


def excepted(problem: Problem, today: datetime.date) -> bool:
    """Whether the exception that covered it in its last scan still holds on ``today`` (UTC)."""
    last = problem.exception_expires
    return problem.exception is not None and (last is None or today <= last)


def reason_of(problem: Problem, today: datetime.date) -> str | None:
    """Return why it stands as it does: the reason of the decision that holds on ``today`` (UTC)."""
    if problem.triage is not None and not expired(problem, today):
        return problem.triage.reason
    if not excepted(problem, today):
        return None
    if problem.exception_reason is None:
        return f"covered by the exception {problem.exception}"
    return f"{problem.exception_reason} ({problem.exception})"


def expired(problem: Problem, today: datetime.date) -> bool:
    """Return whether its triage held through a day that is past."""
    triage = problem.triage
    return triage is not None and triage.expires is not None and today > triage.expires


def overdue(problem: Problem, today: datetime.date) -> bool:
    """Return whether it still stands after the day by which the policy wants it fixed."""
    if problem.due is None or today <= problem.due:
        return False
    return standing(problem, today) in ACTIVE


def age_days(problem: Problem, today: datetime.date) -> int | None:
    """Whole days since it was first seen (until it was fixed, if it is), ``None`` if unknown."""
    if problem.first_seen is None:
        return None
    end = problem.fixed_at.date() if problem.fixed_at is not None else today
    return max(0, (end - problem.first_seen.date()).days)


def severity_label(problem: Problem) -> str:
    """Return the severity's word, ``unknown`` where no tool gave one."""
    return str(problem.severity) if problem.severity_known else UNKNOWN


def severity_rank(problem: Problem) -> int:
    """4 for critical down to 0. An unknown one ranks as high: nobody has said that it is not."""
    return problem.severity.rank if problem.severity_known else Severity.HIGH.rank


def has_fix(problem: Problem) -> bool:
    """Return whether a fixed version or the tool's own advice on a fix is known."""
    return bool(problem.fixed_versions or problem.fix)


def owners_of(problem: Problem) -> tuple[str, ...]:
    """Return who looks after it: the owner that triage named, else those of the file."""
    if problem.triage is not None and problem.triage.owner:
        return (problem.triage.owner,)
    return problem.owners


def newest_runs(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the newest of ``runs`` of each repository's branch, newest first."""
    newest: dict[tuple[str, str], RunRecord] = {}
    for run in runs:
        key = (run.repository, run.branch)
        if key not in newest or run.started_at > newest[key].started_at:
            newest[key] = run
    return sorted(newest.values(), key=lambda run: run.started_at, reverse=True)


@dataclass(frozen=True, slots=True)
class LastRuns:
    """When the latest recorded scan of each repository's branch started (UTC)."""

    started: Mapping[tuple[str, str], datetime.datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[RunRecord]) -> LastRuns:
        return cls({(run.repository, run.branch): run.started_at for run in newest_runs(runs)})

    def since(self, problem: Problem) -> datetime.datetime | None:
        """From when on something about ``problem`` is the last run's news."""
        if problem.repository is not None and problem.branch is not None:
            started = self.started.get((problem.repository, problem.branch))
            if started is not None:
                return started
        same = [
            at
            for (repository, branch), at in self.started.items()
            if problem.repository in (None, repository) and problem.branch in (None, branch)
        ]
        return max(same, default=None)
