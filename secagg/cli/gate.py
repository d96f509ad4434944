"""``secagg gate``: judge the last scan, reports or a recorded run, and print why."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from secagg.cli import completion
from secagg.cli.filteroptions import (
    AtLeastFilter,
    ComponentFilter,
    FixFilter,
    IdFilter,
    KindFilter,
    NewSinceFilter,
    OlderThanFilter,
    OverdueFilter,
    OwnerFilter,
    PackageFilter,
    PathFilter,
    SearchFilter,
    SeverityFilter,
    ToolFilter,
)
from secagg.cli.gaterows import filtered
from secagg.cli.options import (
    AllOption,
    BaselineOption,
    ColourOption,
    ConfigOption,
    DiffOption,
    HistoryOption,
    LastOption,
    NoStoreOption,
    OriginBranchOption,
    OriginCommitOption,
    OriginOption,
    PolicyFromOption,
    PolicyOption,
    QuietOption,
    RootOption,
    StripPrefixOption,
    VexOption,
)
from secagg.cli.screen import (
    Screen,
    hint_options,
    policy_explanation,
    report_to_actions,
    result_blocks,
)
from secagg.errors import ExitCode, UsageError
from secagg.merge import MergedSet
from secagg.output import console
from secagg.output.codehost import CommitPages
from secagg.output.decision import DecisionDocument
from secagg.output.junit import junit_xml
from secagg.output.listing import Listing
from secagg.output.markdown import decision_annotations, decision_markdown
from secagg.output.verdict import Block, HintOptions, show_blocks, verdict_text
from secagg.pipeline.assemble import tool_outcome
from secagg.pipeline.basecache import cached_base_scan
from secagg.pipeline.gate import Gate, GateOptions, prepare
from secagg.pipeline.judging import decide, suppress
from secagg.pipeline.origin import open_store_of
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import record_scan
from secagg.pipeline.write import DECISION_NAME, SARIF_NAME, decision_document, output_directory
from secagg.report.filters import FilterWords, filters_of
from secagg.report.findings import group_of
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.key import load_key
from secagg.secrets.redactor import Redactor
from secagg.system.dates import utc_now
from secagg.system.files import OUTPUT_DIRECTORY, replacing


class GateFormat(StrEnum):
    """What ``secagg gate`` prints."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    ANNOTATIONS = "annotations"


# The files that --output writes; the contents are those of --format json, junit and markdown.
_FILES: dict[str, Callable[[DecisionDocument], str]] = {
    DECISION_NAME: lambda decision: _json(decision),
    "decision.xml": junit_xml,
    "decision.md": lambda decision: decision_markdown(decision, code=CommitPages.of(os.environ)),
}


def gate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Reports to judge instead of the last scan."),
    ] = None,
    root: RootOption = Path(),
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: HistoryOption = None,
    no_store: NoStoreOption = False,
    run: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Judge a recorded scan (secagg runs lists them)."),
    ] = None,
    repo: OriginOption = None,
    branch: OriginBranchOption = None,
    commit: OriginCommitOption = None,
    config: ConfigOption = None,
    strip_prefix: StripPrefixOption = None,
    last: LastOption = OUTPUT_DIRECTORY,
    output_format: Annotated[
        GateFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="What to print: by default full on a terminal and concise elsewhere.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Also write decision.json, decision.xml and decision.md there."
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Print why one problem counts, or why it does not.",
            autocompletion=completion.identities,
        ),
    ] = None,
    today: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Judge as on this day (UTC).", metavar="DATE"),
    ] = None,
    everything: AllOption = False,
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    tool: ToolFilter = None,
    component: ComponentFilter = None,
    path: PathFilter = None,
    owner: OwnerFilter = None,
    package: PackageFilter = None,
    identity: IdFilter = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", "--in-state", help="In this state, or all. Repeatable."),
    ] = None,
    older_than: OlderThanFilter = None,
    new_since: NewSinceFilter = None,
    fix: FixFilter = None,
    overdue: OverdueFilter = False,
    search: SearchFilter = "",
    quiet: QuietOption = False,
    no_color: ColourOption = False,
) -> None:
    """Judge the last scan, or FILES, by a policy: pass, fail or incomplete, and why."""
    request = GateRequest(
        files=files or (),
        root=root,
        run=run,
        last=last,
        gate=GateOptions(
            policy=policy,
            policy_from=policy_from,
            baseline=baseline,
            diff=diff,
            vex=vex or (),
            store="" if no_store else store,
            repository=repo,
            branch=branch,
            commit=commit,
            today=today.date() if today is not None else None,
        ),
        explain=explain,
        config=config,
        format=output_format,
        output=output,
        strip_prefix=strip_prefix or (),
        filters=FilterWords(
            severity=severity or (),
            at_least=at_least,
            kind=kind or (),
            tool=tool or (),
            component=component or (),
            path=path or (),
            owner=owner or (),
            package=package or (),
            id=identity or (),
            state=state or (),
            older_than=older_than,
            new_since=new_since,
            fix=fix,
            overdue=overdue,
            search=search,
        ),
    )
    screen = Screen(quiet=quiet, no_colour=no_color, everything=everything)
    raise typer.Exit(judge_and_print(request, screen))


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """The options of ``secagg gate``.

    ``run`` is the key of a recorded scan. Without a ``format`` the default listing is printed.
    ``filters`` choose the rows that are printed; the verdict is that of all rows.
    """

    files: Sequence[str] = ()
    root: Path = Path()
    last: Path = OUTPUT_DIRECTORY
    gate: GateOptions = field(default_factory=GateOptions)
    explain: str | None = None
    run: str | None = None
    config: Path | None = None
    format: GateFormat | None = None
    output: Path | None = None
    strip_prefix: Sequence[str] = ()
    filters: FilterWords = field(default_factory=FilterWords)


_LISTINGS = (None, GateFormat.FULL, GateFormat.CONCISE, GateFormat.TABLE)


def judge_and_print(request: GateRequest, screen: Screen) -> int:
    """Judge what ``request`` names, print the decision, and return its exit code.

    In GitHub Actions the decision also goes into the job summary, the step's outputs and, as
    annotations, to standard error. Raises :class:`UsageError` for what cannot be read.
    """
    if request.run is not None and request.files:
        raise UsageError("--run names a recorded scan, and FILES are others", hint="name one")
    if request.filters != FilterWords() and request.format not in _LISTINGS:
        raise UsageError(
            "filters are for the listing (full, concise or table)",
            hint="leave them out, or the format",
        )
    now = utc_now()
    filters_of(request.filters, None, now)
    gate = prepare(request.root, request.gate, config=request.config)
    gate.scan_base = partial(cached_base_scan, gate)
    is_recorded = True
    if request.run is not None:
        outcome = _judge_run(request.run, gate)
    else:
        last = request.last / SARIF_NAME
        files = list(request.files) or [str(_last_scan(request.last))]
        # The history has the last scan already.
        is_recorded = any(Path(file).resolve() == last.resolve() for file in files)
        outcome = parse_files(
            files,
            tool=None,
            root=request.root.resolve(),
            gate=gate,
            strip_prefix=request.strip_prefix,
        )
    if request.explain is not None:
        console.out(policy_explanation(outcome, gate, request.explain, screen.style()) + "\n")
        return int(ExitCode.PASS)
    if not is_recorded:
        outcome.warnings += record_scan(outcome, gate, since=None)
    decision = decision_document(outcome)
    shown = decision
    if request.filters != FilterWords():
        shown = filtered(decision, outcome, gate, request.filters, now)
    _print(shown, decision, request, screen)
    if request.output is not None:
        _write_decision(decision, request.output)
    annotate = request.format is not GateFormat.ANNOTATIONS
    report_to_actions(decision, os.environ, annotate=annotate)
    return decision.exit_code


def _write_decision(decision: DecisionDocument, directory: Path) -> None:
    """Write ``decision.json``, ``decision.xml`` (JUnit) and ``decision.md`` into ``directory``."""
    with output_directory(directory):
        for name, text in _FILES.items():
            with replacing(directory / name) as out:
                out.write(text(decision).encode("utf-8", "replace"))


def _print(
    shown: DecisionDocument, decision: DecisionDocument, request: GateRequest, screen: Screen
) -> None:
    """Print ``decision`` in the request's format; a listing has the rows of ``shown``."""
    match request.format:
        case GateFormat.JSON:
            console.document(decision.json_pieces(), console.Syntax.JSON)
        case GateFormat.JUNIT:
            console.document([junit_xml(decision).encode()], console.Syntax.XML)
        case GateFormat.MARKDOWN:
            console.out(decision_markdown(decision, code=CommitPages.of(os.environ)))
        case GateFormat.ANNOTATIONS:
            console.commands(decision_annotations(decision), on_stdout=True)
        case _:
            listing = None if request.format is None else Listing(request.format.value)
            screen = replace(screen, listing=listing)
            style = screen.style()
            verdict = Block(text=verdict_text(decision, style, _hints(request)))
            show_blocks([*result_blocks(shown, screen, tools=False), verdict], style)


def _hints(request: GateRequest) -> HintOptions:
    """Return the options for suggested commands; unrecorded reports are named, to be read again."""
    policy, store = request.gate.policy, request.gate.store
    hints = hint_options(request.root, request.last, config=request.config, policy=policy)
    if request.run is None and not request.files:
        return hints
    store_option = ["--store", store] if store else []
    unrecorded = store == "" and request.run is None
    return replace(
        hints,
        show=[*hints.show, *store_option],
        reports=[*request.files, *hints.show] if unrecorded else [],
    )


def _json(decision: DecisionDocument) -> str:
    return b"".join(decision.json_pieces()).decode()


def _last_scan(directory: Path) -> Path:
    file = directory / SARIF_NAME
    if not file.is_file():
        raise UsageError(
            f"there is no scan to judge in {directory}",
            hint="run secagg scan first, or name reports: secagg gate findings.sarif",
        )
    return file


def _judge_run(key: str, gate: Gate) -> Outcome:
    """Judge the run whose key begins with ``key`` by today's policy, exceptions and decisions.

    Raises :class:`secagg.errors.StoreError` where the store has no such run.
    """
    with open_store_of(gate.options.store or None, gate.root, create=False) as store:
        run, problems = store.run(store.run_key(key))
    results = [
        ToolResult(
            run=ToolRun(
                tool=tool.tool,
                status=Status(tool.status),
                component=tool.component,
                mode=tool.mode,
                version=tool.version,
                seconds=tool.seconds,
                reason=tool.reason,
            )
        )
        for tool in run.tools
    ]
    merged = MergedSet(groups=[group_of(problem) for problem in problems])
    judged = decide(
        gate, merged, [tool_outcome(result) for result in results], redactor=Redactor(load_key())
    )
    suppress(judged.decision.judgements)
    return Outcome(
        results=results,
        merged=merged,
        decision=judged.decision,
        components=sorted({problem.component or "." for problem in problems}),
        root_name=gate.root.name,
        started_at=run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        change=judged.change,
        comparison=judged.comparison,
    )
