"""Collect the facts about each group of a scan, for the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from secagg.change.baseline import Comparison
from secagg.change.groupkeys import (
    has_package,
    has_unchanged_entry,
    in_diff,
    may_follow,
    packages_of,
)
from secagg.change.model import Diff
from secagg.change.owners import Owners
from secagg.merge.groups import Group, MergedSet, known_as
from secagg.model.finding import Finding
from secagg.policy.decision import Facts

if TYPE_CHECKING:
    from secagg.intel import Intel

_T = TypeVar("_T")


def facts_of(
    merged: MergedSet,
    *,
    diff: Diff | None = None,
    comparison: Comparison | None = None,
    owners: Owners | None = None,
    intel: Intel | None = None,
    first_seen: Mapping[str, datetime] | None = None,
    exact: frozenset[str] = frozenset(),
) -> dict[str, Facts]:
    """Collect the facts about the groups of ``merged``, by identity.

    Facts whose source is not given stay unknown. A group without any fact is left out.

    ``first_seen`` gives times in UTC by any identity that a group has had
    (:func:`secagg.merge.known_as`, and those of its match in the baseline); the earliest counts.
    ``exact`` are the tools whose runs in the baseline scanned the base with the same version and
    databases; findings in images are never exact.
    """
    dates = first_seen or {}
    only_tools = not (diff or comparison or owners or intel or dates)
    cache: dict[Facts, Facts] = {}
    by_identity = {}
    in_base = packages_of(comparison.before) if comparison is not None else frozenset()
    for group in merged.groups:
        if only_tools and not any(_has_exploit_data(member) for member in group.members):
            continue
        facts = Facts(
            baseline=None if comparison is None else comparison.states.get(group.identity),
            in_diff=None if diff is None else in_diff(group, diff),
            owners=owners.of_group(group) if owners else (),
            first_seen=_earliest(group, comparison, dates) if dates else None,
            epss=_highest_epss(group, intel),
            kev=_in_kev(group, intel),
            exact=comparison is not None and _is_exact(group, exact),
            follows=diff is not None and may_follow(group, diff),
            in_base=has_package(group, in_base)
            or (diff is not None and has_unchanged_entry(group, diff)),
        )
        # Most groups share the same facts: keep one object for all of them.
        by_identity[group.identity] = cache.setdefault(facts, facts)
    return by_identity


def _is_exact(group: Group, tools: frozenset[str]) -> bool:
    return tools.issuperset(group.tools) and group.representative.location.image is None


def _has_exploit_data(finding: Finding) -> bool:
    """Whether a tool gives the EPSS probability or says whether the finding is exploited."""
    vulnerability = finding.vulnerability
    return vulnerability is not None and not (vulnerability.epss is vulnerability.kev is None)


def _earliest(
    group: Group, comparison: Comparison | None, dates: Mapping[str, datetime]
) -> datetime | None:
    identities = list(known_as(group))
    match = None if comparison is None else comparison.matches.get(group.identity)
    if match is not None:
        identities += known_as(match.before)
    return min((dates[key] for key in identities if key in dates), default=None)


def _highest_epss(group: Group, intel: Intel | None) -> float | None:
    """The highest EPSS probability of the group's CVEs: of the list, else of the tools."""
    scores = [] if intel is None else _of_cves(group, intel.epss)
    if not scores:
        scores = [
            f.vulnerability.epss
            for f in group.members
            if f.vulnerability is not None and f.vulnerability.epss is not None
        ]
    return max(scores, default=None)


def _in_kev(group: Group, intel: Intel | None) -> bool | None:
    """Whether any source says that the problem is exploited; None where no source knows."""
    answers = [
        f.vulnerability.kev
        for f in group.members
        if f.vulnerability is not None and f.vulnerability.kev is not None
    ]
    if intel is not None:
        answers += _of_cves(group, intel.kev)
    return any(answers) if answers else None


def _of_cves(group: Group, look_up: Callable[[str], _T | None]) -> list[_T]:
    """The known values of the group's CVEs."""
    aliases = {
        alias.strip().upper()
        for f in group.members
        for alias in (f.rule_id, *(f.vulnerability.aliases if f.vulnerability is not None else ()))
    }
    values = (look_up(alias) for alias in sorted(aliases) if alias.startswith("CVE-"))
    return [value for value in values if value is not None]
