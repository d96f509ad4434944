"""What a scan came to: the tool runs, what they reported, the groups and the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from secagg.change.baseline import Comparison
from secagg.merge.groups import MergedSet
from secagg.model.finding import Kind
from secagg.output.decision import DecidedChange
from secagg.output.summary import UploadSummary
from secagg.packages.components import ROOT
from secagg.parsing import Gap, ParsedReport
from secagg.policy.decision import Decision
from secagg.scanners.base import ToolRun


@dataclass(slots=True, kw_only=True)
class ToolResult:
    """A tool run and its reports understood. ``optional`` is what the configuration says of it.

    ``broken`` is True where the run failed for another reason than the gaps that it names.
    ``looked_for`` are the kinds that the run looks for; None where a report has to say it.
    ``needed`` says that nobody else looked for what every repository needs, so that no word of the
    configuration or the policy makes the tool optional.
    """

    run: ToolRun
    parsed: list[ParsedReport] = field(default_factory=list)
    optional: bool = False
    broken: bool = False
    looked_for: frozenset[Kind] | None = None
    needed: bool = False


def gaps_of(result: ToolResult) -> list[Gap]:
    """Return what a tool run and its reports say was not looked at."""
    return [*result.run.gaps, *(gap for parsed in result.parsed for gap in parsed.gaps)]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Everything that is to be shown and written. ``interrupted`` if the user stopped it.

    ``narrowed`` if it was asked to look at some tools, components or commits only;
    ``change`` and ``comparison`` say what the findings were compared with.
    """

    results: Sequence[ToolResult]
    merged: MergedSet
    decision: Decision
    components: Sequence[str] = (ROOT,)
    root_name: str | None = None
    started_at: str | None = None
    interrupted: bool = False
    narrowed: bool = False
    warnings: list[str] = field(default_factory=list)
    upload: UploadSummary | None = None
    change: DecidedChange | None = None
    comparison: Comparison | None = None
