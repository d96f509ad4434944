"""A policy back in the notation of its file, short where the notation has a short form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secagg.model.finding import Severity
from secagg.policy.exception import DecisionSource
from secagg.policy.model import AcceptedGap, Match, Policy, PolicyRule
from secagg.policy.notation import ScoreRange

_LADDER = list(Severity)


def written_policy(policy: Policy) -> dict[str, Any]:
    """The whole of an effective policy, what it does not change included.

    Read again it is the same policy.
    """
    document: dict[str, Any] = {"name": policy.name}
    if policy.description:
        document["description"] = policy.description
    if policy.unknown_severity is not None:
        document["unknown_severity"] = policy.unknown_severity.value
    document["unknown_tool"] = policy.unknown_tool.value
    for key in ("known_tools", "optional_tools"):
        if getattr(policy, key):
            document[key] = list(getattr(policy, key))
    if policy.require:
        document["require"] = [kind.value for kind in policy.require]
    if policy.max_age:
        document["max_age"] = {s.value: f"{days}d" for s, days in policy.max_age.items()}
    document["due_soon"] = f"{policy.due_soon}d"
    if policy.baseline is not None:
        document["baseline"] = policy.baseline.value
    if policy.max_database_age is not None:
        document["max_database_age"] = f"{policy.max_database_age}d"
    document["exceptions"] = {"max_days": f"{policy.exceptions.max_days}d"}
    if policy.gaps:
        document["gaps"] = [_gap(gap) for gap in policy.gaps]
    if set(policy.decisions.trust) != set(DecisionSource):
        document["decisions"] = {"trust": [source.value for source in policy.decisions.trust]}
    document["rules"] = [written_rule(rule) for rule in policy.rules]
    return document


def _gap(gap: AcceptedGap) -> dict[str, Any]:
    return {
        "gap": gap.gap[0] if len(gap.gap) == 1 else list(gap.gap),
        "reason": gap.reason,
        "owner": gap.owner,
        "created": gap.created.isoformat(),
        "expires": gap.expires.isoformat(),
    }


def written_rule(rule: PolicyRule) -> dict[str, Any]:
    """One rule; what it does not say is left out."""
    document: dict[str, Any] = {"name": rule.name}
    match = written_match(rule.match)
    if match:
        document["match"] = match
    document["action"] = rule.action.value
    if rule.limit is not None:
        document["limit"] = rule.limit
    if rule.why is not None:
        document["why"] = rule.why
    return document


def written_match(match: Match) -> dict[str, Any]:
    """The keys of a match that are given, in the order in which they are documented."""
    document: dict[str, Any] = {}
    for key in Match.model_fields:
        value = getattr(match, key)
        if value is not None:
            document["not" if key == "not_" else key] = _value(key, value)
    return document


def band(severities: Sequence[Severity]) -> str | list[str]:
    """``high``, ``high..``, ``low..medium`` where they are next to each other, else a list."""
    places = sorted(_LADDER.index(severity) for severity in set(severities))
    if places != list(range(places[0], places[-1] + 1)):
        return [_LADDER[place].value for place in places]
    most, least = _LADDER[places[0]].value, _LADDER[places[-1]].value
    if len(places) == 1:
        return most
    return f"{least}.." if places[0] == 0 else f"{least}..{most}"


def _range(wanted: ScoreRange) -> str:
    most = "" if wanted.most == 10.0 and wanted.least else f"{wanted.most}"
    return f"{wanted.least}..{most}"


def _value(key: str, value: Any) -> Any:
    if key == "severity":
        return band(value)
    if key == "age_at_least":
        return f"{value}d"
    if key == "any":
        return [written_match(inner) for inner in value]
    if key == "not_":
        return written_match(value)
    if key == "score":
        return _range(value)
    if isinstance(value, list):
        words = [str(item) for item in value]
        return words[0] if len(words) == 1 else words
    return value if isinstance(value, bool | float) else str(value)
