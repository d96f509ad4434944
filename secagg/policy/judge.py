"""Judge each group by the first rule that matches it, and the scan by the worst judgement."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from secagg.merge.groups import MergedSet
from secagg.model.finding import Kind
from secagg.policy import reasons
from secagg.policy.approval import needed_approvals, unless_rewritten, with_approval
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
from secagg.policy.gaps import ToolOutcome, assess_coverage
from secagg.policy.match import CompiledRule, compile_rules
from secagg.policy.model import Policy, PolicyRule
from secagg.policy.reasons import age_failures, age_notes, apply_ages
from secagg.policy.subject import Subject, counted_severity, known_tools
from secagg.system.dates import utc_today

_RANK = {Action.FAIL: 2, Action.WARN: 1, Action.IGNORE: 0}
# Less strict than any rule.
_LEAST_STRICT = (-1, False)
# Keys with few values: judgements that depend on these alone are cached.
_CACHED_KEYS = frozenset({"kind", "severity", "severity_known"})


def apply_limits(rules: Sequence[PolicyRule], judgements: Sequence[Judgement]) -> dict[str, int]:
    """Set the actions for rules with a limit: up to it ``fail`` only warns, beyond it all fail.

    Returns the number of findings of each rule that is over its limit.
    """
    limited = {rule.name: rule for rule in rules if rule.limit is not None}
    by_rule: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.rule in limited and judgement.exception is None:
            by_rule[judgement.rule].append(judgement)
    over_limit = {}
    for name, rule_judgements in by_rule.items():
        limit = limited[name].limit
        if limit is not None and len(rule_judgements) > limit:
            over_limit[name] = len(rule_judgements)
            action = Action.FAIL
        elif limited[name].action is Action.FAIL:
            action = Action.WARN
        else:
            continue
        for judgement in rule_judgements:
            judgement.action = action
    return over_limit


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

    ``facts`` go by the groups' identities; ``today`` is a day in UTC, by default the current one.

    A failed tool run that is not optional makes the verdict INCOMPLETE, as does a scan in which
    no tool completed: neither proves that nothing is there. ``gaps_in_base`` are the keys of gaps
    that the base of the change has too (:func:`secagg.policy.gaps.gap_key`). ``required`` are
    kinds that a tool must have looked for, besides those of the policy. ``narrowed`` says that
    only a part was to be scanned: then no note calls an exception unused.
    """
    today = today or utc_today()
    facts = facts or {}
    exceptions = exceptions or NoExceptions()
    tools = known_tools(policy)
    rule_judge = _RuleJudge(compile_rules(policy.rules))
    judgements = [
        rule_judge.judge(
            Subject(
                group,
                counted_severity(policy, group, tools),
                facts.get(group.identity, NO_FACTS),
                today,
            )
        )
        for group in merged.groups
    ]
    unused = _apply_exceptions(policy, exceptions, judgements, today)
    over_limit = apply_limits(policy.rules, judgements)
    apply_ages(policy, judgements, today)
    coverage = assess_coverage(
        runs,
        optional_tools=policy.optional_tools,
        exceptions=exceptions,
        in_base=gaps_in_base,
        today=today,
        required=[*policy.require, *required],
    )
    gaps = coverage.sentences
    partial = exceptions.partial()
    unused = [e for e in unused if e not in coverage.used and e not in partial]
    failures = [
        *reasons.rule_failures(policy, judgements, over_limit),
        *age_failures(policy, judgements, today),
        *reasons.lapsed_failures(judgements),
    ]
    verdict = Verdict.INCOMPLETE if gaps else Verdict.FAIL if failures else Verdict.PASS
    return Decision(
        policy=policy.name,
        verdict=verdict,
        reasons=[*gaps, *failures],
        judgements=judgements,
        gaps=gaps,
        failures=failures,
        notes=[
            *coverage.notes,
            *reasons.unknown_notes(judgements),
            *reasons.unknown_tool_notes(judgements, tools),
            *reasons.limit_notes(policy, judgements, over_limit),
            *age_notes(policy, judgements, today),
            *reasons.lapsed_notes(judgements),
            *partial.values(),
            *reasons.unused_notes([] if narrowed else unused),
        ],
        lapsed=list(dict.fromkeys(e for j in judgements for e in j.lapsed)),
        unused=unused,
        today=today,
        not_analysed=coverage.not_analysed,
        accepted_gaps=frozenset(coverage.accepted),
    )


class _RuleJudge:
    """Judge many subjects by the same rules.

    Where the rules look at kind and severity alone, subjects that share both share a rule.
    """

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = rules
        self._cacheable = all(compiled.matcher.keys() <= _CACHED_KEYS for compiled in rules)
        self._cache: dict[tuple[object, ...], tuple[CompiledRule, bool] | None] = {}

    def judge(self, subject: Subject) -> Judgement:
        if not self._cacheable:
            return judge_by_rules(self._rules, subject)
        finding = subject.finding
        key = (finding.kind, subject.severity, finding.severity_known)
        if key not in self._cache:
            self._cache[key] = choose_rule(self._rules, subject)
        return _judgement(self._cache[key], subject)


def judge_by_rules(rules: Sequence[CompiledRule], subject: Subject) -> Judgement:
    """Judge ``subject`` by the rule that decides; without one, ignore it."""
    return _judgement(choose_rule(rules, subject), subject)


def choose_rule(
    rules: Sequence[CompiledRule], subject: Subject
) -> tuple[CompiledRule, bool] | None:
    """Return the rule that decides, and whether it is unknown that it matches.

    The first rule that matches decides. Where a rule's answer is not known, the stricter of its
    own action and of what the later rules come to counts.
    """
    best: tuple[CompiledRule, bool] | None = None
    strictest = _LEAST_STRICT
    for compiled in rules:
        answer = compiled.matcher.ask(subject)
        # A rule must not ignore on an answer that is not known.
        if answer is False or (answer is None and compiled.rule.action is Action.IGNORE):
            continue
        strictness = _strictness(compiled)
        if strictness > strictest:
            best, strictest = (compiled, answer is None), strictness
        if answer is True:
            break
    return best


def _judgement(choice: tuple[CompiledRule, bool] | None, subject: Subject) -> Judgement:
    judgement = Judgement(
        group=subject.group,
        action=Action.IGNORE,
        severity=subject.severity,
        facts=subject.facts,
    )
    if choice is not None:
        compiled, unknown = choice
        judgement.action = compiled.rule.action
        judgement.rule, judgement.why = compiled.rule.name, compiled.rule.why
        if unknown:
            judgement.unknown = tuple(compiled.matcher.unknown(subject))
    return judgement


def _strictness(compiled: CompiledRule) -> tuple[int, bool]:
    return _RANK[compiled.rule.action], compiled.rule.limit is None


def _apply_exceptions(
    policy: Policy, exceptions: Exceptions, judgements: Sequence[Judgement], today: datetime.date
) -> list[PolicyException]:
    """Ignore what an exception in force covers, and record the lapsed; return the unused.

    Of those in force, one counts only if enough people have signed it, and not for another secret
    that the change writes on the line that it names.
    """
    used: set[PolicyException] = set()
    for judgement in judgements:
        needed = needed_approvals(policy, judgement.severity)
        judgement.approvals_needed = needed
        covering = exceptions.covering(judgement.group)
        if not covering:
            continue
        used.update(covering)
        covering = [unless_rewritten(e, judgement.facts) for e in covering]
        if needed > 1:
            covering = [
                with_approval(e, judgement.severity, needed)
                if e.settles and e.standing(today) is ExceptionState.IN_FORCE
                else e
                for e in covering
            ]
        in_force = [e for e in covering if e.standing(today) is ExceptionState.IN_FORCE]
        judgement.lapsed = tuple(e for e in covering if e not in in_force)
        judgement.exception = in_force[0] if in_force else None
        if judgement.exception is not None:
            judgement.action = Action.IGNORE
    return [e for e in exceptions.all() if e.settles and e not in used]
