"""Maximum ages: by which day a finding is to be fixed, and what happens on the day after."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from secagg.policy.decision import Action, Judgement
from secagg.policy.model import Policy
from secagg.policy.sentences import counted, listed, plural, worst_judgements
from secagg.policy.subject import utc_day

RULE = "max_age"


def apply_ages(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> None:
    """Set ``due`` where a maximum age holds; what is past due fails, due today is still fine.

    What a rule ignores by name, or an exception in force covers, has no maximum age. Where
    nobody knows when a finding was first seen it counts as past due.
    """
    if not policy.max_age:
        return
    for judgement in judgements:
        allowed = policy.max_age.get(judgement.severity)
        exempt = judgement.action is Action.IGNORE and judgement.rule is not None
        if allowed is None or exempt or judgement.exception is not None:
            continue
        seen = judgement.facts.first_seen
        if seen is not None:
            judgement.due = utc_day(seen) + datetime.timedelta(days=allowed)
        if judgement.due is not None and today <= judgement.due:
            continue
        judgement.overdue = True
        if judgement.action is not Action.FAIL:
            judgement.action, judgement.rule = Action.FAIL, RULE
            judgement.why = _why(judgement, allowed, today)


def _why(judgement: Judgement, allowed: int, today: datetime.date) -> str:
    rule = f"{judgement.severity} findings are to be fixed within {counted(allowed, 'day')}"
    if judgement.due is None:
        return f"{rule} of being first seen, and nobody knows when this one was."
    return f"{rule} of being first seen; this one is {_late(judgement.due, today)}."


def age_failures(
    policy: Policy, judgements: Sequence[Judgement], today: datetime.date
) -> list[str]:
    """A sentence for each severity with findings past due, and one for each without dates."""
    sentences = []
    for severity in policy.max_age:
        allowed = counted(policy.max_age[severity], "day")
        overdue = [j for j in judgements if j.overdue and j.severity is severity]
        late = sorted((j for j in overdue if j.due is not None), key=_due)
        if late:
            named = listed(late, also=lambda j: _late(_due(j), today))
            sentences.append(
                f"{counted(len(late), f'{severity} finding')} "
                f"{plural(len(late), 'is', 'are')} past due: {severity} findings are to be fixed "
                f"within {allowed} of being first seen. Longest overdue: {named}."
            )
        undated = worst_judgements(j for j in overdue if j.due is None)
        if undated:
            sentences.append(
                f"nobody knows when {counted(len(undated), f'{severity} finding')} "
                f"{plural(len(undated), 'was', 'were')} first seen, so "
                f"{plural(len(undated), 'it counts', 'they count')} as past due ({allowed} "
                f"allowed): judge with a history of earlier scans. Worst: {listed(undated)}."
            )
    return sentences


def age_notes(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> list[str]:
    """One sentence on what will be past due soon."""
    last = today + datetime.timedelta(days=policy.due_soon)
    soon = sorted((j for j in judgements if j.due is not None and today <= j.due <= last), key=_due)
    if not soon:
        return []
    named = listed(soon, also=lambda j: f"due {_when(_due(j), today)}")
    number = counted(len(soon), "finding")
    return [f"{number} {plural(len(soon), 'is', 'are')} due soon: {named}."]


def _due(judgement: Judgement) -> datetime.date:
    assert judgement.due is not None
    return judgement.due


def _late(due: datetime.date, today: datetime.date) -> str:
    return f"{counted((today - due).days, 'day')} late, due {due}"


def _when(due: datetime.date, today: datetime.date) -> str:
    left = (due - today).days
    if left == 0:
        return "today"
    return f"in {counted(left, 'day')}, on {due}"
