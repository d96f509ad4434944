"""Why a finding was judged as it was: every rule in order, then what was settled after them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from secagg.policy.ages import RULE as AGE_RULE
from secagg.policy.decision import Judgement
from secagg.policy.keys import Answer
from secagg.policy.match import Matcher, compile_rules
from secagg.policy.model import Policy
from secagg.policy.subject import Subject


@dataclass(frozen=True, slots=True)
class RuleStep:
    """One step of the way to an action.

    ``what`` is ``rule NAME``, ``exception``, ``max_age`` or ``default``; ``matched`` is ``None``
    where nobody knows; ``taken`` marks the rule that decided; ``why`` says it in words.
    """

    what: str
    matched: Answer
    why: str
    taken: bool = False


def chain(policy: Policy, judgement: Judgement, today: datetime.date) -> list[RuleStep]:
    """The steps that led to ``judgement`` by ``policy`` on ``today`` (UTC).

    Rules are listed up to the first that certainly matches; nothing after it was asked.
    """
    subject = Subject(judgement.group, judgement.severity, judgement.facts, today)
    steps = list(_rules(policy, judgement, subject))
    if judgement.rule is None:
        steps.append(RuleStep("default", True, "no rule takes it, so it is ignored", taken=True))
    for lapsed in judgement.lapsed:
        ended = lapsed.refusal or f"it expired on {lapsed.expires}"
        steps.append(RuleStep("exception", False, f"{lapsed.target} ({lapsed.source}): {ended}"))
    if judgement.exception is not None:
        held = judgement.exception
        until = f", until {held.expires}" if held.expires else ""
        why = f"{held.target} ({held.source}){until}: {held.reason or 'no reason given'}"
        steps.append(RuleStep("exception", True, why, taken=True))
    if judgement.overdue:
        taken = judgement.rule == AGE_RULE
        due = "nobody knows since when it is there" if judgement.due is None else None
        steps.append(RuleStep(AGE_RULE, True, due or f"it was due on {judgement.due}", taken=taken))
    elif judgement.due is not None:
        steps.append(RuleStep(AGE_RULE, False, f"it is due on {judgement.due}"))
    return steps


def _rules(policy: Policy, judgement: Judgement, subject: Subject) -> Iterator[RuleStep]:
    for compiled in compile_rules(policy.rules):
        answer = compiled.matcher.ask(subject)
        name, action = compiled.rule.name, compiled.rule.action
        if answer is False:
            why = _refusal(compiled.matcher, subject)
        elif answer is None:
            why = f"not known: {', '.join(compiled.matcher.unknown(subject))}"
        else:
            why = f"every key matches: {action}"
        yield RuleStep(f"rule {name}", answer, why, taken=judgement.rule == name)
        if answer is True:
            return


def _refusal(matcher: Matcher, subject: Subject) -> str:
    """The first key that refuses: what it is, and what the rule wants."""
    for question in matcher.questions:
        if question.ask(subject) is False:
            key = question.key.removesuffix("_at_least")
            least = "at least " if key != question.key else ""
            actual = question.actual(subject)
            return f"{key} is {actual}, the rule wants {least}{question.wanted}"
    if matcher.any is not None and all(inner.ask(subject) is False for inner in matcher.any):
        return "none of any holds: " + "; ".join(_refusal(m, subject) for m in matcher.any)
    return "what stands under not holds"
