"""``secagg serve``: show the report's page live, triage from it, and take runs from jobs."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli.options import (
    ByOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    RootOption,
)
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.output.logs import LogFormat, format_of
from secagg.report.source import ProblemSource, TriageSink

if TYPE_CHECKING:
    from secagg.history import Store


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="0 picks a free port.")
    ] = 0,
    write: Annotated[
        bool, typer.Option("--write", help="Allow triage from the page when not on loopback, too.")
    ] = False,
    by: ByOption = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name that browsers may use. Repeatable.")
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
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Serve a report written with --format json."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The settings of a server for many: its address, whom it believes."
        ),
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="Lines for people, or a JSON object each (also SECAGG_LOG_FORMAT)."),
    ] = None,
) -> None:
    """Show the report's page live, triage from it, and take runs from jobs that have a token."""
    from secagg.cli.decide import user
    from secagg.pipeline import storesource
    from secagg.pipeline.origin import is_server
    from secagg.pipeline.storesource import open_source, open_triage

    whose = storesource.HistoryScope(
        root=root, store=store, repository=repo, branch=branch, all_repositories=all_repos
    )

    # The command line switches the collector off, but this command may run for days.
    gc.enable()
    in_database = all_repos and from_file is None and not is_server(store)
    code = run_server(
        lambda: open_source(from_file, whose),
        open_triage(from_file, whose),
        host=host,
        port=port,
        write=write,
        by=by or user(root),
        allow_hosts=allow_host or (),
        open_store=None if from_file is not None else partial(storesource.open_scope, whose),
        config=config,
        all_repositories=partial(storesource.open_scope, whose) if in_database else None,
        branch=branch,
        log_format=log_format or format_of(os.environ),
    )
    raise typer.Exit(code)


def run_server(
    open_source: Callable[[], ProblemSource],
    triage: TriageSink | None,
    *,
    host: str,
    port: int,
    write: bool,
    by: str,
    allow_hosts: Sequence[str],
    open_store: Callable[[], Store] | None = None,
    config: Path | None = None,
    log_format: LogFormat = LogFormat.TEXT,
    all_repositories: Callable[[], Store] | None = None,
    branch: str | None = None,
) -> int:
    """Serve the page, and the API for jobs over ``open_store``, until interrupted.

    With ``all_repositories``, which opens a store with a database, the pages are those for all.

    Raises :class:`UsageError` before it listens if FastAPI is missing or the source cannot be read.
    """
    try:
        from secagg.serve import server
        from secagg.serve.settings import load_settings
    except ImportError:
        raise UsageError(
            "secagg serve needs FastAPI and uvicorn", hint="pip install 'secagg[serve]'"
        ) from None
    settings = None if config is None else load_settings(config)
    if all_repositories is None:
        open_source().runs()
    else:
        with all_repositories():
            pass
    with server.bind(host, port) as listening:
        server.serve(
            listening,
            host,
            open_source,
            triage=triage,
            write=write,
            by=by,
            also_hosts=allow_hosts,
            announce=_announce,
            open_store=open_store,
            settings=settings,
            log_format=log_format,
            all_repositories=all_repositories,
            branch=branch,
        )
    return ExitCode.PASS


def _announce(address: str, read_only: bool) -> None:
    note = " (read-only)" if read_only else ""
    once = "It works once; " if "?token=" in address else ""
    console.out(f"Open {address}{note}\n{once}Ctrl-C ends the server.\n")
