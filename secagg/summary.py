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


class Summary(_Model):
    schema_version: Literal[1] = 1
    secagg_version: str
    started_at: str | None = Field(default=None, description="RFC 3339, UTC")
    root: str | None = Field(default=None, description="the name of the scanned directory")
    tools: list[ToolSummary]
    findings: FindingsSummary
    decision: DecisionSummary
    warnings: list[str] = Field(default_factory=list)
