"""``secagg export``: write the store's tables for other programs."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import HistoryOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.output import console

export_app = typer.Typer(help="Write the store's tables for other programs.", no_args_is_help=True)


@export_app.callback()
def _export() -> None:
    """Keep the subcommand's name, which Typer drops where there is only one."""


@export_app.command()
def parquet(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the tables are; made if missing.")
    ],
    store: HistoryOption = None,
    root: RootOption = Path(),
    repo: Annotated[
        str | None,
        typer.Option(
            "--repo",
            "--repository",
            metavar="OWNER/NAME",
            help="This repository only; by default all.",
        ),
    ] = None,
    branch: Annotated[str | None, typer.Option(help="This branch only; by default all.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="Leave out scans and log entries before this day (2026-11-30 or 30d, UTC).",
        ),
    ] = None,
) -> None:
    """Write problems, scans, sightings and decisions as Parquet, partitioned by day."""
    from secagg.pipeline.export import ExportScope, export_parquet

    scope = ExportScope(
        root=root,
        store=store,
        repository=repo,
        branch=branch,
        since=None if since is None else _day(since),
    )
    for written in export_parquet(directory, scope):
        days = f"{written.days} day{'' if written.days == 1 else 's'}"
        rows = f"{written.rows} row{'' if written.rows == 1 else 's'}"
        console.out(f"{written.table}: {rows} in {days}\n")
    raise typer.Exit(ExitCode.PASS)


def _day(text: str) -> datetime.date:
    from secagg.system.dates import day_of, days, is_days, utc_today

    try:
        if is_days(text):
            return utc_today() - datetime.timedelta(days=days(text))
        return day_of(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
