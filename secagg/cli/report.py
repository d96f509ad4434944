"""``secagg report``: show problems of the history in one of many formats.

This module imports nothing of a scan: people run the command often and wait for it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.filteroptions import (
    AtLeastFilter,
    ComponentFilter,
    FixFilter,
    IdFilter,
    KindFilter,
    NewSinceFilter,
    OlderThanFilter,
    OverdueFilter,
    OwnerFilter,
    PackageFilter,
    PathFilter,
    SearchFilter,
    SeverityFilter,
    StateFilter,
    ToolFilter,
)
from secagg.cli.options import (
    ColourOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    RootOption,
)
from secagg.errors import ExitCode, UsageError
from secagg.model.finding import Severity
from secagg.model.problem import Problem
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.report.columns import check_columns
from secagg.report.filters import Filters, FilterWords, choice, filters_of, unmatched_filters
from secagg.report.formats import (
    DEFAULT_LIMITS,
    GITLAB_FILES,
    LISTS,
    SCREENS,
    Format,
    Report,
    compose,
    written,
)
from secagg.report.query import GroupBy, Query
from secagg.report.source import AnsweringSource, ProblemSource
from secagg.report.standing import newest_runs
from secagg.system.dates import utc_now
from secagg.system.files import replacing


def report(
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    tool: ToolFilter = None,
    component: ComponentFilter = None,
    path: PathFilter = None,
    state: StateFilter = None,
    owner: OwnerFilter = None,
    package: PackageFilter = None,
    cve: IdFilter = None,
    older_than: OlderThanFilter = None,
    new_since: NewSinceFilter = None,
    fix: FixFilter = None,
    overdue: OverdueFilter = False,
    search: SearchFilter = "",
    sort: Annotated[
        str, typer.Option(help="Keys, separated by commas; a - before one reverses it.")
    ] = "",
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by", "-g", help="severity, component, owner, package, rule, kind or tool."
        ),
    ] = None,
    columns: Annotated[str, typer.Option(help="Columns, separated by commas.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help="Rows to show; 0 for all.")
    ] = None,
    output_format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="What to write: by default full on a terminal and concise elsewhere; a table if "
            "columns are named.",
        ),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            *("--output", "-o", "--output-file", "-O"),
            metavar="FILE",
            help="The file to write instead of the screen; for gitlab, a directory.",
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary/--no-summary", help="Sum up before the table.")
    ] = True,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY", help="Exit with 1 if any open problem is this severe or worse."
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Read a report written with --format json."),
    ] = None,
    root: RootOption = Path(),
    store: HistoryOption = None,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    all_repos: Annotated[
        bool,
        typer.Option(
            "--all-repos",
            help="All repositories: the default branch of each, or --branch ('*': every one).",
        ),
    ] = False,
    no_color: ColourOption = False,
) -> None:
    """Show what the recorded scans found: what is new, worst, overdue, and what mends most."""
    from secagg.pipeline import storesource
    from secagg.pipeline.storesource import open_report

    request = ReportRequest(
        severity=severity or (),
        at_least=at_least,
        kind=kind or (),
        tool=tool or (),
        component=component or (),
        path=path or (),
        state=state or (),
        owner=owner or (),
        package=package or (),
        id=cve or (),
        older_than=older_than,
        new_since=new_since,
        fix=fix,
        overdue=overdue,
        search=search,
        sort=_split(sort),
        group_by=group_by,
        columns=_split(columns),
        limit=limit,
        output_format=None if output_format is None else output_format.value,
        output_file=output_file,
        summary=summary,
        fail_on=fail_on,
        no_colour=no_color,
    )
    whose = storesource.HistoryScope(
        root=root, store=store, repository=repo, branch=branch, all_repositories=all_repos
    )
    code = write_report(request, lambda: open_report(from_file, whose, details=request.details))
    raise typer.Exit(code)


def _split(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


# The other formats are JSON.
_SYNTAX = {
    Format.CSV: console.Syntax.TEXT,
    Format.MARKDOWN: console.Syntax.TEXT,
    Format.JUNIT: console.Syntax.XML,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest(FilterWords):
    """The options of ``secagg report``, not yet checked.

    Without an ``output_format`` a screen has the default listing, and a table if columns are named.
    """

    sort: Sequence[str] = ()
    group_by: str | None = None
    columns: Sequence[str] = ()
    limit: int | None = None
    output_format: str | None = None
    output_file: Path | None = None
    summary: bool = True
    fail_on: str | None = None
    no_colour: bool = False
    now: datetime.datetime = field(default_factory=utc_now)

    @property
    def details(self) -> bool:
        """Whether the format or a filter needs more of a problem than a list shows."""
        # The rules and files of all its sources are among the details.
        if self.id or self.path:
            return True
        return self.output_format is not None and self.output_format not in LISTS


def write_report(request: ReportRequest, open_source: Callable[[], ProblemSource]) -> int:
    """Write the report that ``request`` asks for, and return the exit code.

    Raises :class:`UsageError` for an option with an unknown value.
    """
    output_format = _format(request)
    group_by = None if request.group_by is None else choice(GroupBy, request.group_by, "--group-by")
    columns = check_columns(request.columns)
    threshold = None if request.fail_on is None else choice(Severity, request.fail_on, "--fail-on")
    # Check the options before opening the history, which may take long.
    filters_of(request, None, request.now)
    source = open_source()
    with ExitStack() as ends:
        if isinstance(source, AnsweringSource):
            ends.callback(source.close)
        return _write_from(source, request, output_format, group_by, columns, threshold)


def _write_from(
    source: ProblemSource,
    request: ReportRequest,
    output_format: Format,
    group_by: GroupBy | None,
    columns: Sequence[str],
    threshold: Severity | None,
) -> int:
    runs = source.runs()
    filters = filters_of(request, runs, request.now)
    if isinstance(source, AnsweringSource):
        note_unmatched(source.unmatched(filters, request.now.date()))
    else:
        note_unmatched_filters(filters, source.problems(), request.now)
    limit = DEFAULT_LIMITS.get(output_format) if request.limit is None else request.limit or None
    style = _style(request, output_format)
    if request.limit is None and output_format in SCREENS and style.width is None:
        # A program that reads a pipe would not notice that rows are missing.
        limit = None
    query = Query(filters=filters, sort=tuple(request.sort), limit=limit)
    composed = compose(
        source,
        query,
        request.now,
        runs=runs,
        style=style,
        columns=columns,
        group_by=group_by,
        summary=request.summary,
        listing=Listing(output_format) if output_format in SCREENS else Listing.TABLE,
    )
    if output_format is Format.HTML and request.limit is None:
        _write_html(composed, request.output_file)
    else:
        _write_all(composed, output_format, request.output_file)
    return ExitCode.PASS if threshold is None else _exit_code(composed, threshold)


def note_unmatched_filters(
    filters: Filters, problems: Iterable[Problem], now: datetime.datetime
) -> None:
    """Print a note on standard error for each value of a filter that matches no problem."""
    if filters == Filters():
        return
    note_unmatched(unmatched_filters(filters, list(problems), now.date()))


def note_unmatched(sentences: Iterable[str]) -> None:
    """Print ``sentences`` on standard error."""
    for sentence in sentences:
        console.err(f"secagg: note: {terminal(sentence)}\n")


def _exit_code(report: Report, threshold: Severity) -> int:
    """Return 1 if an open problem is ``threshold`` or worse, 3 if the last scans are incomplete.

    A problem of unknown severity counts, because it may be as severe.
    """
    failing = report.answer.failing(threshold, report.today)
    if failing:
        console.err(f"secagg: {failing} open problems are {threshold} or worse\n")
        return ExitCode.GATE_FAILED
    incomplete = [run for run in newest_runs(report.runs) if run.verdict == "incomplete"]
    if not report.runs or incomplete:
        why = "the last scan was incomplete" if incomplete else "no scan is recorded"
        console.err(f"secagg: {why}: this result may be incomplete\n")
        return ExitCode.INCOMPLETE
    return ExitCode.PASS


def _format(request: ReportRequest) -> Format:
    if request.output_format is not None:
        return choice(Format, request.output_format, "--format")
    if request.columns:
        return Format.TABLE
    style = Style() if request.output_file is not None else Style.of_output()
    return Format(Listing.default(style).value)


def _style(request: ReportRequest, output_format: Format) -> Style:
    if output_format not in SCREENS or request.output_file is not None:
        return Style()
    return Style.of_output(no_colour=request.no_colour)


def _write_all(report: Report, output_format: Format, path: Path | None) -> None:
    if output_format is not Format.GITLAB:
        _write(written(report, output_format), output_format, path)
        return
    if path is None:
        raise UsageError(
            "--format gitlab writes three files",
            hint="name a directory with --output, or one of them with --format gitlab-sast",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {path}: {error.strerror}") from None
    for name, file_format in GITLAB_FILES.items():
        _write(written(report, file_format), file_format, path / name)


def _write_html(report: Report, path: Path | None) -> None:
    """Write one page, or a page for each repository where one would be too large."""
    from secagg.report import pagefiles

    numbers, most = pagefiles.numbers(report), pagefiles.MOST_IN_PAGE
    total, several = sum(numbers.values()), len(numbers) > 1
    if total <= most:
        _write(written(report, Format.HTML), Format.HTML, path)
        return
    if path is None or not several:
        _write(pagefiles.page_of_worst(report), Format.HTML, path)
        what = f"the page has the worst {most:,} of {total:,} problems"
        hint = "--output FILE writes a page for each repository" if several else "--limit 0: all"
        console.err(f"secagg: note: {what}; {hint}\n")
        return
    try:
        number = pagefiles.write_pages(report, path, lambda f, p: _write(p, Format.HTML, f))
    except OSError as error:
        raise UsageError(f"cannot make a directory beside {path}: {error.strerror}") from None
    console.err(
        f"secagg: note: {total:,} problems are too many for one page: {number:,} repositories have "
        f"pages of their own in {terminal(str(pagefiles.directory_of(path)))}\n"
    )


def _write(pieces: Iterable[bytes], output_format: Format, path: Path | None) -> None:
    if path is None and output_format in SCREENS:
        console.paged(b"".join(pieces).decode("utf-8", "replace"))
        return
    if path is None:
        console.document(pieces, _SYNTAX.get(output_format, console.Syntax.JSON))
        return
    try:
        with replacing(path) as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name a file in a directory that exists"
        ) from None
