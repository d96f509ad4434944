"""``secagg import`` and ``secagg runs``: into the history, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.db import StoreOption
from secagg.cli.help import Commands
from secagg.cli.options import (
    ColourOption,
    ConfigOption,
    FormatOption,
    LastOption,
    OutputFormat,
    PolicyOption,
    RootOption,
)

runs_app = typer.Typer(help="List the recorded scans, and look at one.")
_Repository = Annotated[str | None, typer.Option("--repo", help="The repository as OWNER/NAME.")]
_Branch = Annotated[str | None, typer.Option(help="The branch, instead of the one checked out.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("import")(import_reports)
    app.add_typer(runs_app, name="runs", cls=Commands)
    app.command("show")(show_problem)


def import_reports(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of old reports.")],
    root: RootOption = Path(),
    store: StoreOption = None,
    repo: _Repository = None,
    branch: _Branch = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
) -> None:
    """Record old reports in the order of their time: each file, and each folder, is one scan."""
    from secagg.pipeline import importcommand
    from secagg.pipeline.gate import GateOptions

    options = GateOptions(policy=policy, store=store, repository=repo, branch=branch)
    raise typer.Exit(
        importcommand.import_reports(directory, root=root, gate=options, config=config)
    )


def show_problem(
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="The problem's id, or its beginning.")
    ],
    root: RootOption = Path(),
    last: LastOption = Path("secagg-out"),
    store: StoreOption = None,
    repo: _Repository = None,
    branch: _Branch = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show all of one problem: what, where, why it counts, its fix, its history and decisions."""
    from secagg.pipeline import showcommand
    from secagg.pipeline.gate import GateOptions

    options = GateOptions(policy=policy, store=store, repository=repo, branch=branch)
    raise typer.Exit(
        showcommand.show(
            identity,
            root=root,
            last=last,
            gate=options,
            config=config,
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )


@runs_app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    store: StoreOption = None,
    root: RootOption = Path(),
    repo: _Repository = None,
    branch: Annotated[str | None, typer.Option(help="Runs of this branch only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many runs at most, the newest first.")] = 20,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """List recorded scans, newest first: when, of which commit, by which tools, and the totals."""
    if context.invoked_subcommand is not None:
        return
    from secagg.pipeline import runcommands

    raise typer.Exit(
        runcommands.list_runs(
            runcommands.Which(root=root, store=store, repository=repo, branch=branch),
            limit=limit,
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )


@runs_app.command()
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The run's key, or its beginning.")],
    store: StoreOption = None,
    root: RootOption = Path(),
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show one recorded scan: its tools, its problems, and what was new or fixed with it."""
    from secagg.pipeline import runcommands

    raise typer.Exit(
        runcommands.show_run(
            key,
            runcommands.Which(root=root, store=store),
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )
