"""Compose the digest of a report: title, state of the scans, and rows by owner.

Rows and summary are those of ``secagg report`` (:mod:`secagg.report.table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from secagg.model.problem import Problem, RunRecord
from secagg.output.escape import cut
from secagg.output.grid import Style
from secagg.output.listing import Listing, format_listing
from secagg.report.formats import Report
from secagg.report.overview import missing_sentences
from secagg.report.query import GroupBy, sections
from secagg.report.table import entry, summary_lines
from secagg.secrets.redactor import Redactor

_LONGEST_DETAIL = 120
_MOST_FIXES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRow:
    """One problem as a line of ``secagg report``; ``name`` is its advisory or rule in the line."""

    text: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSection:
    """The rows of one owner, worst first; ``total`` counts those beyond the report's limit too."""

    heading: str
    rows: Sequence[DigestRow]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A message before it is written in a service's format. All texts are masked, not escaped.

    ``warnings`` say why problems may be missing; ``fixes`` are the upgrades that close the most.
    ``total`` counts the matching problems.
    """

    title: str
    warnings: Sequence[str]
    summary: Sequence[str]
    sections: Sequence[OwnerSection]
    fixes: Sequence[str]
    command: str
    total: int

    @property
    def incomplete(self) -> bool:
        """Whether problems may be missing."""
        return bool(self.warnings)


def compose_digest(report: Report, redactor: Redactor, *, command: str, new: bool) -> Digest:
    """Return the digest of ``report``.

    ``redactor`` masks the texts once more, shapes of secrets too, as they leave for a third party.
    ``command`` shows the same rows; ``new`` says that the report holds new problems only.
    """
    warnings = missing_sentences(report.runs)
    mask = redactor.mask
    return Digest(
        title=mask(_title(report, incomplete=bool(warnings), new=new)),
        warnings=[mask(line) for line in warnings],
        summary=[mask(line) for line in _summary(report, incomplete=bool(warnings))],
        sections=[
            OwnerSection(
                heading=mask(section.name),
                rows=[_row(problem, report, redactor) for problem in section.problems],
                total=section.total,
            )
            for section in sections(
                report.answer.rows, GroupBy.OWNER, all_problems=report.answer.matching
            )
        ],
        fixes=[mask(line) for line in _fixes(report)],
        command=command,
        total=len(report.answer.matching),
    )


def _summary(report: Report, *, incomplete: bool) -> list[str]:
    """Return the report's summary without what the rows and the fixes show as well."""
    overview = replace(report.overview, components=[], upgrades=[], by_state={})
    lines = summary_lines(overview, report.answer, Style()).splitlines()
    if incomplete:
        lines[0] = lines[0].replace("problem", "known problem", 1)
    return lines


def _fixes(report: Report) -> list[str]:
    """Return the upgrades that close several problems each."""
    overview = report.overview
    return [
        f"{upgrade.sentence} ({upgrade.where(several=overview.several)}; worst: {upgrade.worst})"
        for upgrade in overview.upgrades[:_MOST_FIXES]
        if upgrade.closes > 1
    ]


def _row(problem: Problem, report: Report, redactor: Redactor) -> DigestRow:
    shown = entry(problem, report.last, report.today, several=report.overview.several)
    detail = cut(redactor.mask(shown.detail), _LONGEST_DETAIL)
    line = format_listing([structs.replace(shown, detail=detail)], Listing.CONCISE, Style())
    return DigestRow(text=redactor.mask(line), name=shown.name)


def _title(report: Report, *, incomplete: bool, new: bool) -> str:
    overview, kind = report.overview, "new problem" if new else "problem"
    counts = ", ".join(
        f"{change.count} {label}" for label, change in overview.by_severity.items() if change.count
    )
    total = f"{overview.total:,} {kind}" + ("" if overview.total == 1 else "s")
    text = f"{total} ({counts})" if counts else f"no {kind}s match"
    if incomplete:
        known = f"{text} so far" if counts else f"no {kind} is known so far"
        text = f"INCOMPLETE scan, {known}"
    return f"secagg: {_scope(report.runs)}: {text}"


def _scope(runs: Sequence[RunRecord]) -> str:
    branches = {(run.repository, run.branch) for run in runs}
    if len(branches) == 1:
        return " ".join(branches.pop())
    repositories = {repository for repository, _ in branches}
    count = "1 repository" if len(repositories) == 1 else f"{len(repositories)} repositories"
    return f"{count}, {len(branches)} branches"
