"""The sentences of a decision: causes, counts, maximum ages."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from heapq import nsmallest

from secagg.merge.groups import Group
from secagg.policy.decision import Action, Judgement, PolicyException
from secagg.policy.model import Policy
from secagg.policy.subject import utc_day

# So many findings are named in a sentence; the table has them all.
NAMED = 3


def counted(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number:,} {noun}{plural(number, '', 's')}"


def plural(number: int, one: str, many: str) -> str:
    """Return the word for one, or the word for any other number."""
    return one if number == 1 else many


def listed(
    judgements: Sequence[Judgement],
    *,
    of: int | None = None,
    also: Callable[[Judgement], str] | None = None,
) -> str:
    """The first few by name, and how many more (of as many as ``of``); ``also`` adds words."""
    shown = [
        short_title(j.group) if also is None else f"{short_title(j.group)}, {also(j)}"
        for j in judgements[:NAMED]
    ]
    rest = (len(judgements) if of is None else of) - len(shown)
    joint = ", " if also is None else "; "
    return joint.join(shown) + (f" and {rest:,} more" if rest else "")


def worst_judgements(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Worst first, then by place."""
    return sorted(judgements, key=badness)


def badness(judgement: Judgement) -> tuple[int, float, str, int, str]:
    """Return what to sort by for worst first, then by place."""
    finding = judgement.group.representative
    place = finding.location
    return (
        -judgement.severity.rank,
        -(finding.score or 0.0),
        place.uri or "",
        place.start_line or 0,
        judgement.group.identity,
    )


def short_title(group: Group) -> str:
    """Return a finding in a few words: rule, package, place."""
    finding = group.representative
    package, place = finding.package, finding.location
    what = finding.rule_id
    if package is not None:
        what += f" in {package.name} {package.version or ''}".rstrip()
    where = place.uri or place.image or place.logical
    line = f":{place.start_line}" if place.uri and place.start_line else ""
    return f"{what} ({where}{line})" if where else what


RULE = "max_age"


def apply_ages(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> None:
    """Set ``due`` where a maximum age holds; what is past due fails, due today is still fine.

    What a rule ignores by name, or an exception in force covers, has no maximum age. Where
    nobody knows when a finding was first seen it counts as past due.
    """
    if not policy.max_age:
        return
    for judgement in judgements:
        allowed = policy.max_age.get(judgement.severity)
        exempt = judgement.action is Action.IGNORE and judgement.rule is not None
        if allowed is None or exempt or judgement.exception is not None:
            continue
        seen = judgement.facts.first_seen
        if seen is not None:
            judgement.due = utc_day(seen) + datetime.timedelta(days=allowed)
        if judgement.due is not None and today <= judgement.due:
            continue
        judgement.overdue = True
        if judgement.action is not Action.FAIL:
            judgement.action, judgement.rule = Action.FAIL, RULE
            judgement.why = _why(judgement, allowed, today)


def _why(judgement: Judgement, allowed: int, today: datetime.date) -> str:
    rule = f"{judgement.severity} findings are to be fixed within {counted(allowed, 'day')}"
    if judgement.due is None:
        return f"{rule} of being first seen, and nobody knows when this one was."
    return f"{rule} of being first seen; this one is {_late(judgement.due, today)}."


def age_failures(
    policy: Policy, judgements: Sequence[Judgement], today: datetime.date
) -> list[str]:
    """A sentence for each severity with findings past due, and one for each without dates."""
    sentences = []
    for severity in policy.max_age:
        allowed = counted(policy.max_age[severity], "day")
        overdue = [j for j in judgements if j.overdue and j.severity is severity]
        late = sorted((j for j in overdue if j.due is not None), key=_due)
        if late:
            named = listed(late, also=lambda j: _late(_due(j), today))
            sentences.append(
                f"{counted(len(late), f'{severity} finding')} "
                f"{plural(len(late), 'is', 'are')} past due: {severity} findings are to be fixed "
                f"within {allowed} of being first seen. Longest overdue: {named}."
            )
        undated = worst_judgements(j for j in overdue if j.due is None)
        if undated:
            sentences.append(
                f"nobody knows when {counted(len(undated), f'{severity} finding')} "
                f"{plural(len(undated), 'was', 'were')} first seen, so "
                f"{plural(len(undated), 'it counts', 'they count')} as past due ({allowed} "
                f"allowed): judge with a history of earlier scans. Worst: {listed(undated)}."
            )
    return sentences


def age_notes(policy: Policy, judgements: Sequence[Judgement], today: datetime.date) -> list[str]:
    """One sentence on what will be past due soon."""
    last = today + datetime.timedelta(days=policy.due_soon)
    soon = sorted((j for j in judgements if j.due is not None and today <= j.due <= last), key=_due)
    if not soon:
        return []
    named = listed(soon, also=lambda j: f"due {_when(_due(j), today)}")
    number = counted(len(soon), "finding")
    return [f"{number} {plural(len(soon), 'is', 'are')} due soon: {named}."]


def _due(judgement: Judgement) -> datetime.date:
    assert judgement.due is not None
    return judgement.due


def _late(due: datetime.date, today: datetime.date) -> str:
    return f"{counted((today - due).days, 'day')} late, due {due}"


def _when(due: datetime.date, today: datetime.date) -> str:
    left = (due - today).days
    if left == 0:
        return "today"
    return f"in {counted(left, 'day')}, on {due}"


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
        if judgement.action is Action.FAIL and judgement.rule not in (None, RULE):
            failing[str(judgement.rule)].append(judgement)
    rules = {rule.name: rule for rule in policy.rules}
    sentences = []
    worst_of = {name: nsmallest(NAMED, of_rule, key=badness) for name, of_rule in failing.items()}
    for name, worst in sorted(worst_of.items(), key=lambda item: badness(item[1][0])):
        of_rule = failing[name]
        if name in beyond:
            head = f"{beyond[name]:,} found by rule {name}, at most {rules[name].limit:,} allowed"
        else:
            head = f"{counted(len(of_rule), 'finding')} by rule {name}"
        why = rules[name].why
        named = f"Worst: {listed(worst, of=len(of_rule))}."
        sentences.append(f"{head}: {why} {named}" if why else f"{head}. {named}")
    return sentences


def limit_notes(
    policy: Policy, judgements: Sequence[Judgement], beyond: Mapping[str, int]
) -> list[str]:
    """Return a sentence for each limit that holds and is in use."""
    sentences = []
    for rule in policy.rules:
        if rule.limit is None or rule.name in beyond:
            continue
        count = sum(1 for j in judgements if j.rule == rule.name and j.exception is None)
        if count:
            sentences.append(f"{count:,} found by rule {rule.name}, {rule.limit:,} allowed.")
    return sentences


def lapsed_failures(judgements: Iterable[Judgement]) -> list[str]:
    """Return a sentence for each exception that no longer keeps a failing finding out."""
    return [
        f"{_lapsed(exception)}; what it covered fails again: {listed(counted)}."
        for exception, counted in _by_exception(judgements, failing=True).items()
    ]


def lapsed_notes(judgements: Iterable[Judgement]) -> list[str]:
    """Return a sentence for each lapsed exception that only covers what does not fail."""
    taken = list(judgements)
    failing = _by_exception(taken, failing=True)
    return [
        f"{_lapsed(exception)}; what it covers does not fail the gate: {listed(counted)}."
        for exception, counted in _by_exception(taken, failing=False).items()
        if exception not in failing
    ]


def _by_exception(
    judgements: Iterable[Judgement], *, failing: bool
) -> dict[PolicyException, list[Judgement]]:
    by_exception: defaultdict[PolicyException, list[Judgement]] = defaultdict(list)
    for judgement in worst_judgements(j for j in judgements if j.lapsed and j.exception is None):
        if (judgement.action is Action.FAIL) is failing:
            for exception in judgement.lapsed:
                by_exception[exception].append(judgement)
    return dict(by_exception)


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
    """Return a sentence for each rule that took findings because a fact about them is not known."""
    counts: defaultdict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    for judgement in judgements:
        if judgement.unknown and judgement.rule is not None and judgement.exception is None:
            counts[judgement.rule, tuple(judgement.unknown)] += 1
    return [
        f"rule {rule} took {counted(number, 'finding')} of which it is not known "
        f"{' and '.join(_FACTS.get(key, f'what {key} is for all sources') for key in keys)}: "
        f"what is not known counts as the stricter answer{_remedy(keys)}."
        for (rule, keys), number in counts.items()
    ]


def _remedy(keys: Iterable[str]) -> str:
    remedies = dict.fromkeys(_REMEDIES[key] for key in keys if key in _REMEDIES)
    return f" ({', '.join(remedies)})" if remedies else ""


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
    sentence = (
        f"{counted(len(raised), 'finding')} of {tools} {counts} as worse than reported, {because}"
    )
    return [f"{sentence} to take its word."]
