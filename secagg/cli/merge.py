"""``secagg merge``: people overrule what was merged, in a file that is reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import LastOption, RootOption

merge_app = typer.Typer(
    help="Overrule the merging, in secagg-merge.yaml of the repository.", no_args_is_help=True
)
_Row = "A row of the last scan: its id, or how it begins (6 digits)."
_Reason = Annotated[str, typer.Option(help="Why: shown by secagg explain and in review.")]


@merge_app.command()
def split(
    identity: Annotated[str, typer.Argument(metavar="ID", help=_Row)],
    reason: _Reason,
    apart: Annotated[
        list[str] | None,
        typer.Option(metavar="TOOL", help="Only this tool's findings stand apart. Repeatable."),
    ] = None,
    root: RootOption = Path(),
    last: LastOption = Path("secagg-out"),
) -> None:
    """The row ID is not one problem: its sources stand alone."""
    from secagg.pipeline import mergecommands

    code = mergecommands.split(root, identity, reason=reason, apart=apart or [], last=last)
    raise typer.Exit(code)


@merge_app.command()
def join(
    identities: Annotated[list[str], typer.Argument(metavar="ID ID...", help=_Row)],
    reason: _Reason,
    root: RootOption = Path(),
    last: LastOption = Path("secagg-out"),
) -> None:
    """The rows are one problem, which goes by the first ID."""
    from secagg.pipeline import mergecommands

    raise typer.Exit(mergecommands.join(root, identities, reason=reason, last=last))
