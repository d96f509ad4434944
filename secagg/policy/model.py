"""The model of a policy file: ordered rules, of which the first that matches decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from secagg.model.finding import Kind, Severity
from secagg.packages.purl import package_pattern
from secagg.policy.decision import Action, Cause, DecisionSource
from secagg.policy.notation import (
    Day,
    Days,
    OneOrMany,
    Owner,
    ReasonText,
    ScoreRange,
    SeverityBand,
    gap_pattern,
)
from secagg.system.patterns import lazy
from secagg.system.validation import FileModel, after, before, key, limited

_CWE = lazy(r"(?:CWE-?)?(\d+)", re.IGNORECASE)


class Baseline(StrEnum):
    """The values of the key ``baseline``: whether the baseline lacks or has a finding."""

    NEW = "new"
    EXISTING = "existing"


class Dependency(StrEnum):
    """The values of ``dependency``: the project names the package, or gets it through another."""

    DIRECT = "direct"
    TRANSITIVE = "transitive"


class PolicyScope(StrEnum):
    """The values of ``scope``: what a dependency is needed for."""

    RUNTIME = "runtime"
    DEV = "dev"


def _cwe(value: object) -> str:
    match = _CWE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("a CWE such as CWE-79 is expected")
    return f"CWE-{match[1].lstrip('0') or '0'}"


Cwe = Annotated[str, before(_cwe, str | int)]


class Match(FileModel, kw_only=True):
    """The conditions of a rule: all given keys must hold; of a list, one value suffices."""

    kind: OneOrMany[Kind] | None = key(default=None, min_length=1)
    severity: SeverityBand | None = key(
        default=None, min_length=1, description="a severity, a list of them, or a band: high.."
    )
    severity_known: bool | None = key(
        default=None, description="false: problems whose severity no tool gave"
    )
    score: ScoreRange | None = key(default=None, description="CVSS scores: 7.0..8.9, or 9.0..")
    tool: OneOrMany[str] | None = key(default=None, min_length=1, description="globs")
    rule: OneOrMany[str] | None = key(
        default=None, min_length=1, description="globs of the tools' own rule ids"
    )
    advisory: OneOrMany[str] | None = key(
        default=None, min_length=1, description="globs of CVE, GHSA or other advisory ids"
    )
    cwe: OneOrMany[Cwe] | None = key(default=None, min_length=1)
    package: OneOrMany[Annotated[str, after(package_pattern)]] | None = key(
        default=None,
        min_length=1,
        description="globs of purls (pkg:npm/lodash, with or without a version) or of names",
    )
    path: OneOrMany[str] | None = key(
        default=None, min_length=1, description="patterns as in .gitignore, from the root"
    )
    component: OneOrMany[str] | None = key(
        default=None, min_length=1, description="globs of component directories; . is the root"
    )
    fix_available: bool | None = None
    status: OneOrMany[str] | None = key(
        default=None,
        min_length=1,
        description="globs of the vendor's word: fixed, affected, will_not_fix, end_of_life",
    )
    dependency: Dependency | None = None
    scope: PolicyScope | None = None
    verified: bool | None = key(
        default=None, description="whether the issuing service accepted the secret"
    )
    in_history_only: bool | None = key(
        default=None, description="secrets that stand in commits, not in the work tree"
    )
    epss_at_least: float | None = key(default=None, ge=0.0, le=1.0)
    in_kev: bool | None = key(default=None, description="known to be exploited, by CISA's list")
    age_at_least: Days | None = key(default=None, description="since first seen: 30d, 2w")
    baseline: Baseline | None = None
    in_diff: bool | None = key(
        default=None, description="whether the change touches its lines or its manifest"
    )
    cause: OneOrMany[Cause] | None = key(
        default=None,
        min_length=1,
        description="change: the change brings it; world: the change does not touch it, and it "
        "is new by its advisory or rule; existing: the baseline has it",
    )
    owner: OneOrMany[str] | None = key(
        default=None, min_length=1, description="globs of owners as CODEOWNERS writes them"
    )
    any: list[Match] | None = key(
        default=None, min_length=1, description="at least one of these holds"
    )
    not_: Match | None = key(default=None, alias="not", description="this does not hold")


class PolicyRule(FileModel, kw_only=True):
    """One rule. ``why`` is the sentence that developers read."""

    name: str = key(min_length=1)
    match: Match = key(default_factory=Match)
    action: Action
    limit: int | None = key(
        default=None, ge=0, description="so many problems are tolerated; one more fails them all"
    )
    why: str | None = None


class CompareWith(StrEnum):
    """What a change is compared with if the command line names no baseline."""

    AUTO = "auto"
    SCAN = "scan"
    NONE = "none"


class ExceptionRules(FileModel, kw_only=True):
    """What the policy demands of exceptions."""

    max_days: Days = key(default=90, description="the longest time from created to expires")


class AcceptedGap(FileModel, dict=True, kw_only=True):
    """A gap in the scan that the policy accepts until a given day."""

    gap: OneOrMany[Annotated[str, after(gap_pattern)]] = key(
        min_length=1,
        description="a path or other words of the sentence that says so; * is a wildcard",
    )
    reason: ReasonText
    owner: Owner
    created: Day = key(description="the day it was accepted")
    expires: Day = key(description="the last day (UTC) on which it holds")
    # File and line of the entry, for messages: no field.
    source = "the policy"

    def __post_init__(self) -> None:
        if self.expires < self.created:
            raise ValueError(f"it expires ({self.expires}) before it is created ({self.created})")


class DecisionRules(FileModel, kw_only=True):
    """Which sources of decisions count."""

    trust: OneOrMany[DecisionSource] = key(
        default_factory=lambda: list(DecisionSource),
        description="where decisions may be made: files (secagg-exceptions.yaml), "
        "store, github (dismissals), vex, scanners (their ignore files), "
        "reports (suppressions in SARIF); what is made elsewhere is shown and does not count",
    )


class Policy(FileModel, kw_only=True):
    """A policy file."""

    name: str = key(min_length=1)
    description: str = ""
    extends: str | None = key(
        default=None, description="a built-in policy, or a file relative to this one"
    )
    remove: OneOrMany[str] = key(
        default_factory=list, description="names of rules of the extended policy to leave out"
    )
    unknown_severity: Severity | None = key(
        default=None,
        description="how a problem counts, at the least, whose severity nobody gave; by default "
        "high, and medium where only linters report it",
    )
    unknown_tool: Severity = key(
        default=Severity.HIGH,
        description="how a problem counts, at the least, that only unknown tools report",
    )
    known_tools: OneOrMany[str] = key(
        default_factory=list, description="tools known besides secagg's own, as the reports name it"
    )
    optional_tools: OneOrMany[str] = key(
        default_factory=list, description="tools whose failure does not make a scan incomplete"
    )
    require: OneOrMany[Kind] = key(
        default_factory=list,
        description="kinds that a tool must have looked for, or the scan is incomplete",
    )
    max_age: dict[Severity, Days] = key(
        default_factory=dict, description="days from first seen to fixed, by severity"
    )
    approval: dict[Severity, Annotated[int, limited(ge=1, le=9)]] = key(
        default_factory=dict,
        description="how many people must have decided before a problem does not count, by "
        "severity; 1 by default",
    )
    due_soon: Days = key(default=3, description="so many days before it is due, a note says so")
    baseline: CompareWith | None = key(
        default=None,
        description="what a change is compared with where --baseline is not given: auto is the "
        "store's run of its base or else a scan of it, scan is always a scan",
    )
    max_database_age: Annotated[Days, limited(ge=1)] | None = key(
        default=None,
        description="how old a scanner's database of advisories may be; 7 days by default",
    )
    exceptions: ExceptionRules = key(default_factory=ExceptionRules)
    gaps: list[AcceptedGap] = key(
        default_factory=list,
        description="what no tool looks at and is accepted for a while; beside those of the base",
    )
    decisions: DecisionRules = key(default_factory=DecisionRules)
    rules: list[PolicyRule] = key(default_factory=list)


def asks_for_intel(policy: Policy) -> bool:
    """Return whether any rule looks at EPSS scores or the KEV catalog."""
    return any(
        match.epss_at_least is not None or match.in_kev is not None for match in all_matches(policy)
    )


def asks_for_age(policy: Policy) -> bool:
    """Return whether any rule or maximum age needs the day a problem was first seen."""
    return bool(policy.max_age) or any(
        match.age_at_least is not None for match in all_matches(policy)
    )


def all_matches(policy: Policy) -> Iterator[Match]:
    """Yield every ``match`` of the rules, those under ``any`` and ``not`` included."""
    pending = [rule.match for rule in policy.rules]
    while pending:
        match = pending.pop()
        yield match
        pending += match.any or []
        if match.not_ is not None:
            pending.append(match.not_)
