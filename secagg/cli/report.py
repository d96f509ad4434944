"""``secagg report``: its options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.gateoptions import StoreOption
from secagg.cli.options import ColourOption, RootOption

_Words = list[str] | None


class ReportFormat(StrEnum):
    """The formats of :mod:`secagg.report.formats`, which is not loaded for ``--help``."""

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


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(report)


def report(
    severity: Annotated[
        _Words, typer.Option("--severity", "-s", help="Of this severity, or unknown.")
    ] = None,
    at_least: Annotated[
        str | None, typer.Option(help="As bad as this or worse; unknown ones are shown too.")
    ] = None,
    kind: Annotated[_Words, typer.Option("--kind", "-k", help="Of this kind.")] = None,
    tool: Annotated[_Words, typer.Option("--tool", "-t", help="Reported by this tool.")] = None,
    component: Annotated[
        _Words, typer.Option("--component", "-c", help="In this component or below it.")
    ] = None,
    path: Annotated[
        _Words, typer.Option("--path", help="In files that this pattern (.gitignore's) matches.")
    ] = None,
    state: Annotated[
        _Words,
        typer.Option(
            help="open, confirmed, false-positive, accepted, excepted, fixed or all; "
            "open and confirmed if nothing is said."
        ),
    ] = None,
    owner: Annotated[_Words, typer.Option(help="Owned by this team or person, or none.")] = None,
    package: Annotated[_Words, typer.Option(help="In this package (its name or purl).")] = None,
    cve: Annotated[
        _Words, typer.Option("--id", "--cve", help="This CVE, GHSA, CWE, rule or id of a row.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", "--age", help="First seen so long ago: 30d, 2w.")
    ] = None,
    new_since: Annotated[
        str | None,
        typer.Option(help="New since a date, an age (7d), a run's commit or key, or last."),
    ] = None,
    fix: Annotated[
        bool | None, typer.Option("--fix-available/--no-fix-available", help="A fix is known.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Past its due day.")] = False,
    search: Annotated[
        str, typer.Option("--search", "-S", help="Every one of these words occurs.")
    ] = "",
    sort: Annotated[
        str, typer.Option(help="Keys with commas between; a - before one turns it around.")
    ] = "",
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by", "-g", help="severity, component, owner, package, rule, kind or tool."
        ),
    ] = None,
    columns: Annotated[str, typer.Option(help="Columns with commas between.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help="Rows to show; 0 for all.")
    ] = None,
    output_format: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="What to write: full on a terminal and concise elsewhere if nothing is said; "
            "a table if columns are named.",
        ),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            *("--output", "-o", "--output-file", "-O"),
            metavar="FILE",
            help="Write there, not to the screen; for gitlab, a directory.",
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary/--no-summary", help="Sum up before the table.")
    ] = True,
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="SEVERITY", help="Exit with 1 if any row is so bad or worse."),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Read a report written with --format json."),
    ] = None,
    root: RootOption = Path(),
    store: StoreOption = None,
    repo: Annotated[
        str | None, typer.Option(metavar="NAME", help="The repository; by default this one.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="By default the one checked out.")] = None,
    all_repos: Annotated[
        bool,
        typer.Option(
            "--all-repos",
            help="All repositories of the store; all their branches, too, without --branch.",
        ),
    ] = False,
    no_color: ColourOption = False,
) -> None:
    """Show what the recorded scans found: what is new, worst, overdue, and what mends most."""
    from secagg.pipeline import reportcommands, reportsource, storesource

    request = reportcommands.ReportRequest(
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
    whose = storesource.Whose(
        root=root, store=store, repository=repo, branch=branch, all_repositories=all_repos
    )
    code = reportcommands.report(
        request, lambda: reportsource.open_source(from_file, whose, details=request.details)
    )
    raise typer.Exit(code)


def _split(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]
