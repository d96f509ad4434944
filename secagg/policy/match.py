"""Match rules in three-valued logic (yes, no, not known), and explain each step."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from secagg.policy.decision import Judgement
from secagg.policy.keys import Answer, Question, questions
from secagg.policy.model import Match, Policy, PolicyRule
from secagg.policy.reasons import AGE_RULE
from secagg.policy.subject import Subject


class Matcher(Struct, frozen=True):
    """A compiled ``match``: questions that must all hold, and the matchers of any and not."""

    questions: Sequence[Question]
    any: Sequence[Matcher] | None
    negated: Matcher | None

    def ask(self, subject: Subject) -> Answer:
        """Answer no if any key does, else ``None`` (not known) if any key does, else yes."""
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
        inner_keys = (matcher.keys() for matcher in self._inner())
        return frozenset(question.key for question in self.questions).union(*inner_keys)

    def unknown(self, subject: Subject) -> list[str]:
        """Return the keys whose answer is not known, each once, in their order."""
        keys = [question.key for question in self.questions if question.ask(subject) is None]
        for matcher in self._inner():
            keys += matcher.unknown(subject)
        return list(dict.fromkeys(keys))

    def _inner(self) -> list[Matcher]:
        """The matchers under any and not."""
        return [*(self.any or ()), *([self.negated] if self.negated else [])]


class CompiledRule(Struct, frozen=True):
    """A rule and its matcher."""

    rule: PolicyRule
    matcher: Matcher


def compile_match(match: Match) -> Matcher:
    """Compile the questions of ``match``."""
    return Matcher(
        questions=questions(match),
        any=None if match.any is None else [compile_match(inner) for inner in match.any],
        negated=None if match.not_ is None else compile_match(match.not_),
    )


def compile_rules(rules: Sequence[PolicyRule]) -> list[CompiledRule]:
    """Compile every rule, in order."""
    return [CompiledRule(rule, compile_match(rule.match)) for rule in rules]


class RuleStep(Struct, frozen=True):
    """One step of the way to an action.

    ``name`` is ``rule NAME``, ``decision STATE``, ``max_age`` or ``default``; ``matched`` is
    ``None`` where that is not known; ``decisive`` marks the step that decided; ``why`` is for
    people.
    """

    name: str
    matched: Answer
    why: str
    decisive: bool = False


def explain_judgement(policy: Policy, judgement: Judgement, today: datetime.date) -> list[RuleStep]:
    """Return the steps that led to ``judgement`` by ``policy`` on ``today`` (UTC).

    Rules are listed up to the first that certainly matches; later ones do not count.
    """
    subject = Subject(judgement.group, judgement.severity, judgement.facts, today)
    steps = list(_rule_steps(policy, judgement, subject))
    if judgement.rule is None:
        steps.append(RuleStep("default", True, "no rule takes it, so it is ignored", decisive=True))
    for lapsed in judgement.lapsed:
        cause = lapsed.refusal or f"it expired on {lapsed.expires}"
        why = f"{lapsed.target} ({lapsed.source}): {cause}"
        steps.append(RuleStep(f"decision {lapsed.state.value}", False, why))
    exception = judgement.exception
    if exception is not None:
        until = f", until {exception.expires}" if exception.expires else ""
        reason = exception.reason or "no reason given"
        why = f"{exception.target} ({exception.source}){until}: {reason}"
        steps.append(RuleStep(f"decision {exception.state.value}", True, why, decisive=True))
    if judgement.overdue:
        unknown_age = judgement.due is None
        why = (
            "nobody knows when it was first seen"
            if unknown_age
            else f"it was due on {judgement.due}"
        )
        steps.append(RuleStep(AGE_RULE, True, why, decisive=judgement.rule == AGE_RULE))
    elif judgement.due is not None:
        steps.append(RuleStep(AGE_RULE, False, f"it is due on {judgement.due}"))
    return steps


def _any(answers: Iterable[Answer]) -> Answer:
    """Yes if one answer is, else not known if one is, else no."""
    result: Answer = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def _rule_steps(policy: Policy, judgement: Judgement, subject: Subject) -> Iterator[RuleStep]:
    for compiled in compile_rules(policy.rules):
        answer = compiled.matcher.ask(subject)
        name, action = compiled.rule.name, compiled.rule.action
        if answer is False:
            why = _mismatch(compiled.matcher, subject)
        elif answer is None:
            why = f"not known: {', '.join(compiled.matcher.unknown(subject))}"
        else:
            why = f"every key matches: {action}"
        yield RuleStep(f"rule {name}", answer, why, decisive=judgement.rule == name)
        if answer is True:
            return


def _mismatch(matcher: Matcher, subject: Subject) -> str:
    """The first key that does not match: what the subject has, and what the rule wants."""
    for question in matcher.questions:
        if question.ask(subject) is False:
            key = question.key.removesuffix("_at_least")
            least = "at least " if key != question.key else ""
            actual = question.actual(subject)
            return f"{key} is {actual}, the rule wants {least}{question.expected}"
    if matcher.any is not None and all(inner.ask(subject) is False for inner in matcher.any):
        return "no alternative under any holds: " + "; ".join(
            _mismatch(m, subject) for m in matcher.any
        )
    return "the condition under not holds"
