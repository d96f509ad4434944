"""``secagg gate`` without its option parsing: judge what was found, and say it in a format."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.output import blocks, console
from secagg.output.annotations import decision_annotations
from secagg.output.blocks import Block
from secagg.output.codesite import CodeSite
from secagg.output.decision import DecisionDocument
from secagg.output.gatemarkdown import decision_markdown
from secagg.output.junit import junit_xml
from secagg.output.listing import Listing
from secagg.output.verdict import Reach, verdict_text
from secagg.pipeline.commands import Screen, reach_of, result_blocks
from secagg.pipeline.decide import decision_document
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.gateexplain import explained
from secagg.pipeline.keptbase import kept_base
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.parse import parse_files
from secagg.pipeline.problems import problem_of
from secagg.pipeline.remember import remember
from secagg.pipeline.reportcommands import tell_strangers
from secagg.pipeline.runjudging import judge_run
from secagg.pipeline.tell import tell_actions
from secagg.pipeline.write import DECISION_NAME, SARIF_NAME, writing
from secagg.report.filters import Filters, predicates
from secagg.report.filterwords import FilterWords, filters_of
from secagg.system.files import replacing

__all__ = ["FilterWords", "GateFormat", "GateRequest", "gate", "write_decision"]


class GateFormat(StrEnum):
    """What ``secagg gate`` prints."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    ANNOTATIONS = "annotations"


# The files that --output writes: what each holds is the same as with --format.
_FILES: dict[str, Callable[[DecisionDocument], str]] = {
    DECISION_NAME: lambda decision: _json(decision),
    "decision.xml": junit_xml,
    "decision.md": lambda decision: decision_markdown(decision, site=CodeSite.of(os.environ)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """What the command line asked for.

    ``run`` is the key of a recorded scan. Without a ``format`` the usual listing is printed;
    ``filters`` leave some of the rows that are shown, and change nothing of the verdict.
    """

    files: Sequence[str] = ()
    root: Path = Path()
    last: Path = Path("secagg-out")
    gate: GateOptions = field(default_factory=GateOptions)
    explain: str | None = None
    run: str | None = None
    config: Path | None = None
    format: GateFormat | None = None
    output: Path | None = None
    strip_prefix: Sequence[str] = ()
    filters: FilterWords = field(default_factory=FilterWords)


def gate(request: GateRequest, screen: Screen) -> int:
    """Run ``secagg gate`` and return its exit code.

    In GitHub Actions the decision also goes into the job summary, the step's outputs and, as
    annotations, to standard error. Raises :class:`UsageError` for what cannot be read.
    """
    if request.run is not None and request.files:
        raise UsageError("--run names a recorded scan, and FILES are others", hint="name one")
    listed_as = (None, GateFormat.FULL, GateFormat.CONCISE, GateFormat.TABLE)
    if request.filters != FilterWords() and request.format not in listed_as:
        raise UsageError(
            "filters are for the listing (full, concise or table)",
            hint="leave them out, or the format",
        )
    now = datetime.datetime.now(datetime.UTC)
    filters = filters_of(request.filters, (), now)
    prepared = prepare(request.root, request.gate, config=request.config)
    prepared.scan_base = partial(kept_base, prepared)
    new = bool(request.files)
    if request.run is not None:
        outcome = judge_run(request.run, prepared)
    else:
        last = request.last / SARIF_NAME
        files = list(request.files) or [str(_last_scan(request.last))]
        # The last scan is in the history already.
        new = not any(Path(file).resolve() == last.resolve() for file in files)
        outcome = parse_files(
            files,
            tool=None,
            root=request.root.resolve(),
            gate=prepared,
            strip_prefix=request.strip_prefix,
        )
    if request.explain is not None:
        console.out(explained(outcome, prepared, request.explain, screen.style()) + "\n")
        return int(ExitCode.PASS)
    if new:
        outcome.warnings += remember(outcome, prepared, since=None)
    decision = decision_document(outcome)
    listed = decision
    if filters != Filters():
        listed = _listed(decision, outcome, filters, now)
    _show(listed, decision, request, screen)
    if request.output is not None:
        write_decision(decision, request.output)
    tell_actions(decision, os.environ, annotate=request.format is not GateFormat.ANNOTATIONS)
    return decision.exit_code


def write_decision(decision: DecisionDocument, directory: Path) -> None:
    """Write ``decision.json``, ``decision.xml`` (JUnit) and ``decision.md`` into ``directory``."""
    with writing(directory):
        for name, text in _FILES.items():
            with replacing(directory / name) as out:
                out.write(text(decision).encode("utf-8", "replace"))


def _listed(
    decision: DecisionDocument, outcome: Outcome, filters: Filters, now: datetime.datetime
) -> DecisionDocument:
    """``decision`` with the rows that pass ``filters``; says on standard error how many do."""
    problems = [problem_of(judgement) for judgement in outcome.decision.judgements]
    tell_strangers(filters, problems, now)
    wanted = predicates(filters, now.date())
    passing = {p.identity for p in problems if all(holds(p) for holds in wanted)}
    console.err(f"secagg: note: {len(passing)} of {len(problems)} rows pass the filters\n")
    rows = [finding for finding in decision.findings if finding.id in passing]
    return msgspec.structs.replace(decision, findings=rows)


def _show(
    listed: DecisionDocument, decision: DecisionDocument, request: GateRequest, screen: Screen
) -> None:
    match request.format:
        case GateFormat.JSON:
            console.document(decision.json_pieces(), console.Syntax.JSON)
        case GateFormat.JUNIT:
            console.document([junit_xml(decision).encode()], console.Syntax.XML)
        case GateFormat.MARKDOWN:
            console.out(decision_markdown(decision, site=CodeSite.of(os.environ)))
        case GateFormat.ANNOTATIONS:
            console.commands(decision_annotations(decision), on_stdout=True)
        case _:
            listing = None if request.format is None else Listing(request.format.value)
            screen = replace(screen, listing=listing)
            style = screen.style()
            verdict = Block(text=verdict_text(decision, style, _reach(request)))
            blocks.show([*result_blocks(listed, screen, tools=False), verdict], style)


def _reach(request: GateRequest) -> Reach:
    """How further commands name what was judged; reports that no history has are judged again."""
    policy, store = request.gate.policy, request.gate.store
    reach = reach_of(request.root, request.last, config=request.config, policy=policy)
    if request.run is not None or request.files:
        kept = [*reach.show, *([] if store in (None, "") else ["--store", str(store)])]
        unkept = [*request.files, *reach.show] if store == "" and request.run is None else []
        return replace(reach, show=kept, reports=unkept)
    return reach


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
