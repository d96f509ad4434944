"""``secagg merge``: overrule what was merged, in a file that is reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from secagg import ids
from secagg.cli.options import LastOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline import gate
from secagg.pipeline.write import is_whole_row, row_named, rows_of_last

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

    code = split_row(root, identity, reason=reason, apart=apart or [], last=last)
    raise typer.Exit(code)


@merge_app.command()
def join(
    identities: Annotated[list[str], typer.Argument(metavar="ID ID...", help=_Row)],
    reason: _Reason,
    root: RootOption = Path(),
    last: LastOption = Path("secagg-out"),
) -> None:
    """The rows are one problem, which goes by the first ID."""

    raise typer.Exit(join_rows(root, identities, reason=reason, last=last))


def split_row(root: Path, identity: str, *, reason: str, apart: Sequence[str], last: Path) -> int:
    """Run ``secagg merge split``."""
    whole, group = row_named(identity, rows_of_last(root, last))
    if group is not None and not is_whole_row(group):
        if len(group.members) == 1:
            raise UsageError(
                f"{ids.short(whole)} is one finding of {group.tools[0]}: there is nothing to split"
            )
        for tool in apart:
            if tool not in group.tools:
                raise UsageError(
                    f"{tool} did not report {ids.short(whole)}",
                    hint=f"it comes from {', '.join(group.tools)}",
                )
    file = gate.split(root, whole, reason=reason, apart=tuple(apart))
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)


def join_rows(root: Path, identities: Sequence[str], *, reason: str, last: Path) -> int:
    """Run ``secagg merge join``."""
    rows = rows_of_last(root, last)
    whole = tuple(dict.fromkeys(row_named(given, rows)[0] for given in identities))
    if len(whole) < 2:
        raise UsageError("it takes two rows to join", hint="secagg merge join ID ID --reason ...")
    file = gate.join(root, whole, reason=reason)
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)
