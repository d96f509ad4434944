"""Judge each group by the first rule that matches it, and the whole by the worst of all."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from secagg.merge.groups import MergedSet
from secagg.model.finding import Kind
from secagg.policy import reasons
from secagg.policy.decision import (
    NO_FACTS,
    Action,
    Decision,
    Exceptions,
    ExceptionState,
    Facts,
    Judgement,
    NoExceptions,
    PolicyException,
    Verdict,
)
from secagg.policy.gaps import ToolOutcome, coverage
from secagg.policy.match import CompiledRule, compile_rules
from secagg.policy.model import Policy, PolicyRule
from secagg.policy.reasons import age_failures, age_notes, apply_ages
from secagg.policy.subject import Subject, counted_severity, known_tools


def apply_limits(rules: Sequence[PolicyRule], judgements: Sequence[Judgement]) -> dict[str, int]:
    """Settle what rules with a limit took: up to it a ``fail`` only warns, beyond it all fail.

    Returns the number found for each rule that is beyond its limit.
    """
    limits = {rule.name: rule for rule in rules if rule.limit is not None}
    taken: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.rule in limits and judgement.exception is None:
            taken[judgement.rule].append(judgement)
    beyond = {}
    for name, counted in taken.items():
        limit = limits[name].limit
        if limit is not None and len(counted) > limit:
            beyond[name] = len(counted)
            action = Action.FAIL
        elif limits[name].action is Action.FAIL:
            action = Action.WARN
        else:
            continue
        for judgement in counted:
            judgement.action = action
    return beyond


_RANK = {Action.FAIL: 2, Action.WARN: 1, Action.IGNORE: 0}


# Less strict than any rule.
_NOTHING_YET = (-1, False)


def judge(
    policy: Policy,
    merged: MergedSet,
    *,
    runs: Sequence[ToolOutcome],
    facts: Mapping[str, Facts] | None = None,
    exceptions: Exceptions | None = None,
    today: datetime.date | None = None,
    gaps_in_base: Set[str] = frozenset(),
    required: Sequence[Kind] = (),
    narrowed: bool = False,
) -> Decision:
    """Judge ``merged`` by ``policy``.

    ``facts`` are by the groups' identities; ``today`` is the day in UTC, by default this one.

    A tool run that failed and is not optional makes the verdict INCOMPLETE, as does a scan in
    which nothing completed: neither proves that nothing is there. ``gaps_in_base`` are the keys
    of gaps that the base of the change has too (:func:`secagg.policy.gaps.gap_key`). ``required``
    are kinds that somebody must have looked for, besides those of the policy. ``narrowed`` says
    that the scan was asked to look at a part: then no note calls an exception unused.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    facts_of = facts or {}
    rules, tools = compile_rules(policy.rules), known_tools(policy)
    chooser = _Chooser(rules)
    judgements = [
        chooser.take(
            Subject(
                group,
                counted_severity(policy, group, tools),
                facts_of.get(group.identity, NO_FACTS),
                today,
            )
        )
        for group in merged.groups
    ]
    excepted = exceptions or NoExceptions()
    unused = _apply_exceptions(excepted, judgements, today)
    beyond = apply_limits(policy.rules, judgements)
    apply_ages(policy, judgements, today)
    seen = coverage(
        runs,
        optional_tools=policy.optional_tools,
        exceptions=excepted,
        in_base=gaps_in_base,
        today=today,
        required=[*policy.require, *required],
    )
    incomplete = seen.sentences
    partial = excepted.partial()
    unused = [e for e in unused if e not in seen.used and e not in partial]
    failures = [
        *reasons.rule_failures(policy, judgements, beyond),
        *age_failures(policy, judgements, today),
        *reasons.lapsed_failures(judgements),
    ]
    verdict = Verdict.INCOMPLETE if incomplete else Verdict.FAIL if failures else Verdict.PASS
    return Decision(
        policy=policy.name,
        verdict=verdict,
        reasons=[*incomplete, *failures],
        judgements=judgements,
        gaps=incomplete,
        failures=failures,
        notes=[
            *seen.notes,
            *reasons.unknown_notes(judgements),
            *reasons.unknown_tool_notes(judgements, tools),
            *reasons.limit_notes(policy, judgements, beyond),
            *age_notes(policy, judgements, today),
            *reasons.lapsed_notes(judgements),
            *partial.values(),
            *reasons.unused_notes([] if narrowed else unused),
        ],
        lapsed=_each_once(e for j in judgements for e in j.lapsed),
        unused=unused,
        today=today,
        not_analysed=seen.not_analysed,
        accepted_gaps=frozenset(seen.accepted),
    )


class _Chooser:
    """Chooses rules for many subjects.

    Where all rules look at nothing but kind and severity, what was chosen for one subject is
    chosen for all that are alike in them.
    """

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = rules
        self._cacheable = all(compiled.matcher.keys() <= _CACHED_KEYS for compiled in rules)
        self._cache: dict[tuple[object, ...], tuple[CompiledRule, bool] | None] = {}

    def take(self, subject: Subject) -> Judgement:
        if not self._cacheable:
            return take(self._rules, subject)
        finding = subject.finding
        key = (finding.kind, subject.severity, finding.severity_known)
        if key not in self._cache:
            self._cache[key] = choose(self._rules, subject)
        return _judgement(self._cache[key], subject)


_CACHED_KEYS = frozenset({"kind", "severity", "severity_known"})


def take(rules: Sequence[CompiledRule], subject: Subject) -> Judgement:
    """Return the judgement of the rule that is chosen; of none, nothing is wanted."""
    return _judgement(choose(rules, subject), subject)


def _judgement(best: tuple[CompiledRule, bool] | None, subject: Subject) -> Judgement:
    judgement = Judgement(
        group=subject.group,
        action=Action.IGNORE,
        severity=subject.severity,
        facts=subject.facts,
    )
    if best is not None:
        compiled, unknown = best
        judgement.action = compiled.rule.action
        judgement.rule, judgement.why = compiled.rule.name, compiled.rule.why
        if unknown:
            judgement.unknown = tuple(compiled.matcher.unknown(subject))
    return judgement


def choose(rules: Sequence[CompiledRule], subject: Subject) -> tuple[CompiledRule, bool] | None:
    """Return the first rule that matches, and whether it is not known that it does.

    Where a rule's answer is not known both answers are tried, and the stricter holds: the
    rule's own action, or what the rules after it say.
    """
    best: tuple[CompiledRule, bool] | None = None
    strictest = _NOTHING_YET
    for compiled in rules:
        answer = compiled.matcher.ask(subject)
        # A rule that ignores must be sure of it.
        if answer is False or (answer is None and compiled.rule.action is Action.IGNORE):
            continue
        strictness = _strictness(compiled)
        if strictness > strictest:
            best, strictest = (compiled, answer is None), strictness
        if answer is True:
            break
    return best


def _strictness(compiled: CompiledRule) -> tuple[int, bool]:
    return _RANK[compiled.rule.action], compiled.rule.limit is None


def _apply_exceptions(
    exceptions: Exceptions, judgements: Sequence[Judgement], today: datetime.date
) -> list[PolicyException]:
    """Take out what an exception in force covers, note the lapsed; the unused are returned."""
    used: set[PolicyException] = set()
    for judgement in judgements:
        covering = exceptions.covering(judgement.group)
        if not covering:
            continue
        used.update(covering)
        standing = [(e, e.standing(today)) for e in covering]
        judgement.lapsed = tuple(e for e, s in standing if s is not ExceptionState.IN_FORCE)
        judgement.exception = next((e for e, s in standing if s is ExceptionState.IN_FORCE), None)
        if judgement.exception is not None:
            judgement.action = Action.IGNORE
    return [e for e in exceptions.all() if e not in used]


def _each_once(exceptions: Iterable[PolicyException]) -> list[PolicyException]:
    return list(dict.fromkeys(exceptions))
