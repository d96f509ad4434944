"""Whether a match can hold at all, and whether a rule can ever be the one that decides.

The rules are asked as :mod:`secagg.policy.match` asks them and chosen as
:mod:`secagg.policy.judge` chooses, only of sorts of findings instead of findings. Where there are
too many sorts to look at, a rule counts as reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

from secagg.model.finding import Severity
from secagg.policy.judge import choose
from secagg.policy.keys import Question, questions
from secagg.policy.match import CompiledRule, Matcher
from secagg.policy.model import Match, Policy
from secagg.policy.subject import Subject
from secagg.policycheck.dimensions import KNOWN, SEVERITY, Dimensions, Sort, Undecided

_MOST = 5_000
# Of more rules it is not looked into which of them are needed.
_NAMED = 8


class Reach:
    """Answers for the rules of one policy, which are numbered from 0."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._dimensions = Dimensions(policy)
        self._rules = [CompiledRule(rule, self._matcher(rule.match)) for rule in policy.rules]

    def can_hold(self, match: Match, *, within: Match | None = None) -> bool:
        """Whether there are findings of which ``match`` holds, or may hold for all one knows.

        With ``within``, among those of which that holds as well.
        """
        return self._may_hold([self._matcher(part) for part in (match, within) if part is not None])

    def decides(self, number: int, earlier: Sequence[int]) -> bool:
        """Whether the rule can be the one that decides, with ``earlier`` rules before it."""
        own = self._rules[number]
        rules = [*(self._rules[other] for other in earlier), own]

        def decides(sort: Sort) -> bool:
            if _ask(own.matcher, sort) is False:
                return False
            chosen = choose(rules, cast(Subject, sort))
            return chosen is not None and chosen[0] is own

        return self._found(decides)

    def stops(self, number: int, earlier: Sequence[int]) -> bool:
        """Whether the rule may keep later ones from being asked, though it does not decide.

        It does where it certainly matches, and none of the ``earlier`` rules has.
        """
        own = self._rules[number].matcher
        before = [self._rules[other].matcher for other in earlier]
        return number < len(self._rules) - 1 and self._found(
            lambda sort: _ask(own, sort) is True and all(_ask(m, sort) is not True for m in before)
        )

    def shadow(self, number: int) -> Sequence[int] | None:
        """Earlier rules for which this one does nothing at all; None if it may do something.

        They are few: one if one is enough. More rules before it never let it do more.
        """
        for other in range(number):
            if self._is_idle(number, [other]):
                return [other]
        everything = range(number)
        if not self._is_idle(number, everything):
            return None
        needed = [other for other in everything if self._meet(number, other)]
        if len(needed) > _NAMED:
            return everything
        for other in tuple(needed):
            fewer = [kept for kept in needed if kept != other]
            if self._is_idle(number, fewer):
                needed = fewer
        return needed

    def _meet(self, number: int, other: int) -> bool:
        """Whether two rules may match the same."""
        return self._may_hold([self._rules[number].matcher, self._rules[other].matcher])

    def _may_hold(self, matchers: Sequence[Matcher]) -> bool:
        """Whether there are findings of which none of ``matchers`` is known not to hold."""
        return self._found(lambda sort: all(_ask(m, sort) is not False for m in matchers))

    def _is_idle(self, number: int, earlier: Sequence[int]) -> bool:
        return not self.decides(number, earlier) and not self.stops(number, earlier)

    def _found(self, wanted: Callable[[Sort], bool]) -> bool:
        """Whether a sort is ``wanted``, or too many would have to be looked at to tell."""
        waiting = [Sort({})]
        for _ in range(_MOST):
            if not waiting:
                return False
            sort = waiting.pop()
            try:
                if wanted(sort):
                    return True
            except Undecided as open_:
                waiting += self._possible(sort.split(open_.dimension))
        return True

    def _possible(self, sorts: Sequence[Sort]) -> Iterator[Sort]:
        """Those that there can be: what is of unknown severity counts as the policy says."""
        # Without its word a linter's unknown severity counts as medium.
        least = (self._policy.unknown_severity or Severity.MEDIUM).rank
        for sort in sorts:
            severity: Severity | None = sort.values.get(SEVERITY.name)
            unknown = sort.values.get(KNOWN.name) is False
            if not (unknown and severity is not None and severity.rank < least):
                yield sort

    def _matcher(self, match: Match) -> Matcher:
        return Matcher(
            questions=[self._question(q, getattr(match, q.key)) for q in questions(match)],
            any=None if match.any is None else [self._matcher(inner) for inner in match.any],
            negated=None if match.not_ is None else self._matcher(match.not_),
        )

    def _question(self, question: Question, wanted: object) -> Question:
        ask = self._dimensions.ask(question.key, wanted)
        # A matcher hands on what it is asked about and does not look into it.
        return Question(
            question.key, question.wanted, lambda sort: ask(cast(Sort, sort)), question.actual
        )


def _ask(matcher: Matcher, sort: Sort) -> bool | None:
    return matcher.ask(cast(Subject, sort))
