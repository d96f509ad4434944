"""The facts on each group of a scan, for the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from secagg.change.baseline import Comparison
from secagg.change.model import Diff
from secagg.change.owners import Owners
from secagg.change.sighting import follows, has_package, in_diff, packages_of, same_entry
from secagg.intel import Intel
from secagg.merge.groups import Group, MergedSet, known_as
from secagg.model.finding import Finding
from secagg.policy.decision import Facts

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
    """Return the facts on the groups of ``merged`` by identity; what is not given stays unknown.

    A group of which nothing is known is left out.

    ``first_seen`` is in UTC by any identity under which a group may have been known
    (:func:`secagg.merge.known_as`, and those it had in the baseline); the earliest one counts.
    ``exact`` are the tools of which the baseline has a scan of the base with the same version and
    databases; what is in an image is in none.
    """
    dates = first_seen or {}
    only_tools = not (diff or comparison or owners or intel or dates)
    equal: dict[Facts, Facts] = {}
    by_identity = {}
    in_base = packages_of(comparison.before) if comparison is not None else frozenset()
    for group in merged.groups:
        if only_tools and not any(_says_more(member) for member in group.members):
            continue
        facts = Facts(
            baseline=None if comparison is None else comparison.states.get(group.identity),
            in_diff=None if diff is None else in_diff(group, diff),
            owners=owners.of_group(group) if owners else (),
            first_seen=_earliest(group, comparison, dates) if dates else None,
            epss=_highest_epss(group, intel),
            kev=_in_kev(group, intel),
            exact=comparison is not None and _is_exact(group, exact),
            follows=diff is not None and follows(group, diff),
            in_base=has_package(group, in_base) or (diff is not None and same_entry(group, diff)),
        )
        # Of most groups the same is known: one object says it for all of them.
        by_identity[group.identity] = equal.setdefault(facts, facts)
    return by_identity


def _is_exact(group: Group, tools: frozenset[str]) -> bool:
    return tools.issuperset(group.tools) and group.representative.location.image is None


def _says_more(finding: Finding) -> bool:
    """Whether a tool said how likely the finding is to be exploited."""
    vulnerability = finding.vulnerability
    return vulnerability is not None and not (vulnerability.epss is vulnerability.kev is None)


def _earliest(
    group: Group, comparison: Comparison | None, dates: Mapping[str, datetime]
) -> datetime | None:
    names = list(known_as(group))
    match = None if comparison is None else comparison.matches.get(group.identity)
    if match is not None:
        names += known_as(match.before)
    return min((dates[name] for name in names if name in dates), default=None)


def _highest_epss(group: Group, intel: Intel | None) -> float | None:
    """The highest probability of the group's CVEs: from the file, else what the tools gave."""
    given = [] if intel is None else _each(group, intel.epss)
    if not given:
        given = [
            f.vulnerability.epss
            for f in group.members
            if f.vulnerability is not None and f.vulnerability.epss is not None
        ]
    return max(given, default=None)


def _in_kev(group: Group, intel: Intel | None) -> bool | None:
    """Whether any source says that the problem is exploited; None where none knows."""
    answers = [
        f.vulnerability.kev
        for f in group.members
        if f.vulnerability is not None and f.vulnerability.kev is not None
    ]
    if intel is not None:
        answers += _each(group, intel.kev)
    return any(answers) if answers else None


def _each(group: Group, look_up: Callable[[str], _T | None]) -> list[_T]:
    aliases = {
        alias.strip().upper()
        for f in group.members
        for alias in (f.rule_id, *(f.vulnerability.aliases if f.vulnerability is not None else ()))
    }
    scores = (look_up(alias) for alias in sorted(aliases) if alias.startswith("CVE-"))
    return [value for value in scores if value is not None]
