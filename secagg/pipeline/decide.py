"""The decision of an outcome as a document: what ``decision.json`` holds."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any, Literal

from secagg import __version__
from secagg.model.finding import Severity
from secagg.model.problem import State
from secagg.output.decision import DecidedException, DecidedFinding, DecisionDocument
from secagg.output.rows import reading_order, row
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.summarize import finding_fields, summarize
from secagg.policy import Judgement, PolicyException
from secagg.policy.decision import Action
from secagg.policy.facts import Cause

_CAUSES: dict[Cause | None, Literal["this change", "the world", "before", "unknown"]] = {
    Cause.CHANGE: "this change",
    Cause.WORLD: "the world",
    Cause.EXISTING: "before",
    None: "unknown",
}
_ORDER = {Action.FAIL: 0, Action.WARN: 1, Action.IGNORE: 2}


def decision_document(outcome: Outcome) -> DecisionDocument:
    """The document; findings that fail come first, and within an action the worst."""
    decision = outcome.decision
    today = decision.today or datetime.datetime.now(datetime.UTC).date()
    judgements = sorted(decision.judgements, key=_by_action)
    actions = Counter(judgement.action for judgement in judgements)
    severities = Counter(judgement.severity for judgement in judgements)
    summary = summarize(outcome)
    return DecisionDocument(
        secagg_version=__version__,
        policy=decision.policy,
        verdict=decision.verdict.value,
        exit_code=summary.decision.exit_code,
        today=today,
        total=len(judgements),
        reported=summary.findings.reported,
        merged=summary.findings.merged,
        fail=actions[Action.FAIL],
        warn=actions[Action.WARN],
        ignore=actions[Action.IGNORE],
        by_severity={str(severity): severities[severity] for severity in Severity},
        excepted=sum(1 for judgement in judgements if judgement.exception is not None),
        gaps=list(decision.gaps),
        failures=list(decision.failures),
        not_analysed=list(decision.not_analysed),
        notes=[*decision.notes, *outcome.warnings],
        change=outcome.change,
        tools=summary.tools,
        findings=[_finding(judgement, today) for judgement in judgements],
        lapsed=[_exception(exception, today) for exception in decision.lapsed],
        unused=[_exception(exception, today) for exception in decision.unused],
    )


def _by_action(judgement: Judgement) -> tuple[Any, ...]:
    first = 8 * _ORDER[judgement.action] - judgement.severity.rank
    return first, *reading_order(judgement.group.representative)


def _finding(judgement: Judgement, today: datetime.date) -> DecidedFinding:
    shown = row(judgement.group)
    facts = judgement.facts
    cause_why = facts.cause_words
    due = judgement.due
    exception = judgement.exception
    fix = shown.fix.replace("fixed in ", "upgrade to ", 1) if shown.fix else None
    return DecidedFinding(
        title=shown.detail,
        tools=shown.tools,
        fix=fix,
        where=shown.where,
        problem=shown.what,
        counted_as=judgement.severity,
        policy_rule=judgement.rule,
        exception=_exception(exception, today) if exception is not None else None,
        lapsed=[_exception(lapsed, today) for lapsed in judgement.lapsed]
        if judgement.lapsed
        else (),
        baseline=facts.baseline.value if facts.baseline is not None else None,
        in_diff=facts.in_diff,
        cause=None if cause_why is None else _CAUSES[facts.cause],
        cause_why=cause_why,
        owners=facts.owners,
        first_seen=facts.first_seen,
        due=due,
        days_left=(due - today).days if due is not None else None,
        epss=facts.epss,
        kev=facts.kev,
        **finding_fields(judgement),
    )


def _exception(exception: PolicyException, today: datetime.date) -> DecidedException:
    return DecidedException(
        source=exception.source,
        target=exception.target,
        standing=exception.standing(today).value,
        reason=exception.reason,
        owner=exception.owner,
        expires=exception.expires,
        refusal=exception.refusal,
        state="false-positive" if exception.state is State.FALSE_POSITIVE else "accepted",
        origin=exception.origin.value,
    )
