"""The document ``decision.json``: the gate's decision on each finding, with its reasons.

The schema is published as ``secagg/schemas/decision.schema.json``. Within one ``schema_version``
keys are only ever added. Version 2 has the tools of summary.json, version 2.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Annotated, Literal

from msgspec import Meta, field

from secagg.jsonio.output import encoded, pieces
from secagg.output.summary import Count, Document, FindingSummary, ToolSummary


class DecidedException(Document, kw_only=True):
    """An exception or another decision, with its source."""

    source: Annotated[str, Meta(description="file and line")]
    target: Annotated[str, Meta(description="what it covers, in words")]
    standing: Literal["in force", "expired", "refused"]
    reason: str | None = None
    owner: str | None = None
    expires: Annotated[datetime.date | None, Meta(description="holds through this day, UTC")] = None
    refusal: Annotated[str | None, Meta(description="why it cannot be honoured")] = None
    state: Annotated[
        Literal["accepted", "false-positive"], Meta(description="what it calls the problem")
    ] = "accepted"
    origin: Annotated[
        Literal["files", "store", "github", "vex", "scanners", "reports"],
        Meta(description="the kind of place where it was made"),
    ] = "files"


class DecidedFinding(FindingSummary, kw_only=True):
    """One row with the policy's judgement. ``action`` and ``why`` are as in ``summary.json``."""

    where: Annotated[str, Meta(description="path:line, an image, or a name")]
    problem: Annotated[str, Meta(description="the finding in a few words")]
    counted_as: Annotated[str, Meta(description="the severity it counted as")]
    policy_rule: Annotated[str | None, Meta(description="the rule of the policy that matched")] = (
        None
    )
    exception: DecidedException | None = None
    lapsed: Sequence[DecidedException] = ()
    baseline: Literal["new", "unchanged", "updated", "absent"] | None = None
    in_diff: bool | None = None
    cause: Annotated[
        Literal["this change", "the world", "before", "unknown"] | None,
        Meta(description="the cause of the finding; only where a change is judged"),
    ] = None
    cause_why: Annotated[str | None, Meta(description="why, as a sentence")] = None
    owners: Sequence[str] = ()
    first_seen: Annotated[datetime.datetime, Meta(tz=True)] | None = None
    due: datetime.date | None = None
    days_left: Annotated[int | None, Meta(description="days until due; negative is overdue")] = None
    epss: float | None = None
    kev: bool | None = None


class DecidedChange(Document, kw_only=True):
    """The change under review, and the baseline of the findings."""

    diff: Annotated[str | None, Meta(description="the range whose lines count as changed")] = None
    baseline: Annotated[str | None, Meta(description="the file, run or commit compared with")] = (
        None
    )
    policy_from: Annotated[
        str | None,
        Meta(description="the commit that policy, exceptions and configuration come from"),
    ] = None
    controls_changed: Annotated[
        list[str], Meta(description="files of the gate that this change touches")
    ] = field(default_factory=list)
    states: Annotated[dict[str, int], Meta(description="rows by baselineState")] = field(
        default_factory=dict
    )


class DecisionDocument(Document, kw_only=True):
    """A gate's decision. ``total = fail + warn + ignore``; ``excepted`` count in ``ignore``."""

    # A job of an older version may have written it (version 1).
    schema_version: Literal[1, 2] = 2
    secagg_version: str
    policy: str
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Annotated[int, Meta(ge=0, le=255)]
    today: Annotated[datetime.date, Meta(description="the day of the decision, UTC")]
    total: Count
    reported: Annotated[Count, Meta(description="entries in the tools' own reports")] = 0
    merged: Annotated[Count, Meta(description="entries folded into another row")] = 0
    fail: Count
    warn: Count
    ignore: Count
    by_counted_as: Annotated[
        dict[str, int], Meta(description="findings by the severity that they counted as")
    ] = field(default_factory=dict)
    by_severity: Annotated[
        dict[str, int],
        Meta(
            description="an older word for by_counted_as, deprecated; in summary.json and the "
            "report it counts findings by their own severity, unknown among them"
        ),
    ] = field(default_factory=dict)
    excepted: Count = 0
    gaps: Annotated[list[str], Meta(description="why the scan is incomplete")] = field(
        default_factory=list
    )
    failures: Annotated[list[str], Meta(description="why the gate fails")] = field(
        default_factory=list
    )
    not_analysed: Annotated[
        list[str], Meta(description="what no tool looked for and the policy does not require")
    ] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    change: DecidedChange | None = None
    tools: list[ToolSummary] = field(default_factory=list)
    findings: Annotated[
        Sequence[DecidedFinding],
        Meta(description="first those that fail, then those that warn; the worst first"),
    ] = ()
    lapsed: list[DecidedException] = field(default_factory=list)
    unused: list[DecidedException] = field(default_factory=list)

    def __post_init__(self) -> None:
        # What a job of an older version has written.
        if not self.by_counted_as:
            self.by_counted_as = self.by_severity

    def failing(self) -> Sequence[DecidedFinding]:
        """Return the findings that fail the gate, worst first."""
        return [finding for finding in self.counting() if finding.action == "fail"]

    def warning(self) -> Sequence[DecidedFinding]:
        """Return the findings that warn, worst first."""
        return [finding for finding in self.counting() if finding.action == "warn"]

    def counting(self) -> Sequence[DecidedFinding]:
        """Return the findings that fail or warn, without those that a filter removed."""
        return [*takewhile(lambda finding: finding.action != "ignore", self.findings)]

    def json_pieces(self) -> Iterator[bytes]:
        """Yield the document as JSON with a line for each of its values and for each finding."""
        joint = b"{\n"
        for name in self.__struct_fields__:
            yield joint + encoded(name) + b":"
            if name == "findings":
                yield b"[\n"
                yield from pieces(self.findings, b",\n")
                yield b"\n]"
            else:
                yield encoded(getattr(self, name))
            joint = b",\n"
        yield b"\n}\n"
