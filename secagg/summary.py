"""``summary.json``: what ran, what was found and what was decided, for machines.

The schema is published as ``secagg/schemas/summary.schema.json``. Within
``schema_version`` 1 keys are only ever added.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToolSummary(_Model):
    """One tool run. ``reported = findings + suppressed + merged + problems`` always holds."""

    tool: str = Field(description="the scanner's name")
    component: str = Field(description="the component's directory; '.' is the whole tree")
    mode: str | None = Field(default=None, description="which of several runs of one tool")
    status: Literal["complete", "failed", "skipped"]
    optional: bool = Field(default=False, description="a failure does not make the scan incomplete")
    version: str | None = None
    seconds: float = Field(default=0.0, ge=0)
    reported: int = Field(default=0, ge=0, description="entries in the tool's own report")
    findings: int = Field(default=0, ge=0, description="entries that became findings")
    suppressed: int = Field(default=0, ge=0, description="entries that the tool was told to ignore")
    merged: int = Field(default=0, ge=0, description="entries folded into another of this report")
    problems: int = Field(default=0, ge=0, description="entries that could not be understood")
    reason: str | None = Field(default=None, description="why it failed or was skipped")
    hint: str | None = Field(default=None, description="what to do about it")
    notes: list[str] = Field(default_factory=list, description="coverage gaps and odd entries")


class FindingSummary(_Model):
    """One row of the table: a real problem with the tools that reported it."""

    id: str = Field(description="stable identity, the same from scan to scan")
    kind: str
    severity: str
    severity_known: bool = True
    score: float | None = None
    rule: str
    title: str
    tools: list[str]
    path: str | None = None
    line: int | None = None
    component: str
    package: str | None = None
    version: str | None = None
    purl: str | None = None
    fixed_versions: list[str] = Field(default_factory=list)
    aliases: list[str] = Field(default_factory=list)
    cwes: list[str] = Field(default_factory=list)
    fix: str | None = None
    secret: str | None = Field(default=None, description="keyed hash of the secret's value")
    verified: bool | None = None
    in_history_only: bool | None = None
    sightings: int = Field(ge=1, description="findings merged into this row")
    action: Literal["fail", "warn", "ignore"]
    why: str | None = None
    related: list[str] = Field(default_factory=list)


class FindingsSummary(_Model):
    """The counts. ``reported = total + merged + suppressed + problems`` over all tools."""

    total: int = Field(ge=0, description="rows of the table")
    by_severity: dict[str, int]
    by_kind: dict[str, int]
    reported: int = Field(default=0, ge=0)
    merged: int = Field(default=0, ge=0, description="folded into another row, within or across")
    suppressed: int = Field(default=0, ge=0)
    problems: int = Field(default=0, ge=0)
    items: list[FindingSummary] | None = Field(
        default=None, description="the rows themselves; only where they were asked for"
    )


class DecisionSummary(_Model):
    policy: str
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: int = Field(ge=0, le=255)
    reasons: list[str]
    notes: list[str] = Field(default_factory=list, description="what ought to be known besides")


class AnalysisSummary(_Model):
    """One analysis as GitHub knows it: a tool and a category."""

    tool: str
    category: str
    results: int = Field(ge=0)
    fate: Literal["planned", "uploaded", "already there", "taken, still being processed", "failed"]
    error: str | None = None


class WithheldSummary(_Model):
    """A run that was not uploaded, because its missing alerts would count as fixed."""

    tool: str
    category: str
    results: int = Field(ge=0)
    reason: str


class UploadSummary(_Model):
    """An upload. ``given = sum of analyses' results + withheld results + left_out`` holds."""

    repository: str
    ref: str
    commit: str
    dry_run: bool = False
    given: int = Field(ge=0, description="results that were to be uploaded")
    shown: int = Field(ge=0, description="results of the analyses that GitHub keeps and shows")
    analyses: list[AnalysisSummary] = Field(default_factory=list)
    withheld: list[WithheldSummary] = Field(default_factory=list)
    left_out: dict[str, int] = Field(default_factory=dict, description="results not sent, by why")
    mends: dict[str, int] = Field(default_factory=dict, description="what was mended, how often")
    cuts: dict[str, int] = Field(default_factory=dict, description="what GitHub's limits cut off")
    truncated: dict[str, int] = Field(default_factory=dict, description="what GitHub cuts off")
    splits: list[str] = Field(default_factory=list, description="runs that went in parts")
    suppressed: int = Field(default=0, ge=0, description="suppressed results among those sent")
    dismissed: int = Field(default=0, ge=0, description="alerts dismissed for a suppression")
    requested: int = Field(
        default=0, ge=0, description="dismissals asked for, where the repository delegates them"
    )
    reopened: int = Field(default=0, ge=0, description="alerts whose suppression has ended")
    error: str | None = None
    hint: str | None = None
    expected: bool = Field(
        default=False, description="the error lies in the event: such a run may never upload"
    )
    warnings: list[str] = Field(default_factory=list)


class Summary(_Model):
    schema_version: Literal[1] = 1
    secagg_version: str
    started_at: str | None = Field(default=None, description="RFC 3339, UTC")
    root: str | None = Field(default=None, description="the name of the scanned directory")
    tools: list[ToolSummary]
    findings: FindingsSummary
    decision: DecisionSummary
    upload: UploadSummary | None = None
    warnings: list[str] = Field(default_factory=list)
