"""Match rules in logic with a third value, not known, and explain each step."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from secagg.policy.decision import Judgement
from secagg.policy.keys import Answer, Question, questions
from secagg.policy.model import Match, Policy, PolicyRule
from secagg.policy.reasons import RULE as AGE_RULE
from secagg.policy.subject import Subject


@dataclass(frozen=True, slots=True)
class Matcher:
    """A compiled ``match``: questions that must all hold, and what stands under any and not."""

    questions: Sequence[Question]
    any: Sequence[Matcher] | None
    negated: Matcher | None

    def ask(self, subject: Subject) -> Answer:
        """Yes, no, or ``None``: no if one key refuses, else not known if one key is not."""
        answer: Answer = True
        for question in self.questions:
            result = question.ask(subject)
            if result is False:
                return False
            if result is None:
                answer = None
        if self.any is not None:
            result = _any(matcher.ask(subject) for matcher in self.any)
            if result is False:
                return False
            if result is None:
                answer = None
        if self.negated is not None:
            result = self.negated.ask(subject)
            if result is True:
                return False
            if result is None:
                answer = None
        return answer

    def keys(self) -> frozenset[str]:
        """Return the keys that are asked about, also under any and not."""
        inner = [*(self.any or ()), *([self.negated] if self.negated else [])]
        return frozenset(q.key for q in self.questions).union(*(m.keys() for m in inner))

    def unknown(self, subject: Subject) -> list[str]:
        """Return the keys whose answer is not known, each once, in their order."""
        keys = [q.key for q in self.questions if q.ask(subject) is None]
        for inner in [*(self.any or ()), *([self.negated] if self.negated else [])]:
            keys += inner.unknown(subject)
        return list(dict.fromkeys(keys))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its matcher."""

    rule: PolicyRule
    matcher: Matcher


def compile_match(match: Match) -> Matcher:
    """``match`` as questions."""
    return Matcher(
        questions=questions(match),
        any=None if match.any is None else [compile_match(inner) for inner in match.any],
        negated=None if match.not_ is None else compile_match(match.not_),
    )


def compile_rules(rules: Sequence[PolicyRule]) -> list[CompiledRule]:
    """Return every rule, in order."""
    return [CompiledRule(rule, compile_match(rule.match)) for rule in rules]


def _any(answers: Iterable[Answer]) -> Answer:
    """Yes if one says so, else not known if one does not know, else no."""
    result: Answer = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


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
    """Return the steps that led to ``judgement`` by ``policy`` on ``today`` (UTC).

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
        granted = judgement.exception
        until = f", until {granted.expires}" if granted.expires else ""
        why = f"{granted.target} ({granted.source}){until}: {granted.reason or 'no reason given'}"
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
