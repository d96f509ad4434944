"""``secagg parse``: merge and judge reports that scanners wrote elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import (
    AllOption,
    BaselineOption,
    ColourOption,
    ConfigOption,
    DiffOption,
    FilesArgument,
    NoStoreOption,
    OriginBranchOption,
    OriginCommitOption,
    OriginOption,
    OutputOption,
    PolicyFromOption,
    PolicyOption,
    QuietOption,
    RootOption,
    ScanFormat,
    ScanFormatOption,
    StoreOption,
    StripPrefixOption,
    TimeOption,
    VerboseOption,
    VexOption,
    ViewName,
    ViewOption,
    gate_options,
)
from secagg.cli.screen import Screen, finish, reach_of
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import remember


def parse(
    files: FilesArgument,
    as_tool: Annotated[
        str | None, typer.Option("--as", metavar="TOOL", help="The tool that wrote the files.")
    ] = None,
    root: RootOption = Path(),
    strip_prefix: StripPrefixOption = None,
    output: OutputOption = Path("secagg-out"),
    output_format: ScanFormatOption = None,
    everything: AllOption = False,
    view: ViewOption = ViewName.PER_TOOL,
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    repo: OriginOption = None,
    branch: OriginBranchOption = None,
    commit: OriginCommitOption = None,
    at: TimeOption = None,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_color: ColourOption = False,
) -> None:
    """Read FILES that scanners wrote elsewhere; - is standard input."""
    from secagg.cli.screen import Screen
    from secagg.pipeline.sarifruns import View

    screen = Screen(
        json=output_format is ScanFormat.JSON,
        quiet=quiet,
        verbose=verbose,
        no_colour=no_color,
        view=View(view),
        listing=None if output_format is None else output_format.listing,
        everything=everything,
    )
    raise typer.Exit(
        parse_reports(
            files,
            tool=as_tool,
            root=root,
            output=output,
            gate=gate_options(
                policy=policy,
                policy_from=policy_from,
                baseline=baseline,
                diff=diff,
                vex=vex,
                store="" if no_store else store,
                repository=repo,
                branch=branch,
                commit=commit,
            ),
            at=at,
            config=config,
            screen=screen,
            strip_prefix=strip_prefix or (),
        )
    )


def parse_reports(
    files: Sequence[str],
    *,
    tool: str | None,
    root: Path,
    output: Path,
    gate: GateOptions,
    at: datetime | None = None,
    config: Path | None,
    screen: Screen,
    strip_prefix: Sequence[str] = (),
) -> int:
    """Run ``secagg parse`` and return its exit code."""
    prepared = prepare(root, gate, config=config)
    outcome = parse_files(
        files,
        tool=tool,
        root=root.resolve(),
        gate=prepared,
        at=at,
        strip_prefix=strip_prefix,
    )
    outcome.warnings += remember(outcome, prepared, since=None)
    reach = reach_of(root, output, config=config, policy=gate.policy)
    return finish(outcome, output, screen, reach)
