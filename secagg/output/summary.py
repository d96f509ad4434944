"""The document ``summary.json``: tool runs, findings, decision and upload.

The schema is published as ``secagg/schemas/summary.schema.json``. Within one
``schema_version`` keys are only ever added. Version 2 calls ``unreadable`` what version 1 called
``problems``: in the report a problem is something to fix. The former name is written until
version 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Count = Annotated[int, Meta(ge=0)]


class Document(Struct, forbid_unknown_fields=True, gc=False):
    """A part of a document with a published schema, which describes its fields."""


class ToolSummary(Document, kw_only=True):
    """One tool run. ``reported = findings + suppressed + merged + unreadable`` always holds."""

    tool: Annotated[str, Meta(description="the scanner's name")]
    component: Annotated[str, Meta(description="the component's directory; '.' is the whole tree")]
    mode: Annotated[str | None, Meta(description="which of several runs of one tool")] = None
    status: Literal["complete", "failed", "skipped"]
    optional: Annotated[bool, Meta(description="a failure does not make the scan incomplete")] = (
        False
    )
    version: str | None = None
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    reported: Annotated[Count, Meta(description="entries in the tool's own report")] = 0
    findings: Annotated[Count, Meta(description="entries that became findings")] = 0
    suppressed: Annotated[Count, Meta(description="entries that the tool was told to ignore")] = 0
    merged: Annotated[Count, Meta(description="entries folded into another of this report")] = 0
    unreadable: Annotated[Count, Meta(description="entries that could not be parsed")] = 0
    problems: Annotated[Count, Meta(description="the former name of unreadable")] = 0
    reason: Annotated[str | None, Meta(description="why it failed or was skipped")] = None
    hint: Annotated[str | None, Meta(description="what to do about it")] = None
    notes: Annotated[list[str], Meta(description="coverage gaps and odd entries")] = field(
        default_factory=list
    )


class PlaceSummary(Document, kw_only=True):
    """One more place of a problem."""

    path: str | None = None
    line: int | None = None


class FindingSummary(Document, kw_only=True):
    """One row of the table: a real problem with the tools that reported it."""

    id: Annotated[str, Meta(description="stable identity, the same from scan to scan")]
    kind: str
    severity: str
    severity_known: bool = True
    score: float | None = None
    rule: str
    title: str
    tools: Sequence[str]
    path: str | None = None
    line: int | None = None
    places: Annotated[
        Sequence[PlaceSummary],
        Meta(description="the other places, where one result of a tool has several"),
    ] = ()
    component: str
    package: str | None = None
    version: str | None = None
    purl: str | None = None
    fixed_versions: Sequence[str] = ()
    status: Annotated[str | None, Meta(description="what the vendor does about it")] = None
    aliases: Sequence[str] = ()
    cwes: Sequence[str] = ()
    fix: str | None = None
    secret: Annotated[str | None, Meta(description="keyed hash of the secret's value")] = None
    verified: bool | None = None
    in_history_only: bool | None = None
    sightings: Annotated[int, Meta(ge=1, description="findings merged into this row")]
    action: Literal["fail", "warn", "ignore"]
    why: str | None = None
    related: Sequence[str] = ()


class FindingsSummary(Document, kw_only=True):
    """The counts. ``reported = total + merged + suppressed + unreadable`` over all tools."""

    total: Annotated[Count, Meta(description="rows of the table")]
    by_severity: dict[str, int]
    by_kind: dict[str, int]
    reported: Count = 0
    merged: Annotated[Count, Meta(description="folded into another row, within or across")] = 0
    suppressed: Count = 0
    unreadable: Annotated[Count, Meta(description="entries that could not be parsed")] = 0
    problems: Annotated[Count, Meta(description="the former name of unreadable")] = 0
    items: Annotated[
        list[FindingSummary] | None,
        Meta(description="the rows themselves; only on request"),
    ] = None


class DecisionSummary(Document, kw_only=True):
    policy: str
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Annotated[int, Meta(ge=0, le=255)]
    reasons: list[str]
    notes: Annotated[list[str], Meta(description="remarks that do not change the verdict")] = field(
        default_factory=list
    )


class AnalysisSummary(Document, kw_only=True):
    """One analysis at GitHub: a tool and a category."""

    tool: str
    category: str
    results: Count
    fate: Literal["planned", "uploaded", "already there", "taken, still being processed", "failed"]
    error: str | None = None


class WithheldSummary(Document, kw_only=True):
    """A run that was not uploaded: GitHub would count its missing alerts as fixed."""

    tool: str
    category: str
    results: Count
    reason: str


class HiddenSummary(Document, kw_only=True):
    """Results that GitHub will not show, or not all of, and why."""

    why: str
    count: Count
    examples: list[str] = field(default_factory=list)


class UploadSummary(Document, kw_only=True):
    """An upload. ``given = sum of analyses' results + withheld results + left_out`` holds."""

    repository: str
    ref: str
    commit: str
    dry_run: bool = False
    given: Annotated[Count, Meta(description="results that were to be uploaded")]
    shown: Annotated[Count, Meta(description="results of the analyses that GitHub keeps and shows")]
    analyses: list[AnalysisSummary] = field(default_factory=list)
    withheld: list[WithheldSummary] = field(default_factory=list)
    left_out: Annotated[dict[str, int], Meta(description="results not sent, by why")] = field(
        default_factory=dict
    )
    mends: Annotated[dict[str, int], Meta(description="what was mended, how often")] = field(
        default_factory=dict
    )
    cuts: Annotated[dict[str, int], Meta(description="what GitHub's limits cut off")] = field(
        default_factory=dict
    )
    truncated: Annotated[dict[str, int], Meta(description="what GitHub cuts off")] = field(
        default_factory=dict
    )
    hidden: Annotated[
        list[HiddenSummary], Meta(description="results that GitHub will not show, and why")
    ] = field(default_factory=list)
    splits: Annotated[list[str], Meta(description="runs that were split into parts")] = field(
        default_factory=list
    )
    suppressed: Annotated[Count, Meta(description="suppressed results among those sent")] = 0
    dismissed: Annotated[Count, Meta(description="alerts dismissed for a suppression")] = 0
    requested: Annotated[Count, Meta(description="dismissals that wait for approval")] = 0
    reopened: Annotated[Count, Meta(description="alerts whose suppression has ended")] = 0
    error: str | None = None
    hint: str | None = None
    expected: Annotated[bool, Meta(description="the token of such an event may never upload")] = (
        False
    )
    warnings: list[str] = field(default_factory=list)


class Summary(Document, kw_only=True):
    schema_version: Literal[2] = 2
    secagg_version: str
    started_at: Annotated[str | None, Meta(description="RFC 3339, UTC")] = None
    root: Annotated[str | None, Meta(description="the name of the scanned directory")] = None
    tools: list[ToolSummary]
    findings: FindingsSummary
    decision: DecisionSummary
    narrowed: Annotated[
        bool, Meta(description="only named tools, components or commits were looked at")
    ] = False
    upload: UploadSummary | None = None
    warnings: list[str] = field(default_factory=list)
