"""``decision.json``: what a gate decided about each finding and why, for machines.

The schema is published as ``secagg/schemas/decision.schema.json``. Within ``schema_version`` 1
keys are only ever added.
"""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from secagg.summary import FindingSummary, ToolSummary


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DecidedException(_Model):
    """An exception with the place where it is written."""

    source: str = Field(description="file and line")
    target: str = Field(description="what it covers, in words")
    standing: Literal["in force", "expired", "refused"]
    reason: str | None = None
    owner: str | None = None
    expires: datetime.date | None = Field(default=None, description="holds through this day, UTC")
    refusal: str | None = Field(default=None, description="why it cannot be honoured")


class DecidedFinding(FindingSummary):
    """One row, with the policy's word on it. ``action``, ``why``: as in ``summary.json``."""

    where: str = Field(description="path:line, an image, or a name")
    problem: str = Field(description="the finding in a few words")
    counted_as: str = Field(description="the severity it counted as")
    policy_rule: str | None = Field(default=None, description="the rule of the policy that matched")
    exception: DecidedException | None = None
    lapsed: list[DecidedException] = Field(default_factory=list)
    baseline: Literal["new", "unchanged", "updated", "absent"] | None = None
    in_diff: bool | None = None
    owners: list[str] = Field(default_factory=list)
    first_seen: datetime.datetime | None = None
    due: datetime.date | None = None
    days_left: int | None = Field(default=None, description="days until due; negative is overdue")
    epss: float | None = None
    kev: bool | None = None


class DecidedChange(_Model):
    """What the findings were compared with."""

    diff: str | None = Field(default=None, description="the range whose lines count as changed")
    baseline: str | None = Field(default=None, description="the file, run or commit compared with")
    policy_from: str | None = Field(
        default=None, description="the commit that policy, exceptions and configuration come from"
    )
    controls_changed: list[str] = Field(
        default_factory=list, description="files of the gate that this change touches"
    )
    states: dict[str, int] = Field(default_factory=dict, description="rows by baselineState")


class DecisionDocument(_Model):
    """``total = fail + warn + ignore``; ``excepted`` of those ignored are so by an exception."""

    schema_version: Literal[1] = 1
    secagg_version: str
    policy: str
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: int = Field(ge=0, le=255)
    today: datetime.date = Field(description="the day of the decision, UTC")
    total: int = Field(ge=0)
    reported: int = Field(default=0, ge=0, description="entries in the tools' own reports")
    merged: int = Field(default=0, ge=0, description="entries folded into another row")
    fail: int = Field(ge=0)
    warn: int = Field(ge=0)
    ignore: int = Field(ge=0)
    excepted: int = Field(default=0, ge=0)
    gaps: list[str] = Field(default_factory=list, description="why nobody can say it is clean")
    failures: list[str] = Field(default_factory=list, description="why the gate fails")
    notes: list[str] = Field(default_factory=list)
    change: DecidedChange | None = None
    tools: list[ToolSummary] = Field(default_factory=list)
    findings: list[DecidedFinding] = Field(default_factory=list, description="worst first")
    lapsed: list[DecidedException] = Field(default_factory=list)
    unused: list[DecidedException] = Field(default_factory=list)
