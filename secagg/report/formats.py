"""Every format of the report by its name; what a format needs is loaded when it is asked for."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module

from secagg.model.problem import RunRecord
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.report.grouping import GroupBy
from secagg.report.overview import Overview
from secagg.report.query import Answer
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
    """All that a format may show. ``now`` is in UTC; ``runs`` are the recorded scans.

    ``every_state`` is True where no state was asked for: a format that can filter by itself may
    show what is settled, too. ``limit`` is that of the question. ``listing`` is how a screen lists
    the rows.
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

    @property
    def today(self) -> datetime.date:
        return self.now.date()


# What a person reads is cut after so many rows, and says so; files for machines are not cut.
DEFAULT_LIMITS = {
    Format.FULL: 100,
    Format.CONCISE: 100,
    Format.TABLE: 100,
    Format.MARKDOWN: 100,
}

# What a person reads on a screen.
SCREENS = frozenset({Format.FULL, Format.CONCISE, Format.TABLE})

# They show the columns of secagg.report.columns and nothing else of a problem.
LISTS = SCREENS | {Format.CSV, Format.MARKDOWN}

_MODULES = {
    Format.FULL: "textformat",
    Format.CONCISE: "textformat",
    Format.TABLE: "textformat",
    Format.JSON: "jsonformat",
    Format.JSONL: "jsonlines",
    Format.CSV: "csvformat",
    Format.MARKDOWN: "markdown",
    Format.SARIF: "sarif",
    Format.JUNIT: "junit",
    Format.OPENVEX: "openvex",
    Format.CYCLONEDX: "cyclonedx",
    Format.GITLAB_SAST: "gitlab.sast",
    Format.GITLAB_DEPENDENCIES: "gitlab.dependencies",
    Format.GITLAB_SECRETS: "gitlab.secrets",
    Format.HTML: "page",
}


# GitLab's reports by the names under which its CI looks for them: all that ``gitlab`` writes.
GITLAB_FILES = {
    "gl-sast-report.json": Format.GITLAB_SAST,
    "gl-dependency-scanning-report.json": Format.GITLAB_DEPENDENCIES,
    "gl-secret-detection-report.json": Format.GITLAB_SECRETS,
}


def written(report: Report, output_format: Format) -> Iterable[bytes]:
    """``report`` in ``output_format``, piece by piece, as UTF-8.

    ``gitlab`` is not one document: see :data:`GITLAB_FILES`.
    """
    module = import_module(f"secagg.report.{_MODULES[output_format]}")
    pieces: Iterable[bytes] = module.pieces(report)
    return pieces
