"""``secagg serve``: its options."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.gateoptions import StoreOption
from secagg.cli.options import RootOption


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    write: Annotated[
        bool, typer.Option("--write", help="Triage from the page also when not on loopback.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option("--by", "--as", metavar="NAME", help="Who decides; your login name."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name that browsers may use. Repeatable.")
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
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Serve a report written with --format json."),
    ] = None,
) -> None:
    """Show the report's page live on this machine, and triage from it."""
    from secagg.pipeline import reportsource, servecommands, storesource

    whose = storesource.Whose(
        root=root, store=store, repository=repo, branch=branch, all_repositories=all_repos
    )

    # This command may run for days.
    gc.enable()
    code = servecommands.serve(
        lambda: reportsource.open_source(from_file, whose),
        reportsource.open_triage(from_file, whose),
        host=host,
        port=port,
        write=write,
        by=by,
        allow_hosts=allow_host or (),
    )
    raise typer.Exit(code)
