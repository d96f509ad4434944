"""What a rule judges: a group with its facts, on a given day."""

from __future__ import annotations

import datetime
from collections.abc import Set

from msgspec import Struct

from secagg.merge.groups import Group
from secagg.model.finding import Finding, Severity
from secagg.model.severity import LINTERS, RATING_TOOLS, is_linter
from secagg.policy.decision import NO_FACTS, Facts
from secagg.policy.model import Policy

# The scanners that secagg runs itself.
OWN_TOOLS = frozenset({"codeql", "gitleaks", "snyk", "trivy", "trufflehog"})


class Subject(Struct, frozen=True):
    """A group to judge. ``severity`` is what it counts as; ``today`` is a day in UTC."""

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
    """Make the subject of ``group``, with the severity that it has under ``policy``."""
    return Subject(group, counted_severity(policy, group, known_tools(policy)), facts, today)


def known_tools(policy: Policy) -> frozenset[str]:
    """Return the tools whose severities are trusted."""
    return OWN_TOOLS.union(RATING_TOOLS, LINTERS, policy.known_tools)


def counted_severity(policy: Policy, group: Group, rated_tools: Set[str]) -> Severity:
    """Return the severity that a group counts as.

    It is raised to the policy's ``unknown_severity`` where no tool gave one, and to its
    ``unknown_tool`` where no tool among ``rated_tools`` reports the group.
    """
    severity = group.representative.severity
    if not group.representative.severity_known:
        severity = _worse(severity, policy.unknown_severity or _default_severity(group))
    if not any(member.tool in rated_tools for member in group.members):
        severity = _worse(severity, policy.unknown_tool)
    return severity


def age_in_days(facts: Facts, today: datetime.date) -> int | None:
    """Return the whole days (UTC) since first seen, at least 0; None where that is not known."""
    if facts.first_seen is None:
        return None
    return max(0, (today - utc_day(facts.first_seen)).days)


def utc_day(moment: datetime.datetime) -> datetime.date:
    """Return the day of ``moment`` in UTC; a moment without a zone is in UTC already."""
    if moment.tzinfo is None:
        return moment.date()
    return moment.astimezone(datetime.UTC).date()


def _default_severity(group: Group) -> Severity:
    """What an unknown severity counts as where the policy does not say."""
    linters_only = all(is_linter(member.tool) for member in group.members)
    return Severity.MEDIUM if linters_only else Severity.HIGH


def _worse(severity: Severity, other: Severity) -> Severity:
    return severity if severity.rank >= other.rank else other
