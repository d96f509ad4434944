"""The outcome of a scan: tool runs with their parsed reports, groups and decision."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from msgspec import Struct, field

from secagg.change.baseline import Comparison
from secagg.merge.groups import MergedSet
from secagg.model.finding import Kind
from secagg.output.decision import DecidedChange
from secagg.output.summary import UploadSummary
from secagg.packages.components import ROOT
from secagg.parsing import Gap, ParsedReport
from secagg.policy.decision import Decision
from secagg.scanners.base import ToolRun


class ToolResult(Struct, kw_only=True):
    """A tool run and its parsed reports.

    ``optional``: the configuration lets the tool fail. ``broken``: the run failed for another
    reason than its gaps. ``looked_for``: the kinds that the run looks for, None where only the
    report can say. ``needed``: no other tool looked for a kind that every repository needs, so
    that neither configuration nor policy can make this tool optional.
    """

    run: ToolRun
    parsed: list[ParsedReport] = field(default_factory=list)
    optional: bool = False
    broken: bool = False
    looked_for: frozenset[Kind] | None = None
    needed: bool = False


def gaps_of(result: ToolResult) -> list[Gap]:
    """Return the gaps of a tool run and its reports: what the tool did not look at."""
    return [*result.run.gaps, *(gap for parsed in result.parsed for gap in parsed.gaps)]


class Outcome(Struct, kw_only=True):
    """Everything that a command shows and writes.

    ``started_at`` is the time in the written files, to the second; ``started`` is that of the run
    in the history, where runs of one second keep their order. ``interrupted``: the user stopped the
    scan. ``narrowed``: options limited it to some tools, components or commits. ``change`` and
    ``comparison`` describe the comparison with a baseline.
    """

    results: Sequence[ToolResult]
    merged: MergedSet
    decision: Decision
    components: Sequence[str] = (ROOT,)
    root_name: str | None = None
    started_at: str | None = None
    started: datetime.datetime | None = None
    interrupted: bool = False
    narrowed: bool = False
    warnings: list[str] = field(default_factory=list)
    upload: UploadSummary | None = None
    change: DecidedChange | None = None
    comparison: Comparison | None = None
