"""``secagg merge``: overrule the merging, in a file that goes through review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from secagg import ids
from secagg.cli import completion
from secagg.cli.options import LastOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline import gate
from secagg.pipeline.lastscan import find_row, is_merged_row, rows_of_last_scan
from secagg.system.files import OUTPUT_DIRECTORY

merge_app = typer.Typer(
    help="Overrule the merging, in secagg-merge.yaml of the repository.", no_args_is_help=True
)


_ROW_HELP = "A problem of the last scan: its id, or at least the first 6 digits."
_Reason = Annotated[str, typer.Option(help="Why: shown by secagg explain and in review.")]


@merge_app.command()
def split(
    identity: Annotated[
        str, typer.Argument(metavar="ID", help=_ROW_HELP, autocompletion=completion.identities)
    ],
    reason: _Reason,
    apart: Annotated[
        list[str] | None,
        typer.Option(metavar="TOOL", help="Split off only this tool's findings. Repeatable."),
    ] = None,
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
) -> None:
    """Split ID, which is not one problem, into its sources."""
    raise typer.Exit(split_row(root, identity, reason=reason, apart=apart or (), last=last))


@merge_app.command()
def join(
    identities: Annotated[
        list[str],
        typer.Argument(metavar="ID", help=_ROW_HELP, autocompletion=completion.identities),
    ],
    reason: _Reason,
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
) -> None:
    """Join IDs that are one problem; it keeps the first ID."""
    raise typer.Exit(join_rows(root, identities, reason=reason, last=last))


def split_row(root: Path, identity: str, *, reason: str, apart: Sequence[str], last: Path) -> int:
    """Write the split of the row ``identity``, and return the exit code."""
    full, group = find_row(identity, rows_of_last_scan(root, last))
    if group is not None and not is_merged_row(group):
        if len(group.members) == 1:
            raise UsageError(
                f"{ids.short(full)} is one finding of {group.tools[0]}: there is nothing to split"
            )
        for tool in apart:
            if tool not in group.tools:
                raise UsageError(
                    f"{tool} did not report {ids.short(full)}",
                    hint=f"it comes from {', '.join(group.tools)}",
                )
    file = gate.split(root, full, reason=reason, apart=tuple(apart))
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)


def join_rows(root: Path, identities: Sequence[str], *, reason: str, last: Path) -> int:
    """Write the joining of the rows, and return the exit code."""
    rows = rows_of_last_scan(root, last)
    full = tuple(dict.fromkeys(find_row(identity, rows)[0] for identity in identities))
    if len(full) < 2:
        raise UsageError(
            "it takes two problems to join", hint="secagg merge join ID ID --reason ..."
        )
    file = gate.join(root, full, reason=reason)
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)
