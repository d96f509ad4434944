"""Return the texts of a problem of the history (:mod:`secagg.output.words`)."""

from __future__ import annotations

import datetime

from secagg import ids
from secagg.model.approval import missing_approval
from secagg.model.problem import Problem, RunRecord
from secagg.output import words
from secagg.report.standing import age_days, overdue
from secagg.system.dates import days_text, due_text


def title(problem: Problem) -> str:
    """Return the name of a problem: the advisory and the package, else the rule."""
    return words.title(problem.rule_id, problem.package, problem.version)


def subject(problem: Problem) -> str:
    """Say in one line what the problem is and where, for who reviews a decision on it."""
    return f"{title(problem)}: {problem.title} ({place(problem)})"


def scanned_at(run: RunRecord) -> str:
    """Return the start of a scan, to the minute."""
    return f"{run.started_at:%Y-%m-%d %H:%M} UTC"


def detail(problem: Problem) -> str:
    """Return a sentence on a problem, with notes on its urgency."""
    return words.detail(
        problem.title,
        problem.message,
        problem.rule_id,
        verified=problem.verified,
        in_history_only=problem.in_history_only,
        kev=problem.kev,
    )


def place(problem: Problem) -> str:
    """Return the place of a problem as editors and terminals write it (``path:line``)."""
    return words.place(
        problem.uri,
        problem.line,
        fallback=problem.image or problem.logical,
        commit=problem.commit if problem.in_history_only else None,
    )


def age(problem: Problem, today: datetime.date) -> str:
    """Return how long a problem has been there; empty if unknown."""
    days = age_days(problem, today)
    return "" if days is None else days_text(days)


def late(problem: Problem, today: datetime.date) -> str:
    """Return by how many days a problem is overdue; empty where it is not."""
    if problem.due is None or not overdue(problem, today):
        return ""
    return due_text((problem.due - today).days)


def approval(problem: Problem, today: datetime.date) -> str:
    """Return which approval the decision on a problem lacks; empty where it lacks none."""
    missing = missing_approval(problem, today)
    if missing is None or problem.unapproved is None:
        return ""
    return f"{problem.unapproved.state} {missing}"


def remedy(problem: Problem) -> str | None:
    """Return the fix of a problem, if one is known."""
    return words.remedy(problem.kind, problem.fixed_versions, problem.fix)


def short_id(problem: Problem) -> str:
    """Return the id with as many digits as screens show."""
    return ids.short(problem.identity)
