"""The words in which a problem of the history is shown (:mod:`secagg.output.words`)."""

from __future__ import annotations

from secagg import ids
from secagg.model.problem import Problem, RunRecord
from secagg.output import words


def title(problem: Problem) -> str:
    """Name the problem in a few words: the advisory and the package, else the rule."""
    return words.title(problem.rule_id, problem.package, problem.version)


def scanned_at(run: RunRecord) -> str:
    """Say when a scan started, to the minute."""
    return f"{run.started_at:%Y-%m-%d %H:%M} UTC"


def detail(problem: Problem) -> str:
    """Say what it is, in a sentence, with what makes it urgent or less so."""
    return words.detail(
        problem.title,
        problem.message,
        problem.rule_id,
        verified=problem.verified,
        in_history_only=problem.in_history_only,
        kev=problem.kev,
    )


def place(problem: Problem) -> str:
    """Say where it is, as editors and terminals understand it (``path:line``)."""
    return words.place(
        problem.uri,
        problem.line,
        otherwise=problem.image or problem.logical,
        commit=problem.commit if problem.in_history_only else None,
    )


def remedy(problem: Problem) -> str | None:
    """Say what mends it, if anybody has said so."""
    return words.remedy(problem.kind, problem.fixed_versions, problem.fix)


def short_id(problem: Problem) -> str:
    """Cut the id to as many digits as screens show."""
    return ids.short(problem.identity)
