"""The words in which one problem is shown, the same in every format. Escape them where shown."""

from __future__ import annotations

from secagg import ids
from secagg.finding import Kind
from secagg.history import Problem, RunRecord

_COMMIT_SHOWN = 10


def what(problem: Problem) -> str:
    """The problem in a few words: the advisory and the package, else the rule."""
    if problem.package is None:
        return problem.rule_id
    version = f" {problem.version}" if problem.version else ""
    return f"{problem.rule_id} {problem.package}{version}"


def scanned_at(run: RunRecord) -> str:
    """When a scan started, to the minute."""
    return f"{run.started_at:%Y-%m-%d %H:%M} UTC"


def detail(problem: Problem) -> str:
    """What it is, in a sentence, with what makes a secret urgent or less so."""
    notes = []
    if problem.verified:
        notes.append("verified: it works")
    if problem.in_history_only:
        notes.append("only in history")
    if problem.kev:
        notes.append("known to be exploited")
    text = problem.title if problem.title != problem.rule_id else problem.message or problem.title
    return text + (f" ({', '.join(notes)})" if notes else "")


def place(problem: Problem) -> str:
    """Where it is, as editors and terminals understand it (``path:line``)."""
    if problem.uri is None:
        return problem.image or problem.logical or "(no location)"
    where = problem.uri if problem.line is None else f"{problem.uri}:{problem.line}"
    if problem.commit and problem.in_history_only:
        where += f" @ {problem.commit[:_COMMIT_SHOWN]}"
    return where


def remedy(problem: Problem) -> str | None:
    """What mends it, if anybody has said so."""
    if problem.fixed_versions:
        return "fixed in " + " or ".join(problem.fixed_versions)
    return None if problem.kind is Kind.SECRET else problem.fix


def short_id(problem: Problem) -> str:
    """As much of the identity as tells one problem from another in practice."""
    return ids.short(problem.identity)
