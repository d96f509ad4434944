"""A problem over time, as the store keeps it and the report shows it.

A :class:`Problem` is a group in plain values, without the tools' own documents. It holds no
secret value: every text was masked before it became part of a finding.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from secagg.model.finding import Kind, Package, Severity
from secagg.model.state import DECISION_FILE as DECISION_FILE
from secagg.model.state import DECISION_FILES as DECISION_FILES
from secagg.model.state import STORE_FILE as STORE_FILE
from secagg.model.state import TRIAGE_FILE as TRIAGE_FILE
from secagg.model.state import State as State


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One finding of the group: what one tool said."""

    tool: str
    rule_id: str
    severity: Severity
    score: float | None = None
    message: str = ""
    uri: str | None = None
    line: int | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPlace:
    """One more place of a problem: a file relative to the checkout, and a line from 1."""

    uri: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberKeys:
    """The keys by which later scans match one finding of the group; in the store only."""

    identity: str | None = None
    line_hash: str | None = None
    resource: str | None = None
    checks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineStep:
    """One step of a code flow."""

    uri: str | None
    line: int | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Masked lines of the file around the problem; ``start_line`` is the number of the first."""

    start_line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """A person's decision on a problem. ``at`` is in UTC; ``expires`` is its last day.

    ``alert`` is the address of the GitHub alert whose dismissal it is; None for decisions made
    here. ``approved_by`` are the other people who have decided the same.
    """

    state: State
    reason: str
    by: str | None = None
    owner: str | None = None
    at: datetime.datetime | None = None
    expires: datetime.date | None = None
    alert: str | None = None
    approved_by: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Problem:
    """One row of the report. Times are in UTC.

    ``identity`` is the group's ``secagg/v1``, ``known_as`` all identities under which it may have
    been stored before. ``uri``, ``line`` and the rest of the location are the representative's;
    ``places`` are further ones, where one result of a tool has several.
    ``action``, ``rule`` and ``why`` are the policy's judgement in the last run; ``due`` is the day
    by which its maximum age wants it fixed. ``exception`` names the exception that covers it, with
    ``exception_state``, ``exception_reason`` and ``exception_expires`` (its last day).
    ``member_keys`` belong to ``sources``, in their order. ``secret`` is the keyed hash of a
    secret's value, and ``secret_key`` names the key.
    ``fixed_at`` is set once a complete run of its tools no longer reports it.
    ``approvals_needed`` is how many people a decision that hides it needs by the policy of its last
    scan. ``unapproved`` is a decision that does not count because it lacks some of them;
    ``unapproved_in`` names its file and line, if it is an exception.
    """

    identity: str
    kind: Kind
    severity: Severity
    title: str
    rule_id: str
    tools: tuple[str, ...]
    known_as: tuple[str, ...] = ()
    severity_known: bool = True
    score: float | None = None
    message: str = ""
    rule_name: str | None = None
    help_uri: str | None = None
    uri: str | None = None
    line: int | None = None
    end_line: int | None = None
    commit: str | None = None
    image: str | None = None
    logical: str | None = None
    places: tuple[ProblemPlace, ...] = ()
    component: str | None = None
    owners: tuple[str, ...] = ()
    package: str | None = None
    package_type: str | None = None
    version: str | None = None
    purl: str | None = None
    fixed_versions: tuple[str, ...] = ()
    dependency_paths: tuple[tuple[str, ...], ...] = ()
    direct: bool | None = None
    scope: str | None = None
    aliases: tuple[str, ...] = ()
    cwes: tuple[str, ...] = ()
    epss: float | None = None
    kev: bool | None = None
    fix: str | None = None
    references: tuple[str, ...] = ()
    secret: str | None = None
    secret_key: str | None = None
    verified: bool | None = None
    in_history_only: bool | None = None
    resource: str | None = None
    sources: tuple[Source, ...] = ()
    member_keys: tuple[MemberKeys, ...] = ()
    steps: tuple[TimelineStep, ...] = ()
    snippet: Snippet | None = None
    related: tuple[str, ...] = ()
    action: str | None = None
    rule: str | None = None
    why: str | None = None
    exception: str | None = None
    exception_state: State | None = None
    exception_reason: str | None = None
    exception_expires: datetime.date | None = None
    approvals_needed: int | None = None
    unapproved: Triage | None = None
    unapproved_in: str | None = None
    baseline: str | None = None
    due: datetime.date | None = None
    repository: str | None = None
    branch: str | None = None
    first_seen: datetime.datetime | None = None
    last_seen: datetime.datetime | None = None
    fixed_at: datetime.datetime | None = None
    reopened_at: datetime.datetime | None = None
    triage: Triage | None = None

    @property
    def state(self) -> State:
        """Fixed if it is gone, else the state that triage gave it, else open."""
        if self.fixed_at is not None:
            return State.FIXED
        return self.triage.state if self.triage is not None else State.OPEN


UNREPORTED = frozenset({"member_keys", "secret_key"})
"""Fields of a problem that only the store reads."""


def package_of(problem: Problem) -> Package | None:
    """Return the package of ``problem`` as a scanner named it; None without one."""
    if problem.package is None:
        return None
    return Package(
        type=problem.package_type or "generic",
        name=problem.package,
        version=problem.version,
        purl=problem.purl,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRunRecord:
    """One tool run of a recorded scan; ``status`` as in ``summary.json``.

    ``gaps`` are sentences on what it did not look at, including accepted gaps.
    """

    tool: str
    component: str
    status: str
    version: str | None = None
    mode: str | None = None
    seconds: float = 0.0
    reason: str | None = None
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One recorded scan. ``started_at`` is in UTC.

    ``key`` stays the same if a scan is imported again. ``covered`` has each tool that looked at
    all of a component (``.``: of the whole tree). ``default_branch`` is the repository's, where the
    scan knew it; it is not read back.
    """

    key: str
    repository: str
    branch: str
    commit: str | None
    started_at: datetime.datetime
    verdict: str
    policy: str
    tools: tuple[ToolRunRecord, ...] = ()
    by_severity: dict[str, int] = field(default_factory=dict)
    covered: tuple[tuple[str, str], ...] = ()
    default_branch: str | None = None
