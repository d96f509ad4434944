"""``secagg scan``: run the scanners, show their progress, judge, write and upload."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from secagg.change.base import EVENT, is_change, since_event
from secagg.cli import completion
from secagg.cli.attesting import attest_scan, attestation_of
from secagg.cli.options import (
    AllOption,
    ApiUrlOption,
    AttestOption,
    AttestUnsignedOption,
    BaselineOption,
    CategoryOption,
    ColourOption,
    CommentOption,
    CommitOption,
    ConfigOption,
    DiffOption,
    DryRunOption,
    ExplainOption,
    HistoryOption,
    JobsOption,
    JournalOption,
    NoStoreOption,
    OutputOption,
    PathArgument,
    PolicyFromOption,
    PolicyOption,
    QuietOption,
    RefOption,
    RepositoryOption,
    ScanFormat,
    ScanFormatOption,
    SuppressedOption,
    TimeoutOption,
    ToolsOption,
    VerboseOption,
    VexOption,
    ViewOption,
)
from secagg.cli.screen import (
    Screen,
    hint_options,
    result_blocks,
    set_step_outputs,
    write_and_show,
    written_text,
)
from secagg.errors import UsageError
from secagg.jsonio.output import indented
from secagg.output import console
from secagg.output.progress import Progress, show_progress
from secagg.output.verdict import Block, HintOptions, show_blocks, verdict_text
from secagg.pipeline.basescan import scan_base
from secagg.pipeline.choices import SuppressedHandling, View
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.lastscan import durations_of_last_scan
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.record import record_scan
from secagg.pipeline.scan import ScanOptions
from secagg.pipeline.scan import scan as scan_repository
from secagg.pipeline.write import decision_document, summarize, write_outputs, write_summary
from secagg.scanners.base import JobEvent
from secagg.scanners.trivydb import MAX_DAYS
from secagg.system.files import OUTPUT_DIRECTORY

if TYPE_CHECKING:
    from secagg.cli.upload import UploadRequest
    from secagg.github.target import Target


def scan(
    path: PathArgument = Path(),
    tool: ToolsOption = None,
    component: Annotated[
        list[str] | None,
        typer.Option(
            help="Scan this component only (its directory). Repeatable.",
            autocompletion=completion.components,
        ),
    ] = None,
    timeout: TimeoutOption = None,
    jobs: JobsOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="Look at the history since this commit only; event: what the workflow's event "
            "brought (so by default in a pull request).",
        ),
    ] = None,
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
    attest: AttestOption = False,
    attest_unsigned: AttestUnsignedOption = False,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_color: ColourOption = False,
    upload: Annotated[
        bool, typer.Option("--upload", help="Upload the results to GitHub code scanning.")
    ] = False,
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    suppressed: SuppressedOption = SuppressedHandling.DISMISS,
    dry_run: DryRunOption = None,
    explain: ExplainOption = False,
    comment: CommentOption = False,
    journal: JournalOption = True,
) -> None:
    """Scan the repository at PATH with every tool that applies to it."""
    request = None
    if upload or dry_run is not None or explain:
        from secagg.cli.upload import upload_request

        request = upload_request(
            repository=repository,
            ref=ref,
            commit=commit,
            api_url=api_url,
            category=category,
            suppressed=suppressed,
            dry_run=dry_run,
            explain=explain,
            comment=comment,
            journal=journal,
        )
    elif (
        any(name is not None for name in (repository, ref, commit, api_url, category))
        or suppressed is not SuppressedHandling.DISMISS
        or comment
        or not journal
    ):
        raise UsageError(
            "an option of an upload was given without --upload",
            hint="add --upload, or see what would be sent with --explain or --dry-run DIR",
        )
    code = run_scan(
        ScanOptions(
            root=path,
            tools=tool or (),
            components=component or (),
            timeout=timeout,
            jobs=jobs,
            since=since,
        ),
        GateOptions(
            policy=policy,
            policy_from=policy_from,
            baseline=baseline,
            diff=diff,
            vex=vex or (),
            store="" if no_store else store,
        ),
        output=output,
        config=config,
        screen=Screen(
            json=output_format is ScanFormat.JSON,
            quiet=quiet,
            verbose=verbose,
            no_colour=no_color,
            view=view,
            listing=None if output_format is None else output_format.listing,
            everything=everything,
        ),
        upload=request,
        attest=attest,
        attest_unsigned=attest_unsigned,
    )
    raise typer.Exit(code)


def run_scan(
    options: ScanOptions,
    gate_options: GateOptions,
    *,
    output: Path,
    screen: Screen,
    config: Path | None = None,
    upload: UploadRequest | None = None,
    attest: bool = False,
    attest_unsigned: bool = False,
) -> int:
    """Scan, judge, write into ``output``, print, upload if asked to, and return the exit code.

    With ``attest`` or ``attest_unsigned`` the last step writes evidence. Raises
    :class:`UsageError` where there is no directory to scan, or an upload would close alerts of
    what was not scanned, and :class:`secagg.errors.SigningError` where the job cannot sign.
    """
    root = options.root
    if not root.is_dir():
        raise UsageError(f"{root} is not a directory")
    gate = prepare(root, gate_options, config=config)
    attestation = attestation_of(attest, unsigned=attest_unsigned, gate=gate, config=config)
    options = replace(
        options,
        since=_since(root, options.since, uploads=upload is not None),
        max_database_days=gate.policy.max_database_age or MAX_DAYS,
    )
    # A missing token is an error now rather than after a long scan.
    target = None
    if upload is not None:
        from secagg.cli.upload import scan_target

        target = scan_target(upload, options, view=screen.view)
    progress = Progress.OFF if screen.quiet else Progress.AUTO
    last_seconds = durations_of_last_scan(output)
    with show_progress(
        progress, colour=screen.style().colour, last_seconds=last_seconds
    ) as on_event:

        def on_base_event(event: JobEvent) -> None:
            on_event(replace(event, tool=f"base: {event.tool}"))

        gate.scan_base = partial(scan_base, gate, options, on_base_event)
        outcome = scan_repository(options, gate, on_event)
    outcome.warnings += record_scan(outcome, gate, since=options.since)
    hints = hint_options(root, output, config=config, policy=gate_options.policy)
    if upload is not None and target is not None:
        code = _write_upload_show(outcome, output, screen, upload, target, root, hints)
    else:
        code = write_and_show(outcome, output, screen, hints)
    return attest_scan(gate, outcome, output, attestation, screen=screen, code=code)


def _since(root: Path, since: str | None, *, uploads: bool) -> str | None:
    """Return the commit after which the scanners read the history; None for all of it.

    In a change the default is the history that belongs to the change. An upload to a branch needs
    all of it: GitHub would close the alerts of the rest.
    """
    if since not in (None, EVENT):
        return since
    if is_change(os.environ) or (since == EVENT and not uploads):
        return since_event(root)
    return None


def _write_upload_show(
    outcome: Outcome,
    output: Path,
    screen: Screen,
    request: UploadRequest,
    target: Target,
    root: Path,
    hints: HintOptions,
) -> int:
    """Write and show the outcome, upload it, and write the summary again with the upload's."""
    from secagg.cli.upload import combined_exit_code, upload_outcome, upload_text

    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    style = screen.style()
    if not screen.json:
        blocks = [*result_blocks(decision, screen), Block(text=written_text(written, screen))]
        show_blocks(blocks, style)
    sarif = written[0].read_bytes()
    uploaded = upload_outcome(outcome, sarif, decision, target, request, root=root, screen=screen)
    outcome.upload = uploaded.summary
    write_summary(outcome, output)
    if screen.json:
        console.json(indented(summarize(outcome, with_items=True)))
    else:
        blocks = [
            Block(text=upload_text(uploaded, screen, explain=request.options.explain)),
            Block(text=verdict_text(decision, style, hints)),
        ]
        console.out("\n")
        show_blocks(blocks, style)
    set_step_outputs(decision, os.environ)
    return combined_exit_code(decision.exit_code, uploaded.delivery_code)
