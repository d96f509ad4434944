"""From a source and a question to all that a format may show."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from secagg.model.problem import RunRecord
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.report.formats import Report
from secagg.report.grouping import GroupBy
from secagg.report.overview import overview
from secagg.report.query import Query, answer
from secagg.report.source import ProblemSource
from secagg.report.standing import LastRuns


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
    """Ask ``source`` at ``now`` (UTC). ``runs`` are its runs, where the caller has them already."""
    found = source.runs() if runs is None else runs
    answered = answer(query, source.problems(), now.date())
    return Report(
        answer=answered,
        overview=overview(answered, found, now.date()),
        now=now,
        runs=found,
        last=LastRuns.of(found),
        style=style or Style(),
        columns=columns,
        group_by=group_by,
        summary=summary,
        every_state=not query.filters.states,
        limit=query.limit,
        listing=listing,
    )
