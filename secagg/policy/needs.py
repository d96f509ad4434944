"""What a policy asks for beyond the findings, so that nothing is read that no rule looks at."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.policy.model import Match, Policy


def asks_for_intel(policy: Policy) -> bool:
    """Whether any rule looks at EPSS scores or the KEV catalog."""
    return any(m.epss_at_least is not None or m.in_kev is not None for m in _matches(policy))


def asks_for_age(policy: Policy) -> bool:
    """Whether anything depends on when a problem was first seen."""
    return bool(policy.max_age) or any(m.age_at_least is not None for m in _matches(policy))


def _matches(policy: Policy) -> Iterator[Match]:
    waiting = [rule.match for rule in policy.rules]
    while waiting:
        match = waiting.pop()
        yield match
        waiting += match.any or []
        if match.not_ is not None:
            waiting.append(match.not_)
