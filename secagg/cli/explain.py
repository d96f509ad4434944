"""``secagg explain``: show why a row of the last scan is one row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from secagg.cli import completion
from secagg.cli.options import ColourOption, ConfigOption, OutputOption, RootOption
from secagg.cli.screen import Screen
from secagg.config import load_config
from secagg.errors import ExitCode, UsageError
from secagg.merge import explain as why
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.rows import explanation_lines
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.lastscan import is_merged_row
from secagg.pipeline.parse import parse_files
from secagg.pipeline.write import SARIF_NAME
from secagg.scanners.base import Status
from secagg.system.files import OUTPUT_DIRECTORY


def explain(
    identity: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The problem's id, or its beginning.",
            autocompletion=completion.identities,
        ),
    ],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Reports to read instead.")
    ] = None,
    root: RootOption = Path(),
    output: OutputOption = OUTPUT_DIRECTORY,
    config: ConfigOption = None,
    no_color: ColourOption = False,
) -> None:
    """Say why findings are one problem of the last scan, and what was kept apart."""
    screen = Screen(no_colour=no_color)
    raise typer.Exit(
        explain_row(identity, files or [], root=root, output=output, config=config, screen=screen)
    )


_MERGED_VIEW = (
    "--view merged keeps only the names of a problem's sources: to see why they were merged, scan "
    "without it, or name the scanners' reports"
)


def explain_row(
    identity: str,
    files: Sequence[str],
    *,
    root: Path,
    output: Path,
    config: Path | None,
    screen: Screen,
) -> int:
    """Print why a row is one row, from ``files`` or from the last scan in ``output``."""
    settings = load_config(root, config)
    last = output / SARIF_NAME
    if not files and not last.is_file():
        raise UsageError(
            f"no {last} to explain from", hint="run a scan first, or name the reports to read"
        )
    outcome = parse_files(
        files or [str(last)], tool=None, root=root.resolve(), gate=plain_gate(root, settings)
    )
    for result in outcome.results:
        if result.run.status is Status.FAILED:
            name = terminal(result.run.mode or result.run.tool)
            console.err(f"secagg: warning: {name}: {terminal(result.run.reason or '')}\n")
    explanation = why(outcome.merged, identity)
    if is_merged_row(explanation.group):
        explanation = replace(explanation, warnings=[*explanation.warnings, _MERGED_VIEW])
    console.out(explanation_lines(explanation, screen.style()) + "\n")
    return int(ExitCode.PASS)
