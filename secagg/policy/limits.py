"""Limits: a rule may tolerate so many findings; one more makes it fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from secagg.policy.decision import Action, Judgement
from secagg.policy.model import PolicyRule


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
    for name, found in taken.items():
        limit = limits[name].limit
        if limit is not None and len(found) > limit:
            beyond[name] = len(found)
            action = Action.FAIL
        elif limits[name].action is Action.FAIL:
            action = Action.WARN
        else:
            continue
        for judgement in found:
            judgement.action = action
    return beyond
