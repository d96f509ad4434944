"""``secagg merge``: people overrule what was merged, in a file that is reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import RootOption

merge_app = typer.Typer(
    help="Overrule the merging, in secagg-merge.yaml of the repository.", no_args_is_help=True
)
_Reason = Annotated[str, typer.Option(help="Why: shown by secagg explain and in review.")]


@merge_app.command()
def split(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    reason: _Reason,
    apart: Annotated[
        list[str] | None, typer.Option(help="Only this tool's findings stand apart. Repeatable.")
    ] = None,
    root: RootOption = Path(),
) -> None:
    """The row ID is not one problem: its sources stand alone."""
    from secagg.pipeline import commands

    raise typer.Exit(commands.merge_split(root, identity, reason=reason, apart=apart or []))


@merge_app.command()
def join(
    identities: Annotated[list[str], typer.Argument(metavar="ID ID...")],
    reason: _Reason,
    root: RootOption = Path(),
) -> None:
    """The rows are one problem, which goes by the first ID."""
    from secagg.pipeline import commands

    raise typer.Exit(commands.merge_join(root, identities, reason=reason))
