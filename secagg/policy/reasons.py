"""The sentences of a decision: why it fails, what to note, and the maximum ages."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from heapq import nsmallest

from secagg.merge.groups import Group
from secagg.policy.decision import Action, Judgement, PolicyException
from secagg.policy.model import Policy
from secagg.policy.subject import utc_day
from secagg.system.dates import due_text

AGE_RULE = "max_age"
# Findings that a sentence names; the table has them all.
NAMED = 3
# Exceptions that a sentence names.
_NAMED_EXCEPTIONS = 5
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
# How a user supplies a fact that is missing.
_REMEDIES = {
    "baseline": "compare with --baseline",
    "in_diff": "name the change with --diff",
    "cause": "compare with --baseline",
    "age_at_least": "judge with a history of earlier scans",
    "epss_at_least": "run secagg intel update",
    "in_kev": "run secagg intel update",
}


def quantity(number: int, noun: str) -> str:
    """Return a number and its noun: ``1 problem``, ``2,000 problems``."""
    return f"{number:,} {noun}{plural(number, '', 's')}"


def plural(number: int, one: str, many: str) -> str:
    """Return ``one`` where ``number`` is 1, else ``many``."""
    return one if number == 1 else many


def name_first(
    judgements: Sequence[Judgement],
    *,
    total: int | None = None,
    detail: Callable[[Judgement], str] | None = None,
) -> str:
    """Name the first few findings, and say how many more there are.

    ``total`` counts them all where ``judgements`` are only the first; ``detail`` gives words to
    add to each.
    """
    shown = [
        short_title(j.group) if detail is None else f"{short_title(j.group)}, {detail(j)}"
        for j in judgements[:NAMED]
    ]
    rest = (len(judgements) if total is None else total) - len(shown)
    separator = ", " if detail is None else "; "
    return separator.join(shown) + (f" and {rest:,} more" if rest else "")


def sort_worst_first(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Sort ``judgements`` by severity, worst first, then by place."""
    return sorted(judgements, key=worst_first_key)


def worst_first_key(judgement: Judgement) -> tuple[int, float, str, int, str]:
    """Return the sort key that puts the worst first, then goes by place."""
    finding = judgement.group.representative
    location = finding.location
    return (
        -judgement.severity.rank,
        -(finding.score or 0.0),
        location.uri or "",
        location.start_line or 0,
        judgement.group.identity,
    )


def short_title(group: Group) -> str:
    """Name a group in a few words: rule, package, place."""
    finding = group.representative
    package, location = finding.package, finding.location
    title = finding.rule_id
    if package is not None:
        title += f" in {package.name} {package.version or ''}".rstrip()
    place = location.uri or location.image or location.logical
    line = f":{location.start_line}" if location.uri and location.start_line else ""
    return f"{title} ({place}{line})" if place else title


def apply_ages(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> None:
    """Set ``due`` where a maximum age applies, and fail what is overdue (from the next day on).

    No maximum age applies to what a rule ignores by name or an exception in force covers. A
    finding counts as overdue where nobody knows when it was first seen.
    """
    if not policy.max_age:
        return
    for judgement in judgements:
        max_days = policy.max_age.get(judgement.severity)
        exempt = judgement.action is Action.IGNORE and judgement.rule is not None
        if max_days is None or exempt or judgement.exception is not None:
            continue
        first_seen = judgement.facts.first_seen
        if first_seen is not None:
            judgement.due = utc_day(first_seen) + datetime.timedelta(days=max_days)
        if judgement.due is not None and today <= judgement.due:
            continue
        judgement.overdue = True
        if judgement.action is not Action.FAIL:
            judgement.action, judgement.rule = Action.FAIL, AGE_RULE
            judgement.why = _why_overdue(judgement, max_days)


def age_failures(
    policy: Policy, judgements: Sequence[Judgement], today: datetime.date
) -> list[str]:
    """Return a sentence for each severity with overdue findings, and with undated ones."""
    sentences = []
    for severity in policy.max_age:
        max_days = quantity(policy.max_age[severity], "day")
        overdue = [j for j in judgements if j.overdue and j.severity is severity]
        late = sorted((j for j in overdue if j.due is not None), key=_due)
        if late:
            examples = name_first(late, detail=lambda j: _late(_due(j), today))
            sentences.append(
                f"{quantity(len(late), f'{severity} problem')} "
                f"{plural(len(late), 'is', 'are')} overdue: {severity} problems are to be fixed "
                f"within {max_days} of being first seen. Longest overdue: {examples}."
            )
        undated = sort_worst_first(j for j in overdue if j.due is None)
        if undated:
            sentences.append(
                f"nobody knows when {quantity(len(undated), f'{severity} problem')} "
                f"{plural(len(undated), 'was', 'were')} first seen, so "
                f"{plural(len(undated), 'it counts', 'they count')} as overdue ({max_days} "
                f"allowed): judge with a history of earlier scans. Worst: {name_first(undated)}."
            )
    return sentences


def age_notes(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> list[str]:
    """Return at most one sentence: what will be overdue soon."""
    last_day = today + datetime.timedelta(days=policy.due_soon)
    soon = sorted(
        (j for j in judgements if j.due is not None and today <= j.due <= last_day), key=_due
    )
    if not soon:
        return []
    named = name_first(soon, detail=lambda j: _when(_due(j), today))
    number = quantity(len(soon), "problem")
    return [f"{number} {plural(len(soon), 'is', 'are')} due soon: {named}."]


def rule_failures(
    policy: Policy, judgements: Sequence[Judgement], over_limit: Mapping[str, int]
) -> list[str]:
    """Return a sentence for each rule that failed findings, the one with the worst finding first.

    ``over_limit`` has the number of findings of each rule that is over its limit.
    """
    failing: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.action is Action.FAIL and judgement.rule not in (None, AGE_RULE):
            failing[str(judgement.rule)].append(judgement)
    rules = {rule.name: rule for rule in policy.rules}
    sentences = []
    worst_of = {
        name: nsmallest(NAMED, judged, key=worst_first_key) for name, judged in failing.items()
    }
    for name, worst in sorted(worst_of.items(), key=lambda item: worst_first_key(item[1][0])):
        judged = failing[name]
        if name in over_limit:
            head = (
                f"{over_limit[name]:,} found by rule {name}, at most {rules[name].limit:,} allowed"
            )
        else:
            head = f"{quantity(len(judged), 'problem')} by rule {name}"
        why = rules[name].why
        named = f"Worst: {name_first(worst, total=len(judged))}."
        sentences.append(f"{head}: {why} {named}" if why else f"{head}. {named}")
    return sentences


def limit_notes(
    policy: Policy, judgements: Sequence[Judgement], over_limit: Mapping[str, int]
) -> list[str]:
    """Return a sentence for each limit that findings use up and do not exceed."""
    sentences = []
    for rule in policy.rules:
        if rule.limit is None or rule.name in over_limit:
            continue
        count = sum(1 for j in judgements if j.rule == rule.name and j.exception is None)
        if count:
            sentences.append(f"{count:,} found by rule {rule.name}, {rule.limit:,} allowed.")
    return sentences


def lapsed_failures(judgements: Iterable[Judgement]) -> list[str]:
    """Return a sentence for each lapsed exception whose findings fail again."""
    return [
        f"{_lapsed(exception)}; what it "
        f"{'covers fails until then' if exception.unapproved else 'covered fails again'}: "
        f"{name_first(covered)}."
        for exception, covered in _by_exception(judgements, failing=True).items()
    ]


def lapsed_notes(judgements: Iterable[Judgement]) -> list[str]:
    """Return a sentence for each lapsed exception whose findings do not fail."""
    judgements = list(judgements)
    failing = _by_exception(judgements, failing=True)
    return [
        f"{_lapsed(exception)}; what it covers does not fail the gate: {name_first(covered)}."
        for exception, covered in _by_exception(judgements, failing=False).items()
        if exception not in failing
    ]


def unused_notes(unused: Sequence[PolicyException]) -> list[str]:
    """Return at most one sentence: which decisions cover nothing."""
    if not unused:
        return []
    shown = ", ".join(f"{e.target} ({e.source})" for e in unused[:_NAMED_EXCEPTIONS])
    rest = len(unused) - _NAMED_EXCEPTIONS
    more = f" and {rest:,} more" if rest > 0 else ""
    cover = plural(len(unused), "covers", "cover")
    return [f"{quantity(len(unused), 'decision')} {cover} nothing any more: {shown}{more}."]


def unknown_notes(judgements: Iterable[Judgement]) -> list[str]:
    """Return a sentence for each rule that took findings for want of a fact about them."""
    counts: defaultdict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    for judgement in judgements:
        if judgement.unknown and judgement.rule is not None and judgement.exception is None:
            counts[judgement.rule, tuple(judgement.unknown)] += 1
    return [
        f"rule {rule} took {quantity(number, 'problem')} of which it is not known "
        f"{' and '.join(_FACTS.get(key, f'what {key} is for all sources') for key in keys)}: "
        f"what is not known counts as the stricter answer{_remedy(keys)}."
        for (rule, keys), number in counts.items()
    ]


def unknown_tool_notes(judgements: Iterable[Judgement], known: Set[str]) -> list[str]:
    """Return at most one sentence: which findings count as worse, as no known tool reports them."""
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
    sentence = (
        f"{quantity(len(raised), 'problem')} of {tools} {counts} as worse than reported, {because}"
    )
    return [f"{sentence} to take its word."]


def _why_overdue(judgement: Judgement, max_days: int) -> str:
    """Say why it fails without the days that it is late: they would change it every day."""
    rule = f"{judgement.severity} problems are to be fixed within {quantity(max_days, 'day')}"
    if judgement.due is None:
        return f"{rule} of being first seen, and nobody knows when this one was."
    return f"{rule} of being first seen; this one was due {judgement.due}."


def _due(judgement: Judgement) -> datetime.date:
    assert judgement.due is not None
    return judgement.due


def _late(due: datetime.date, today: datetime.date) -> str:
    return f"{due_text((due - today).days)}, due {due}"


def _when(due: datetime.date, today: datetime.date) -> str:
    text = due_text((due - today).days)
    return text if due == today else f"{text}, on {due}"


def _by_exception(
    judgements: Iterable[Judgement], *, failing: bool
) -> dict[PolicyException, list[Judgement]]:
    by_exception: defaultdict[PolicyException, list[Judgement]] = defaultdict(list)
    for judgement in sort_worst_first(j for j in judgements if j.lapsed and j.exception is None):
        if (judgement.action is Action.FAIL) is failing:
            for exception in judgement.lapsed:
                by_exception[exception].append(judgement)
    return dict(by_exception)


def _lapsed(exception: PolicyException) -> str:
    title = f"the exception for {exception.target} ({exception.source})"
    if exception.on_one:
        title = f"{exception.state.value} by {exception.source}"
    if exception.unapproved:
        return f"{title} {exception.refusal}"
    if exception.refusal is not None:
        return f"{title} is refused: {exception.refusal.rstrip('.')}"
    return f"{title} expired on {exception.expires}"


def _remedy(keys: Iterable[str]) -> str:
    remedies = dict.fromkeys(_REMEDIES[key] for key in keys if key in _REMEDIES)
    return f" ({', '.join(remedies)})" if remedies else ""
