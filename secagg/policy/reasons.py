"""A decision in sentences: one for each cause, with counts and the worst by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from heapq import nsmallest

from secagg.policy.ages import RULE as AGE_RULE
from secagg.policy.decision import Action, Judgement
from secagg.policy.exception import PolicyException
from secagg.policy.model import Policy
from secagg.policy.sentences import NAMED, badness, counted, listed, plural, worst_judgements

_FACTS = {
    "baseline": "whether they are new",
    "in_diff": "whether the change touches them",
    "cause": "whether the change brings them",
    "status": "what the vendor does about them",
    "age_at_least": "when they were first seen",
    "epss_at_least": "their EPSS probability",
    "in_kev": "whether they are in the KEV list",
    "verified": "whether the secrets are live",
    "dependency": "whether the dependencies are direct",
    "scope": "what the dependencies are needed for",
    "score": "their exact score",
}
# How a user gets to know it.
_REMEDIES = {
    "baseline": "compare with --baseline",
    "in_diff": "name the change with --diff",
    "cause": "compare with --baseline",
    "age_at_least": "judge with a history of earlier scans",
    "epss_at_least": "run secagg intel update",
    "in_kev": "run secagg intel update",
}
_LISTED = 5


def rule_failures(
    policy: Policy, judgements: Sequence[Judgement], beyond: Mapping[str, int]
) -> list[str]:
    """A sentence for each rule that failed something, the one with the worst finding first."""
    failing: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.action is Action.FAIL and judgement.rule not in (None, AGE_RULE):
            failing[str(judgement.rule)].append(judgement)
    rules = {rule.name: rule for rule in policy.rules}
    sentences = []
    worst_of = {name: nsmallest(NAMED, found, key=badness) for name, found in failing.items()}
    for name, worst in sorted(worst_of.items(), key=lambda item: badness(item[1][0])):
        found = failing[name]
        if name in beyond:
            head = f"{beyond[name]:,} found by rule {name}, at most {rules[name].limit:,} allowed"
        else:
            head = f"{counted(len(found), 'finding')} by rule {name}"
        why = rules[name].why
        named = f"Worst: {listed(worst, of=len(found))}."
        sentences.append(f"{head}: {why} {named}" if why else f"{head}. {named}")
    return sentences


def limit_notes(
    policy: Policy, judgements: Sequence[Judgement], beyond: Mapping[str, int]
) -> list[str]:
    """A sentence for each limit that holds and is in use."""
    sentences = []
    for rule in policy.rules:
        if rule.limit is None or rule.name in beyond:
            continue
        found = sum(1 for j in judgements if j.rule == rule.name and j.exception is None)
        if found:
            sentences.append(f"{found:,} found by rule {rule.name}, {rule.limit:,} allowed.")
    return sentences


def lapsed_failures(judgements: Iterable[Judgement]) -> list[str]:
    """A sentence for each exception that no longer keeps a failing finding out."""
    return [
        f"{_lapsed(exception)}; what it covered fails again: {listed(found)}."
        for exception, found in _by_exception(judgements, failing=True).items()
    ]


def lapsed_notes(judgements: Iterable[Judgement]) -> list[str]:
    """A sentence for each lapsed exception that only covers what does not fail."""
    taken = list(judgements)
    failing = _by_exception(taken, failing=True)
    return [
        f"{_lapsed(exception)}; what it covers does not fail the gate: {listed(found)}."
        for exception, found in _by_exception(taken, failing=False).items()
        if exception not in failing
    ]


def _by_exception(
    judgements: Iterable[Judgement], *, failing: bool
) -> dict[PolicyException, list[Judgement]]:
    found: defaultdict[PolicyException, list[Judgement]] = defaultdict(list)
    for judgement in worst_judgements(j for j in judgements if j.lapsed and j.exception is None):
        if (judgement.action is Action.FAIL) is failing:
            for exception in judgement.lapsed:
                found[exception].append(judgement)
    return dict(found)


def _lapsed(exception: PolicyException) -> str:
    what = f"the exception for {exception.target} ({exception.source})"
    if exception.refusal is not None:
        return f"{what} is refused: {exception.refusal.rstrip('.')}"
    return f"{what} expired on {exception.expires}"


def unused_notes(unused: Sequence[PolicyException]) -> list[str]:
    """One sentence on the exceptions that cover nothing."""
    if not unused:
        return []
    shown = ", ".join(f"{e.target} ({e.source})" for e in unused[:_LISTED])
    rest = len(unused) - _LISTED
    more = f" and {rest:,} more" if rest > 0 else ""
    cover = plural(len(unused), "covers", "cover")
    return [f"{counted(len(unused), 'exception')} {cover} nothing any more: {shown}{more}."]


def unknown_notes(judgements: Iterable[Judgement]) -> list[str]:
    """A sentence for each rule that took findings because a fact about them is not known."""
    found: defaultdict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    for judgement in judgements:
        if judgement.unknown and judgement.rule is not None and judgement.exception is None:
            found[judgement.rule, tuple(judgement.unknown)] += 1
    return [
        f"rule {rule} took {counted(number, 'finding')} of which it is not known "
        f"{' and '.join(_FACTS.get(key, f'what {key} is for all sources') for key in keys)}: "
        f"what is not known counts as the stricter answer{_remedy(keys)}."
        for (rule, keys), number in found.items()
    ]


def _remedy(keys: Iterable[str]) -> str:
    found = dict.fromkeys(_REMEDIES[key] for key in keys if key in _REMEDIES)
    return f" ({', '.join(found)})" if found else ""


def unknown_tool_notes(judgements: Iterable[Judgement], known: Set[str]) -> list[str]:
    """One sentence on the findings that count for more because no known tool reports them."""
    raised = [
        j
        for j in judgements
        if j.severity is not j.group.severity and not known & set(j.group.tools)
    ]
    if not raised:
        return []
    tools = ", ".join(sorted({tool for j in raised for tool in j.group.tools}))
    counts = plural(len(raised), "counts", "count")
    because = "because the policy does not know the tool: name it under known_tools"
    said = (
        f"{counted(len(raised), 'finding')} of {tools} {counts} as worse than reported, {because}"
    )
    return [f"{said} to take its word."]
