"""The commands without their option parsing: run, print, write, and answer the exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.change.since import EVENT, is_change, since_event
from secagg.config import load_config
from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.jsonio.output import indented
from secagg.merge import explain as why
from secagg.output import blocks, console
from secagg.output.blocks import Block
from secagg.output.decision import DecisionDocument
from secagg.output.escape import terminal
from secagg.output.explanation import explanation_lines
from secagg.output.gatetable import listing_text
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.output.toolstable import tools_lines, tools_table
from secagg.output.verdict import Reach, notes_text, verdict_text
from secagg.pipeline.decide import decision_document
from secagg.pipeline.gate import GateOptions, plain_gate, policy_of, prepare
from secagg.pipeline.lastscan import is_whole_row
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.parse import parse_files
from secagg.pipeline.remember import remember
from secagg.pipeline.sarifruns import View
from secagg.pipeline.summarize import summarize
from secagg.pipeline.tell import tell_actions, tell_outputs
from secagg.pipeline.write import DIRECTORY, SARIF_NAME, write_outputs, write_summary
from secagg.secrets.lastfilter import run_redactor
from secagg.system.root import find_root

# More of them are folded away in a CI log.
_FEW_NOTES = 2
_WHOLE_ROW = (
    "this was written with --view merged, which keeps no more of the sources than their names: "
    "scan without it, or name the scanners' reports, to see what joined them"
)

if TYPE_CHECKING:
    from secagg.github.target import Target
    from secagg.pipeline.uploadcommands import UploadRequest
    from secagg.scanners.execute import JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the user wants to see; without a ``listing`` the usual one for standard output.

    ``everything`` lists what does not count as well.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_colour: bool = False
    view: View = View.PER_TOOL
    listing: Listing | None = None
    everything: bool = False

    def style(self) -> Style:
        """Colours and wrapping for standard output: both only on a terminal."""
        return Style.of_output(no_colour=self.no_colour)


def scan(
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
    from secagg.pipeline.lastscan import last_times
    from secagg.pipeline.scan import ScanOptions
    from secagg.pipeline.scan import scan as run_scan
    from secagg.scanners.trivydb import MAX_DAYS

    if not path.is_dir():
        raise UsageError(f"{path} is not a directory")
    prepared = prepare(path, gate, config=config)
    since = _since(path, since, uploads=upload is not None)
    target = None
    if upload is not None:
        # What an upload needs is asked before the scan rather than after it.
        from secagg.pipeline.uploadcommands import target_of_scan

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
    return _finish(outcome, output, screen, reach)


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


def parse(
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
    return _finish(outcome, output, screen, reach)


def reach_of(root: Path, last: Path, *, config: Path | None, policy: str | None) -> Reach:
    """How further commands name the scan of ``root`` that was written to the directory ``last``."""
    home = find_root(Path())
    named = root not in (Path(), home)
    here = ["--root", str(root)] if named else []
    where = [] if last in (Path(DIRECTORY), home / DIRECTORY) else ["--from", str(last)]
    configured = [] if config is None else ["--config", str(config)]
    judged = [] if policy is None else ["--policy", policy]
    return Reach(
        show=[*here, *where, *configured, *judged],
        accept=[*here, *where],
        doctor=[*([str(root)] if named else []), *configured],
    )


def doctor(path: Path, *, tools: Sequence[str], config: Path | None, screen: Screen) -> int:
    """Run ``secagg doctor``: 0 only if a scan would be complete, as far as can be told."""
    from secagg.doctor import examine
    from secagg.output.doctor import doctor_json, doctor_table, would_complete
    from secagg.pipeline.lookedfor import left_out
    from secagg.pipeline.scan import ScanOptions, chosen_tools, components_of, scan_request
    from secagg.scanners.base import RunContext
    from secagg.scanners.trivydb import MAX_DAYS

    settings = load_config(path, config)
    most = policy_of(path, settings).max_database_age or MAX_DAYS
    options = ScanOptions(root=path, tools=tools, max_database_days=most)
    request = scan_request(options, settings, components_of(options, settings))
    context = RunContext(redactor=run_redactor(), root=request.root)
    diagnoses = examine(request, context, chosen_tools(options, settings))
    optional = settings.optional_tools()
    if not tools:
        missing = [d.tool for d in diagnoses if d.missing and not settings.asks_for(d.tool)]
        ready = [d.tool for d in diagnoses if d.ready and d.applies]
        absent = left_out(ready, missing, request.options, request.components)
        for diagnosis in diagnoses:
            diagnosis.left_out = diagnosis.tool in absent
    if screen.json:
        console.json(doctor_json(diagnoses, optional))
    else:
        console.out(doctor_table(diagnoses, optional, screen.style()) + "\n")
    complete = would_complete(diagnoses, optional)
    return int(ExitCode.PASS if complete else ExitCode.INCOMPLETE)


def explain(
    identity: str,
    files: Sequence[str],
    *,
    root: Path,
    output: Path,
    config: Path | None,
    screen: Screen,
) -> int:
    """Run ``secagg explain``: why a row is one row, from reports or from the last scan's file."""
    settings = load_config(root, config)
    last = output / SARIF_NAME
    if not files and not last.is_file():
        raise UsageError(
            f"no {last} to explain from", hint="run a scan first, or name the reports to read"
        )
    outcome = parse_files(
        files or [str(last)], tool=None, root=root.resolve(), gate=plain_gate(root, settings)
    )
    explanation = why(outcome.merged, identity)
    if is_whole_row(explanation.group):
        explanation = replace(explanation, warnings=[*explanation.warnings, _WHOLE_ROW])
    console.out(explanation_lines(explanation, screen.style()) + "\n")
    return int(ExitCode.PASS)


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
    from secagg.pipeline.uploadcommands import upload_outcome, upload_text, worse

    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    style = screen.style()
    if not screen.json:
        above = [*result_blocks(decision, screen), Block(text=_written_text(written, screen))]
        blocks.show(above, style)
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
        blocks.show(below, style)
    tell_outputs(decision, os.environ)
    return worse(decision.exit_code, done.delivery_code)


def _finish(outcome: Outcome, output: Path, screen: Screen, reach: Reach) -> int:
    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    if screen.json:
        console.json(indented(summarize(outcome, with_items=True)))
    else:
        style = screen.style()
        shown = [
            *result_blocks(decision, screen),
            Block(text=_written_text(written, screen)),
            Block(text=verdict_text(decision, style, reach)),
        ]
        blocks.show(shown, style)
    tell_actions(decision, os.environ)
    return decision.exit_code


def result_blocks(
    decision: DecisionDocument, screen: Screen, *, tools: bool = True
) -> Iterator[Block]:
    """What stands above the verdict: findings, tools and notes; nothing if it is to be quiet."""
    if screen.quiet:
        return
    style = screen.style()
    listing = screen.listing or Listing.usual(style)
    yield Block(text=listing_text(decision, listing, style, everything=screen.everything))
    if tools:
        draw = tools_table if listing is Listing.TABLE else tools_lines
        yield Block(text=draw(decision.tools, style), fold="Tools")
    fold = "Notes" if len(decision.notes) > _FEW_NOTES else None
    yield Block(text=notes_text(decision, style), fold=fold)


def _written_text(written: Sequence[Path], screen: Screen) -> str:
    return "\n".join(f"wrote {terminal(str(path))}" for path in written) if screen.verbose else ""
