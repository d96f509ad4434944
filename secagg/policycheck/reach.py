"""Tell whether a match can hold for any finding, and whether a rule can ever decide.

Rules are evaluated as in :mod:`secagg.policy.match` and chosen as in :mod:`secagg.policy.judge`,
for profiles of findings instead of findings. A rule counts as reachable where there are too many
profiles to try.

Each glob is a dimension of its own, with every answer that it can give: overlaps of globs are
ignored. Where dimensions depend on each other and are treated as independent, too much counts as
possible; so what is reported as impossible is impossible.

Findings are as parsers make them: only secrets have sightings, and only vulnerabilities have
advisories.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from secagg.model.finding import Kind, Severity
from secagg.policy.decision import Cause
from secagg.policy.judge import choose_rule
from secagg.policy.keys import BANDS, Answer, Question, questions
from secagg.policy.match import CompiledRule, Matcher
from secagg.policy.model import Baseline, Dependency, Match, Policy, PolicyScope, all_matches
from secagg.policy.notation import ScoreRange
from secagg.policy.subject import Subject

# The value of a secret without any sighting.
_NOTHING = "nothing"
_FLAG = (True, False)
_OPEN = (True, False, None)
# Profiles to try at most.
_MOST_PROFILES = 5_000
# Of more rules, those that are not needed to shadow another are not left out.
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Dimension:
    """A property of findings, and the values that make a difference to the rules."""

    name: Hashable
    values: tuple[Any, ...]


class MissingValue(Exception):
    """An answer depends on a dimension in which the profile has no value yet."""

    def __init__(self, dimension: Dimension) -> None:
        super().__init__(dimension.name)
        self.dimension = dimension


class Profile:
    """All findings that have certain values in some dimensions."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[Hashable, Any]) -> None:
        self.values = values

    def __getitem__(self, dimension: Dimension) -> Any:
        """Return the value in a dimension. Raises :class:`MissingValue` where there is none."""
        try:
            return self.values[dimension.name]
        except KeyError:
            raise MissingValue(dimension) from None

    def split(self, dimension: Dimension) -> list[Profile]:
        """Make a profile for each value in ``dimension``."""
        return [Profile({**self.values, dimension.name: value}) for value in dimension.values]


AskProfile = Callable[[Profile], Answer]
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
    """The dimensions of one policy; its thresholds divide numbers into the values to try."""

    def __init__(self, policy: Policy) -> None:
        matches = list(all_matches(policy))
        scores = {m.score for m in matches if m.score is not None}
        edges = sorted({edge for score in scores for edge in (score.least, score.most)})
        between = [(a + b) / 2 for a, b in pairwise(edges)]
        self._score = Dimension("score", (None, -1.0, 11.0, *edges, *between))
        self._epss = _threshold("epss", {m.epss_at_least for m in matches})
        self._age = _threshold("age", {m.age_at_least for m in matches})

    def ask(self, key: str, expected: Any) -> AskProfile:
        """Make the question of ``key`` with the value ``expected``, to be answered by profiles."""
        match key:
            case "kind":
                return lambda s: s[KIND] in expected
            case "severity":
                return lambda s: s[SEVERITY] in expected
            case "severity_known":
                return lambda s: s[KNOWN] is expected
            case "score":
                return self._by_score(expected)
            case "fix_available":
                return _if_kind(Kind.VULNERABILITY, lambda s: s[_FIX] is expected)
            case "status":
                globs = sorted({glob.casefold() for glob in expected})
                return _if_kind(Kind.VULNERABILITY, _value(Dimension((key, *globs), _OPEN)))
            case "dependency":
                return _if_kind(Kind.VULNERABILITY, _equal(_DIRECT, expected))
            case "scope":
                return _if_kind(Kind.VULNERABILITY, _equal(_SCOPE, expected))
            case "in_kev":
                return _if_kind(Kind.VULNERABILITY, _equal(_KEV, expected))
            case "epss_at_least":
                return _if_kind(Kind.VULNERABILITY, _at_least(self._epss, expected))
            case "verified":
                return _if_kind(Kind.SECRET, _equal(_VERIFIED, expected))
            case "in_history_only":
                return _if_kind(Kind.SECRET, lambda s: s[_HISTORY] is expected)
            case "age_at_least":
                return _at_least(self._age, expected)
            case "baseline":
                return _equal(_BASELINE, expected)
            case "in_diff":
                return _equal(_DIFF, expected)
            case "cause":
                return _by_cause(expected)
            case _:
                return _by_glob(key, expected)

    def _by_score(self, expected: ScoreRange) -> AskProfile:
        def ask(s: Profile) -> Answer:
            score = s[self._score]
            least, most = BANDS[s[SEVERITY]] if score is None else (score, score)
            return expected.holds(least, most)

        return ask


class RuleReach:
    """What the rules of one policy can do; rules are numbered from 0."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._dimensions = Dimensions(policy)
        self._rules = [CompiledRule(rule, self._matcher(rule.match)) for rule in policy.rules]

    def can_hold(self, match: Match, *, within: Match | None = None) -> bool:
        """Tell whether ``match`` holds, or may hold, for some finding.

        With ``within``, for some finding for which that holds or may hold too.
        """
        return self._may_hold([self._matcher(part) for part in (match, within) if part is not None])

    def decides(self, number: int, earlier: Sequence[int]) -> bool:
        """Tell whether the rule can decide on a finding, with ``earlier`` rules before it."""
        rule = self._rules[number]
        rules = [*(self._rules[other] for other in earlier), rule]

        def decides(profile: Profile) -> bool:
            if _ask(rule.matcher, profile) is False:
                return False
            choice = choose_rule(rules, cast(Subject, profile))
            return choice is not None and choice[0] is rule

        return self._exists(decides)

    def stops(self, number: int, earlier: Sequence[int]) -> bool:
        """Tell whether the rule can end the search for a rule, though it does not decide itself.

        It does where it certainly matches and none of the ``earlier`` rules does.
        """
        matcher = self._rules[number].matcher
        earlier_matchers = [self._rules[other].matcher for other in earlier]
        return number < len(self._rules) - 1 and self._exists(
            lambda profile: (
                _ask(matcher, profile) is True
                and all(_ask(other, profile) is not True for other in earlier_matchers)
            )
        )

    def shadow(self, number: int) -> Sequence[int] | None:
        """Return few earlier rules that leave this one without effect; None if it can have one.

        It is one rule if one suffices: further rules before it never give it an effect.
        """
        for other in range(number):
            if self._is_idle(number, [other]):
                return [other]
        earlier = range(number)
        if not self._is_idle(number, earlier):
            return None
        needed = [other for other in earlier if self._overlap(number, other)]
        if len(needed) > _MOST_NAMED:
            return earlier
        for other in tuple(needed):
            fewer = [rule for rule in needed if rule != other]
            if self._is_idle(number, fewer):
                needed = fewer
        return needed

    def _overlap(self, number: int, other: int) -> bool:
        """Whether two rules may match the same finding."""
        return self._may_hold([self._rules[number].matcher, self._rules[other].matcher])

    def _may_hold(self, matchers: Sequence[Matcher]) -> bool:
        """Whether all ``matchers`` hold, or may hold, for some finding."""
        return self._exists(lambda profile: all(_ask(m, profile) is not False for m in matchers))

    def _is_idle(self, number: int, earlier: Sequence[int]) -> bool:
        return not self.decides(number, earlier) and not self.stops(number, earlier)

    def _exists(self, condition: Callable[[Profile], bool]) -> bool:
        """Whether a profile fulfils ``condition``, or there are too many to tell."""
        pending = [Profile({})]
        for _ in range(_MOST_PROFILES):
            if not pending:
                return False
            profile = pending.pop()
            try:
                if condition(profile):
                    return True
            except MissingValue as missing:
                pending += self._possible(profile.split(missing.dimension))
        return True

    def _possible(self, profiles: Sequence[Profile]) -> Iterator[Profile]:
        """The profiles that can occur: the policy raises unknown severities."""
        # By default an unknown severity of linters counts as medium, all others as high.
        least = (self._policy.unknown_severity or Severity.MEDIUM).rank
        for profile in profiles:
            severity: Severity | None = profile.values.get(SEVERITY.name)
            unknown = profile.values.get(KNOWN.name) is False
            if not (unknown and severity is not None and severity.rank < least):
                yield profile

    def _matcher(self, match: Match) -> Matcher:
        return Matcher(
            questions=[self._question(q, getattr(match, q.key)) for q in questions(match)],
            any=None if match.any is None else [self._matcher(inner) for inner in match.any],
            negated=None if match.not_ is None else self._matcher(match.not_),
        )

    def _question(self, question: Question, expected: object) -> Question:
        ask = self._dimensions.ask(question.key, expected)
        # A matcher passes its subject on to the questions, so a profile can stand in for it.
        return Question(
            question.key,
            question.expected,
            lambda profile: ask(cast(Profile, profile)),
            question.actual,
        )


def _by_glob(key: str, expected: list[str]) -> AskProfile:
    if key == "path":
        return _value(Dimension((key, *expected), _OPEN))
    globs = sorted({glob.casefold() for glob in expected})
    if key in ("tool", "rule", "component") and any(glob and not glob.strip("*") for glob in globs):
        return lambda s: True
    if key in ("tool", "rule"):
        # The members of one group may differ, so the globs of a list are one dimension.
        return _value(Dimension((key, *globs), _OPEN))
    dimensions = [Dimension((key, glob), _FLAG) for glob in globs]

    def any_of(s: Profile) -> Answer:
        return any(s[dimension] for dimension in dimensions)

    return _if_kind(Kind.VULNERABILITY, any_of) if key == "advisory" else any_of


def _by_cause(expected: list[Cause]) -> AskProfile:
    def ask(s: Profile) -> Answer:
        value = s[_CAUSE]
        return None if value is None else value in expected

    return ask


def _value(dimension: Dimension) -> AskProfile:
    def ask(s: Profile) -> Answer:
        answer: Answer = s[dimension]
        return answer

    return ask


def _equal(dimension: Dimension, expected: object) -> AskProfile:
    def ask(s: Profile) -> Answer:
        value = s[dimension]
        return None if value is None else value == expected

    return ask


def _at_least(dimension: Dimension, expected: float) -> AskProfile:
    def ask(s: Profile) -> Answer:
        value = s[dimension]
        return None if value is None else value >= expected

    return ask


def _if_kind(kind: Kind, ask: AskProfile) -> AskProfile:
    return lambda s: ask(s) if s[KIND] is kind else False


def _threshold(name: str, expected: set[Any]) -> Dimension:
    steps = sorted(value for value in expected if value is not None)
    below = [-1] if steps and steps[0] > 0 else []
    return Dimension(name, (None, *below, *steps))


def _ask(matcher: Matcher, profile: Profile) -> bool | None:
    return matcher.ask(cast(Subject, profile))
