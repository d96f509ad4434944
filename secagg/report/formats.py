"""The formats of the report by name, each loaded on demand."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module

from secagg.model.problem import RunRecord
from secagg.output.codehost import CodeHost
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.report.overview import Overview, overview
from secagg.report.query import Answer, GroupBy, Query, answer
from secagg.report.source import AnsweringSource, ProblemSource
from secagg.report.standing import LastRuns


class Format(StrEnum):
    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    JUNIT = "junit"
    OPENVEX = "openvex"
    CYCLONEDX = "cyclonedx-vex"
    GITLAB = "gitlab"
    GITLAB_SAST = "gitlab-sast"
    GITLAB_DEPENDENCIES = "gitlab-dependency-scanning"
    GITLAB_SECRETS = "gitlab-secret-detection"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a format may show. ``now`` is in UTC; ``runs`` are the recorded scans.

    ``every_state``: the query names no state, so that a format with filters of its own may show all
    states. ``limit`` is that of the query. ``listing`` is the form of the rows on a screen.
    ``code`` is the site that shows the code.
    """

    answer: Answer
    overview: Overview
    now: datetime.datetime
    runs: Sequence[RunRecord] = ()
    last: LastRuns = field(default_factory=LastRuns)
    style: Style = field(default_factory=Style)
    columns: Sequence[str] = ()
    group_by: GroupBy | None = None
    summary: bool = True
    every_state: bool = False
    limit: int | None = None
    listing: Listing = Listing.TABLE
    code: CodeHost | None = None

    @property
    def today(self) -> datetime.date:
        return self.now.date()


# The most rows of formats for people, which note the omitted ones; other formats have all rows.
DEFAULT_LIMITS = {
    Format.FULL: 100,
    Format.CONCISE: 100,
    Format.TABLE: 100,
    Format.MARKDOWN: 100,
}
# Formats for a screen.
SCREENS = frozenset({Format.FULL, Format.CONCISE, Format.TABLE})
# Formats that show only the columns of secagg.report.columns.
LISTS = SCREENS | {Format.CSV, Format.MARKDOWN}
# Module and function that write a report in pieces.
_WRITERS = {
    Format.FULL: "table:pieces",
    Format.CONCISE: "table:pieces",
    Format.TABLE: "table:pieces",
    Format.JSON: "jsonformat:pieces",
    Format.JSONL: "jsonformat:line_pieces",
    Format.CSV: "columns:pieces",
    Format.MARKDOWN: "markdown:pieces",
    Format.SARIF: "sarif:pieces",
    Format.JUNIT: "junit:pieces",
    Format.OPENVEX: "vex:openvex_pieces",
    Format.CYCLONEDX: "vex:cyclonedx_pieces",
    Format.GITLAB_SAST: "gitlab:sast_pieces",
    Format.GITLAB_DEPENDENCIES: "gitlab:dependency_pieces",
    Format.GITLAB_SECRETS: "gitlab:secret_pieces",
    Format.HTML: "page:pieces",
}
# The files of the format ``gitlab``, by the names that GitLab's CI expects.
GITLAB_FILES = {
    "gl-sast-report.json": Format.GITLAB_SAST,
    "gl-dependency-scanning-report.json": Format.GITLAB_DEPENDENCIES,
    "gl-secret-detection-report.json": Format.GITLAB_SECRETS,
}


def written(report: Report, output_format: Format) -> Iterable[bytes]:
    """Write ``report`` in ``output_format``, in pieces of UTF-8.

    ``gitlab`` is several documents: see :data:`GITLAB_FILES`.
    """
    module, _, name = _WRITERS[output_format].partition(":")
    pieces: Iterable[bytes] = getattr(import_module(f"secagg.report.{module}"), name)(report)
    return pieces


def compose(
    source: ProblemSource,
    query: Query,
    now: datetime.datetime,
    *,
    runs: Sequence[RunRecord] | None = None,
    style: Style | None = None,
    columns: Sequence[str] = (),
    group_by: GroupBy | None = None,
    summary: bool = True,
    listing: Listing = Listing.TABLE,
) -> Report:
    """Query ``source`` at ``now`` (UTC), and return the report.

    ``runs`` are those of ``source``, where the caller has them already.
    """
    recorded_runs = source.runs() if runs is None else runs
    if isinstance(source, AnsweringSource):
        result = source.answer(query, now.date())
        summed_up = source.overview(result, recorded_runs, now.date())
    else:
        result = answer(query, source.problems(), now.date())
        summed_up = overview(result, recorded_runs, now.date())
    return Report(
        answer=result,
        overview=summed_up,
        now=now,
        runs=recorded_runs,
        last=LastRuns.of(recorded_runs),
        style=style or Style(),
        columns=columns,
        group_by=group_by,
        summary=summary,
        every_state=not query.filters.states,
        limit=query.limit,
        listing=listing,
        code=getattr(source, "code", None),
    )
