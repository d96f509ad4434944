"""``secagg scan``: run the scanners, show their progress, judge, write and upload."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.change.base import EVENT, is_change, since_event
from secagg.cli.options import (
    AllOption,
    ApiUrlOption,
    BaselineOption,
    CategoryOption,
    ColourOption,
    CommentOption,
    CommitOption,
    ConfigOption,
    DiffOption,
    DryRunOption,
    ExplainOption,
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
    StoreOption,
    SuppressedName,
    SuppressedOption,
    TimeoutOption,
    ToolsOption,
    VerboseOption,
    VexOption,
    ViewName,
    ViewOption,
    gate_options,
)
from secagg.cli.screen import Screen, _written_text, finish, reach_of, result_blocks, tell_outputs
from secagg.cli.upload import request_of
from secagg.errors import UsageError
from secagg.jsonio.output import indented
from secagg.output import console, verdict
from secagg.output.verdict import Block, Reach, verdict_text
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.record import remember
from secagg.pipeline.write import decision_document, summarize, write_outputs, write_summary

if TYPE_CHECKING:
    from secagg.cli.upload import UploadRequest
    from secagg.github.target import Target
    from secagg.scanners.base import JobEvent


def scan(
    path: PathArgument = Path(),
    tool: ToolsOption = None,
    component: Annotated[
        list[str] | None,
        typer.Option(help="Scan this component only (its directory). Repeatable."),
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
    suppressed: SuppressedOption = SuppressedName.DISMISS,
    dry_run: DryRunOption = None,
    explain: ExplainOption = False,
    comment: CommentOption = False,
    journal: JournalOption = True,
) -> None:
    """Scan the repository at PATH with every tool that applies to it."""
    from secagg.cli.screen import Screen
    from secagg.pipeline.sarifruns import View

    request = request_of(
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
    asked = upload or dry_run is not None or explain
    if not asked and request != request_of():
        raise UsageError(
            "an option of an upload was given without --upload",
            hint="add --upload, or see what would be sent with --explain or --dry-run DIR",
        )
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
        scan_path(
            path,
            tools=tool or [],
            components=component or [],
            timeout=timeout,
            jobs=jobs,
            since=since,
            output=output,
            gate=gate_options(
                policy=policy,
                policy_from=policy_from,
                baseline=baseline,
                diff=diff,
                vex=vex,
                store="" if no_store else store,
            ),
            config=config,
            screen=screen,
            upload=request if asked else None,
        )
    )


def scan_path(
    path: Path,
    *,
    tools: Sequence[str],
    components: Sequence[str],
    timeout: float | None,
    jobs: int | None,
    since: str | None,
    output: Path,
    gate: GateOptions,
    config: Path | None,
    screen: Screen,
    upload: UploadRequest | None = None,
) -> int:
    """Run ``secagg scan`` and return its exit code."""
    # Whoever parses reports needs none of the scanners.
    from secagg.output.progress import Progress, show_progress
    from secagg.pipeline.basescan import scan_base
    from secagg.pipeline.scan import ScanOptions
    from secagg.pipeline.scan import scan as run_scan
    from secagg.pipeline.write import last_times
    from secagg.scanners.trivydb import MAX_DAYS

    if not path.is_dir():
        raise UsageError(f"{path} is not a directory")
    prepared = prepare(path, gate, config=config)
    since = _since(path, since, uploads=upload is not None)
    target = None
    if upload is not None:
        # What an upload needs is asked before the scan rather than after it.
        from secagg.cli.upload import target_of_scan

        target = target_of_scan(
            upload, root=path, view=screen.view, tools=tools, components=components, since=since
        )
    options = ScanOptions(
        root=path,
        tools=tools,
        components=components,
        timeout=timeout,
        jobs=jobs,
        since=since,
        max_database_days=prepared.policy.max_database_age or MAX_DAYS,
    )
    progress = Progress.OFF if screen.quiet else Progress.AUTO
    usual = last_times(output)
    with show_progress(progress, colour=screen.style().colour, usual=usual) as on_event:

        def of_base(event: JobEvent) -> None:
            on_event(replace(event, tool=f"base: {event.tool}"))

        prepared.scan_base = partial(scan_base, prepared, options, of_base)
        outcome = run_scan(options, prepared, on_event)
    outcome.warnings += remember(outcome, prepared, since=since)
    reach = reach_of(path, output, config=config, policy=gate.policy)
    if upload is not None and target is not None:
        return _finish_with_upload(outcome, output, screen, upload, target, path, reach)
    return finish(outcome, output, screen, reach)


def _since(root: Path, given: str | None, *, uploads: bool) -> str | None:
    """The commit after which the history is read; None for all of it.

    In a change the history that belongs to it, unless another commit is named. What is uploaded
    to a branch reads all: GitHub would close the alerts of the rest.
    """
    if given not in (None, EVENT):
        return given
    if is_change(os.environ) or (given == EVENT and not uploads):
        return since_event(root)
    return None


def _finish_with_upload(
    outcome: Outcome,
    output: Path,
    screen: Screen,
    request: UploadRequest,
    target: Target,
    root: Path,
    reach: Reach,
) -> int:
    """Write and show the outcome, upload it, and write its summary again with the upload's."""
    from secagg.cli.upload import upload_outcome, upload_text, worse

    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    style = screen.style()
    if not screen.json:
        above = [*result_blocks(decision, screen), Block(text=_written_text(written, screen))]
        verdict.show(above, style)
    sarif = written[0].read_bytes()
    done = upload_outcome(outcome, sarif, decision, target, request, root=root, screen=screen)
    outcome.upload = done.summary
    write_summary(outcome, output)
    if screen.json:
        console.json(indented(summarize(outcome, with_items=True)))
    else:
        below = [
            Block(text=upload_text(done, screen, explain=request.options.explain)),
            Block(text=verdict_text(decision, style, reach)),
        ]
        console.out("\n")
        verdict.show(below, style)
    tell_outputs(decision, os.environ)
    return worse(decision.exit_code, done.delivery_code)
