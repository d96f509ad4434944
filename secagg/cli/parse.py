"""``secagg parse``: merge and judge reports that scanners wrote elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.attesting import attest_scan, attestation_of
from secagg.cli.options import (
    AllOption,
    AttestOption,
    AttestUnsignedOption,
    BaselineOption,
    ColourOption,
    ConfigOption,
    DiffOption,
    FilesArgument,
    HistoryOption,
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
    StripPrefixOption,
    TimeOption,
    VerboseOption,
    VexOption,
    ViewOption,
)
from secagg.cli.screen import Screen, hint_options, write_and_show
from secagg.pipeline.choices import View
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.parse import parse_files
from secagg.system.files import OUTPUT_DIRECTORY


def parse(
    files: FilesArgument,
    as_tool: Annotated[
        str | None, typer.Option("--as", metavar="TOOL", help="The tool that wrote the files.")
    ] = None,
    root: RootOption = Path(),
    strip_prefix: StripPrefixOption = None,
    output: OutputOption = OUTPUT_DIRECTORY,
    output_format: ScanFormatOption = None,
    everything: AllOption = False,
    view: ViewOption = View.PER_TOOL,
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: HistoryOption = None,
    no_store: NoStoreOption = False,
    repo: OriginOption = None,
    branch: OriginBranchOption = None,
    commit: OriginCommitOption = None,
    at: TimeOption = None,
    attest: AttestOption = False,
    attest_unsigned: AttestUnsignedOption = False,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_color: ColourOption = False,
) -> None:
    """Read FILES that scanners wrote elsewhere; - is standard input."""
    screen = Screen(
        json=output_format is ScanFormat.JSON,
        quiet=quiet,
        verbose=verbose,
        no_colour=no_color,
        view=view,
        listing=None if output_format is None else output_format.listing,
        everything=everything,
    )
    options = GateOptions(
        policy=policy,
        policy_from=policy_from,
        baseline=baseline,
        diff=diff,
        vex=vex or (),
        store="" if no_store else store,
        repository=repo,
        branch=branch,
        commit=commit,
    )
    gate = prepare(root, options, config=config)
    attestation = attestation_of(attest, unsigned=attest_unsigned, gate=gate, config=config)
    outcome = parse_files(
        files,
        tool=as_tool,
        root=root.resolve(),
        gate=gate,
        at=at,
        strip_prefix=strip_prefix or (),
    )
    if not no_store:
        from secagg.pipeline.record import record_scan

        outcome.warnings += record_scan(outcome, gate, since=None)
    hints = hint_options(root, output, config=config, policy=policy)
    code = write_and_show(outcome, output, screen, hints)
    code = attest_scan(gate, outcome, output, attestation, screen=screen, code=code)
    raise typer.Exit(code)
