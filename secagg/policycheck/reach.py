"""Whether a match can hold at all, and whether a rule can ever decide.

The rules are asked as :mod:`secagg.policy.match` asks them and chosen as
:mod:`secagg.policy.judge` chooses, only of sorts of findings instead of findings. Where there are
too many sorts to look at, a rule counts as reached.

A glob is a dimension of its own, with any answer that it can give: how globs overlap is not
looked into. Where two dimensions are taken for independent that are not, more is thought
possible than is, so what is found impossible is so.

Findings are taken to be what parsers make of reports: a sighting of a secret comes with findings
of that kind only, and so do advisories with vulnerabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from secagg.model.finding import Kind, Severity
from secagg.policy.decision import Cause
from secagg.policy.judge import choose
from secagg.policy.keys import BANDS, Answer, Question, questions
from secagg.policy.match import CompiledRule, Matcher
from secagg.policy.model import Baseline, Dependency, Match, Policy, PolicyScope
from secagg.policy.notation import ScoreRange
from secagg.policy.subject import Subject

# A secret of which no sighting is known at all.
_NOTHING = "nothing"


_FLAG = (True, False)


_OPEN = (True, False, None)


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something that findings differ in, and the values that matter."""

    name: Hashable
    values: tuple[Any, ...]


class Undecided(Exception):
    """An answer depends on a dimension that has no value yet."""

    def __init__(self, dimension: Dimension) -> None:
        super().__init__(dimension.name)
        self.dimension = dimension


class Sort:
    """A sort of findings: those with certain values in some dimensions."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[Hashable, Any]) -> None:
        self.values = values

    def __getitem__(self, dimension: Dimension) -> Any:
        """Raises :class:`Undecided` where it has no value in that dimension."""
        try:
            return self.values[dimension.name]
        except KeyError:
            raise Undecided(dimension) from None

    def split(self, dimension: Dimension) -> list[Sort]:
        """This sort, once for each value in ``dimension``."""
        return [Sort({**self.values, dimension.name: value}) for value in dimension.values]


Ask = Callable[[Sort], Answer]


KIND = Dimension("kind", tuple(Kind))


SEVERITY = Dimension("severity", tuple(Severity))


KNOWN = Dimension("severity_known", _FLAG)


_FIX = Dimension("fix_available", _FLAG)


_DIRECT = Dimension("dependency", (*Dependency, None))


_SCOPE = Dimension("scope", (*PolicyScope, "another", None))


_VERIFIED = Dimension("verified", (*_OPEN, _NOTHING))


_HISTORY = Dimension("in_history_only", (*_FLAG, _NOTHING))


_KEV = Dimension("in_kev", _OPEN)


_BASELINE = Dimension("baseline", (*Baseline, None))


_DIFF = Dimension("in_diff", _OPEN)


_CAUSE = Dimension("cause", (*Cause, None))


class Dimensions:
    """The dimensions of one policy: thresholds cut numbers into as many values as they need."""

    def __init__(self, policy: Policy) -> None:
        matches = list(_all(policy))
        scores = {m.score for m in matches if m.score is not None}
        edges = sorted({edge for score in scores for edge in (score.least, score.most)})
        between = [(a + b) / 2 for a, b in pairwise(edges)]
        self._score = Dimension("score", (None, -1.0, 11.0, *edges, *between))
        self._epss = _threshold("epss", {m.epss_at_least for m in matches})
        self._age = _threshold("age", {m.age_at_least for m in matches})

    def ask(self, key: str, wanted: Any) -> Ask:
        """Return the question of ``key``, answered of a sort of findings."""
        match key:
            case "kind":
                return lambda s: s[KIND] in wanted
            case "severity":
                return lambda s: s[SEVERITY] in wanted
            case "severity_known":
                return lambda s: s[KNOWN] is wanted
            case "score":
                return self._by_score(wanted)
            case "fix_available":
                return _if_kind(Kind.VULNERABILITY, lambda s: s[_FIX] is wanted)
            case "status":
                globs = sorted({glob.casefold() for glob in wanted})
                return _if_kind(Kind.VULNERABILITY, _value(Dimension((key, *globs), _OPEN)))
            case "dependency":
                return _if_kind(Kind.VULNERABILITY, _equal(_DIRECT, wanted))
            case "scope":
                return _if_kind(Kind.VULNERABILITY, _equal(_SCOPE, wanted))
            case "in_kev":
                return _if_kind(Kind.VULNERABILITY, _equal(_KEV, wanted))
            case "epss_at_least":
                return _if_kind(Kind.VULNERABILITY, _at_least(self._epss, wanted))
            case "verified":
                return _if_kind(Kind.SECRET, _equal(_VERIFIED, wanted))
            case "in_history_only":
                return _if_kind(Kind.SECRET, lambda s: s[_HISTORY] is wanted)
            case "age_at_least":
                return _at_least(self._age, wanted)
            case "baseline":
                return _equal(_BASELINE, wanted)
            case "in_diff":
                return _equal(_DIFF, wanted)
            case "cause":
                return _by_cause(wanted)
            case _:
                return _by_glob(key, wanted)

    def _by_score(self, wanted: ScoreRange) -> Ask:
        def ask(s: Sort) -> Answer:
            score = s[self._score]
            least, most = BANDS[s[SEVERITY]] if score is None else (score, score)
            return wanted.holds(least, most)

        return ask


def _by_glob(key: str, wanted: list[str]) -> Ask:
    if key == "path":
        return _value(Dimension((key, *wanted), _OPEN))
    globs = sorted({glob.casefold() for glob in wanted})
    if key in ("tool", "rule", "component") and any(glob and not glob.strip("*") for glob in globs):
        return lambda s: True
    if key in ("tool", "rule"):
        # The sources of one finding may differ, so the globs of a list do not answer one by one.
        return _value(Dimension((key, *globs), _OPEN))
    each = [Dimension((key, glob), _FLAG) for glob in globs]

    def any_of(s: Sort) -> Answer:
        return any(s[dimension] for dimension in each)

    return _if_kind(Kind.VULNERABILITY, any_of) if key == "advisory" else any_of


def _by_cause(wanted: list[Cause]) -> Ask:
    def ask(s: Sort) -> Answer:
        value = s[_CAUSE]
        return None if value is None else value in wanted

    return ask


def _value(dimension: Dimension) -> Ask:
    def ask(s: Sort) -> Answer:
        answer: Answer = s[dimension]
        return answer

    return ask


def _equal(dimension: Dimension, wanted: object) -> Ask:
    def ask(s: Sort) -> Answer:
        value = s[dimension]
        return None if value is None else value == wanted

    return ask


def _at_least(dimension: Dimension, wanted: float) -> Ask:
    def ask(s: Sort) -> Answer:
        value = s[dimension]
        return None if value is None else value >= wanted

    return ask


def _if_kind(kind: Kind, ask: Ask) -> Ask:
    return lambda s: ask(s) if s[KIND] is kind else False


def _threshold(name: str, wanted: set[Any]) -> Dimension:
    steps = sorted(value for value in wanted if value is not None)
    below = [-1] if steps and steps[0] > 0 else []
    return Dimension(name, (None, *below, *steps))


def _all(policy: Policy) -> list[Match]:
    matches = [rule.match for rule in policy.rules]
    for match in matches:
        matches += match.any or []
        matches += [] if match.not_ is None else [match.not_]
    return matches


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
        """Return whether the rule can be the one that decides, with ``earlier`` rules before it."""
        own = self._rules[number]
        rules = [*(self._rules[other] for other in earlier), own]

        def decides(sort: Sort) -> bool:
            if _ask(own.matcher, sort) is False:
                return False
            chosen = choose(rules, cast(Subject, sort))
            return chosen is not None and chosen[0] is own

        return self._found(decides)

    def stops(self, number: int, earlier: Sequence[int]) -> bool:
        """Return whether the rule may keep later ones from being asked, though it does not decide.

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
