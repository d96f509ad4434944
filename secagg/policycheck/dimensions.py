"""What rules look at, as dimensions with few values: enough to tell every rule's answers apart.

A glob is a dimension of its own, with any answer that it can give: how globs overlap is not
looked into. Where two dimensions are taken for independent that are not, more is thought
possible than is, so what is found impossible is so.

Findings are taken to be what parsers make of reports: a sighting of a secret comes with findings
of that kind only, and so do advisories with vulnerabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from secagg.model.finding import Kind, Severity
from secagg.policy.facts import Cause
from secagg.policy.keys import BANDS, Answer
from secagg.policy.model import Baseline, Dependency, Match, Policy, PolicyScope
from secagg.policy.notation import ScoreRange

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
        """The question of ``key``, answered of a sort of findings."""
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
    found = [rule.match for rule in policy.rules]
    for match in found:
        found += match.any or []
        found += [] if match.not_ is None else [match.not_]
    return found
