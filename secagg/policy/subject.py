"""What a rule looks at: a group with its facts, on a day."""

from __future__ import annotations

import datetime
from collections.abc import Set

from msgspec import Struct

from secagg.merge.groups import Group
from secagg.model.finding import Finding, Severity
from secagg.model.severity import LINTERS, RATING_TOOLS, is_linter
from secagg.policy.decision import NO_FACTS, Facts
from secagg.policy.model import Policy

# The scanners that secagg itself runs and reads.
OWN_TOOLS = frozenset({"codeql", "gitleaks", "snyk", "trivy", "trufflehog"})


class Subject(Struct, frozen=True):
    """A group to judge. ``severity`` is what it counts as; ``today`` is the day in UTC."""

    group: Group
    severity: Severity
    facts: Facts
    today: datetime.date

    @property
    def finding(self) -> Finding:
        return self.group.representative


def subject(
    policy: Policy, group: Group, facts: Facts = NO_FACTS, *, today: datetime.date
) -> Subject:
    """``group`` as ``policy`` sees it."""
    return Subject(group, counted_severity(policy, group, known_tools(policy)), facts, today)


def known_tools(policy: Policy) -> frozenset[str]:
    """Return the tools whose own severity is taken."""
    return OWN_TOOLS.union(RATING_TOOLS, LINTERS, policy.known_tools)


def counted_severity(policy: Policy, group: Group, known: Set[str]) -> Severity:
    """The severity that a group counts as: what is unknown of it counts as the policy says."""
    severity = group.representative.severity
    if not group.representative.severity_known:
        severity = _worse(severity, policy.unknown_severity or _default(group))
    if not any(member.tool in known for member in group.members):
        severity = _worse(severity, policy.unknown_tool)
    return severity


def _default(group: Group) -> Severity:
    """What an unknown severity counts as where the policy says nothing."""
    linted = all(is_linter(member.tool) for member in group.members)
    return Severity.MEDIUM if linted else Severity.HIGH


def _worse(one: Severity, other: Severity) -> Severity:
    return one if one.rank >= other.rank else other


def days_known(facts: Facts, today: datetime.date) -> int | None:
    """Whole days (UTC) since first seen, or None where nobody knows; never below 0."""
    if facts.first_seen is None:
        return None
    return max(0, (today - utc_day(facts.first_seen)).days)


def utc_day(moment: datetime.datetime) -> datetime.date:
    """Return the day of ``moment`` in UTC; a moment without a zone is in UTC already."""
    if moment.tzinfo is None:
        return moment.date()
    return moment.astimezone(datetime.UTC).date()
