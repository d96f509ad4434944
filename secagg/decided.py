"""``decision.json``: what a gate decided about each finding and why, for machines.

The schema is published as ``secagg/schemas/decision.schema.json``. Within ``schema_version`` 1
keys are only ever added.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

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
    """``total = fail + warn + ignore``; ``excepted`` of those ignored are so by an exception.

    ``findings`` may be a sequence that makes its items when they are asked for: a hundred
    thousand of them at once take more memory than what they were made from.
    """

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
    by_severity: dict[str, int] = Field(
        default_factory=dict, description="findings by the severity that they counted as"
    )
    excepted: int = Field(default=0, ge=0)
    gaps: list[str] = Field(default_factory=list, description="why nobody can say it is clean")
    failures: list[str] = Field(default_factory=list, description="why the gate fails")
    notes: list[str] = Field(default_factory=list)
    change: DecidedChange | None = None
    tools: list[ToolSummary] = Field(default_factory=list)
    findings: Annotated[Sequence[DecidedFinding], SkipValidation] = Field(
        default=(), description="first those that fail, then those that warn; the worst first"
    )
    lapsed: list[DecidedException] = Field(default_factory=list)
    unused: list[DecidedException] = Field(default_factory=list)

    def failing(self) -> Sequence[DecidedFinding]:
        """The findings that fail the gate, worst first."""
        return self.findings[: self.fail]

    def warning(self) -> Sequence[DecidedFinding]:
        """The findings that warn, worst first."""
        return self.findings[self.fail : self.fail + self.warn]

    def counting(self) -> Sequence[DecidedFinding]:
        """The findings that fail or warn."""
        return self.findings[: self.fail + self.warn]

    def json_pieces(self) -> Iterator[str]:
        """The document as JSON with a line for each value, a finding at a time."""
        empty = '\n  "findings": ['
        head = self.model_copy(update={"findings": []}).model_dump_json(indent=2)
        # No text of a JSON document holds a line break: this is the key itself.
        before, _, after = head.partition(empty)
        yield before + empty
        joint = "\n    "
        for finding in self.findings:
            yield joint + finding.model_dump_json(indent=2).replace("\n", "\n    ")
            joint = ",\n    "
        yield ("\n  " if self.findings else "") + after + "\n"
