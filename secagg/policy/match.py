"""Rules compiled once, and asked of every subject in logic with a third value, not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from secagg.policy.keys import Answer, Question, questions
from secagg.policy.model import Match, PolicyRule
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
            said = question.ask(subject)
            if said is False:
                return False
            if said is None:
                answer = None
        if self.any is not None:
            said = _any(matcher.ask(subject) for matcher in self.any)
            if said is False:
                return False
            if said is None:
                answer = None
        if self.negated is not None:
            said = self.negated.ask(subject)
            if said is True:
                return False
            if said is None:
                answer = None
        return answer

    def keys(self) -> frozenset[str]:
        """The keys that are asked about, also under any and not."""
        inner = [*(self.any or ()), *([self.negated] if self.negated else [])]
        return frozenset(q.key for q in self.questions).union(*(m.keys() for m in inner))

    def unknown(self, subject: Subject) -> list[str]:
        """The keys whose answer is not known, each once, in their order."""
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
    """Every rule, in order."""
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
