"""Write the files of a run: SARIF, summary and decision, each whole or not at all."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from secagg import __version__, ids
from secagg.config import load_config
from secagg.errors import ExitCode, UsageError
from secagg.jsonio.output import indented
from secagg.merge import Group
from secagg.merge.groups import find_group
from secagg.model.finding import Kind, Package, SecretSighting, Severity, Vulnerability
from secagg.model.place import more_places
from secagg.model.problem import State
from secagg.output.decision import DecidedException, DecidedFinding, DecisionDocument
from secagg.output.rows import reading_order, row, worst_first
from secagg.output.summary import (
    DecisionSummary,
    FindingsSummary,
    FindingSummary,
    PlaceSummary,
    Summary,
    ToolSummary,
)
from secagg.packages.components import ROOT
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.parse import parse_files
from secagg.pipeline.sarifruns import MERGED_DRIVER, View, sarif_runs
from secagg.policy import PolicyException
from secagg.policy.decision import Action, Cause, Judgement, Verdict
from secagg.sarif import write as write_sarif
from secagg.secrets.key import VARIABLE, is_shared
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replacing

_NOTES_SHOWN = 20


_NO_PACKAGE = Package(type="", name="")


_NO_VULNERABILITY = Vulnerability()


_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}


def exit_code(outcome: Outcome) -> ExitCode:
    """Return the exit code by the README's table; an interruption outweighs the verdict."""
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    return _OF_VERDICT[outcome.decision.verdict]


def summarize(outcome: Outcome, *, with_items: bool = False) -> Summary:
    """Return the summary of ``outcome``; ``with_items`` puts the findings themselves into it."""
    tools = [tool_summary(result) for result in outcome.results]
    groups = outcome.merged.groups
    severities = Counter(group.representative.severity for group in groups)
    kinds = Counter(group.representative.kind for group in groups)
    within = sum(tool.merged for tool in tools)
    items = None
    if with_items:
        ordered = worst_first(outcome.decision.judgements, lambda j: j.group.representative)
        items = [_item(judgement) for judgement in ordered]
    findings = FindingsSummary(
        total=len(groups),
        by_severity={str(severity): severities[severity] for severity in Severity},
        by_kind={str(kind): kinds[kind] for kind in Kind},
        reported=sum(tool.reported for tool in tools),
        merged=within + outcome.merged.members - len(groups),
        suppressed=sum(tool.suppressed for tool in tools),
        problems=sum(tool.problems for tool in tools),
        items=items,
    )
    return Summary(
        secagg_version=__version__,
        started_at=outcome.started_at,
        root=outcome.root_name,
        tools=tools,
        findings=findings,
        decision=DecisionSummary(
            policy=outcome.decision.policy,
            verdict=outcome.decision.verdict.value,
            exit_code=exit_code(outcome),
            reasons=list(outcome.decision.reasons),
            notes=list(outcome.decision.notes),
        ),
        narrowed=outcome.narrowed,
        upload=outcome.upload,
        warnings=outcome.warnings,
    )


def tool_summary(result: ToolResult) -> ToolSummary:
    """One tool run in figures, with its notes."""
    run = result.run
    notes = [gap.message for gap in run.gaps if gap.message != run.reason]
    for parsed in result.parsed:
        notes += [gap.message for gap in parsed.gaps if gap.message != run.reason]
        for problem in parsed.problems[:_NOTES_SHOWN]:
            where = f"{problem.where}: " if problem.where else ""
            notes.append(where + problem.message)
        unsaid = len(parsed.problems) - _NOTES_SHOWN
        if unsaid > 0:
            notes.append(f"{unsaid} more entries not understood")
    return ToolSummary(
        tool=run.tool,
        component=run.component,
        mode=run.mode,
        status=run.status.value,
        optional=result.optional,
        version=run.version,
        seconds=round(run.seconds, 3),
        reported=sum(parsed.reported for parsed in result.parsed),
        findings=sum(len(parsed.findings) for parsed in result.parsed),
        suppressed=sum(parsed.suppressed for parsed in result.parsed),
        merged=sum(parsed.merged for parsed in result.parsed),
        problems=sum(len(parsed.problems) for parsed in result.parsed),
        reason=run.reason,
        hint=run.hint,
        notes=notes,
    )


def _item(judgement: Judgement) -> FindingSummary:
    finding = judgement.group.representative
    return FindingSummary(
        **finding_fields(judgement),
        title=finding.title,
        tools=judgement.group.tools,
        fix=finding.fix,
    )


def finding_fields(judgement: Judgement) -> dict[str, Any]:
    """The fields of a row that ``summary.json`` and ``decision.json`` have in the same words."""
    group = judgement.group
    finding = group.representative
    sightings: list[SecretSighting] = []
    if finding.kind is Kind.SECRET:
        sightings = [member.secret for member in group.members if member.secret is not None]
    vulnerability = finding.vulnerability or _NO_VULNERABILITY
    package = finding.package or _NO_PACKAGE
    location = finding.location
    return {
        "id": group.identity,
        "kind": finding.kind,
        "severity": finding.severity,
        "severity_known": finding.severity_known,
        "score": finding.score,
        "rule": finding.rule_id,
        "path": location.uri,
        "line": location.start_line,
        "places": [
            PlaceSummary(path=place.uri, line=place.start_line)
            for place in more_places(group.members)
        ],
        "component": finding.component or ROOT,
        "package": package.name or None,
        "version": package.version,
        "purl": package.purl,
        "fixed_versions": vulnerability.fixed_versions,
        "status": vulnerability.status,
        "aliases": vulnerability.aliases,
        "cwes": finding.cwes,
        "secret": next((s.id for s in sightings if s.id is not None), None) if sightings else None,
        "verified": any(s.verified for s in sightings) if sightings else None,
        "in_history_only": all(s.in_history for s in sightings) if sightings else None,
        "sightings": len(group.members),
        "action": judgement.action,
        "why": judgement.why,
        "related": group.related,
    }


_CAUSES: dict[Cause | None, Literal["this change", "the world", "before", "unknown"]] = {
    Cause.CHANGE: "this change",
    Cause.WORLD: "the world",
    Cause.EXISTING: "before",
    None: "unknown",
}


_ORDER = {Action.FAIL: 0, Action.WARN: 1, Action.IGNORE: 2}


def decision_document(outcome: Outcome) -> DecisionDocument:
    """Return the document; findings that fail come first, and within an action the worst."""
    decision = outcome.decision
    today = decision.today or datetime.datetime.now(datetime.UTC).date()
    judgements = sorted(decision.judgements, key=_by_action)
    actions = Counter(judgement.action for judgement in judgements)
    severities = Counter(judgement.severity for judgement in judgements)
    summary = summarize(outcome)
    return DecisionDocument(
        secagg_version=__version__,
        policy=decision.policy,
        verdict=decision.verdict.value,
        exit_code=summary.decision.exit_code,
        today=today,
        total=len(judgements),
        reported=summary.findings.reported,
        merged=summary.findings.merged,
        fail=actions[Action.FAIL],
        warn=actions[Action.WARN],
        ignore=actions[Action.IGNORE],
        by_severity={str(severity): severities[severity] for severity in Severity},
        excepted=sum(1 for judgement in judgements if judgement.exception is not None),
        gaps=list(decision.gaps),
        failures=list(decision.failures),
        not_analysed=list(decision.not_analysed),
        notes=[*decision.notes, *outcome.warnings],
        change=outcome.change,
        tools=summary.tools,
        findings=[_finding(judgement, today) for judgement in judgements],
        lapsed=[_exception(exception, today) for exception in decision.lapsed],
        unused=[_exception(exception, today) for exception in decision.unused],
    )


def _by_action(judgement: Judgement) -> tuple[Any, ...]:
    first = 8 * _ORDER[judgement.action] - judgement.severity.rank
    return first, *reading_order(judgement.group.representative)


def _finding(judgement: Judgement, today: datetime.date) -> DecidedFinding:
    shown = row(judgement.group)
    facts = judgement.facts
    cause_why = facts.cause_sentence
    due = judgement.due
    exception = judgement.exception
    fix = shown.fix.replace("fixed in ", "upgrade to ", 1) if shown.fix else None
    return DecidedFinding(
        title=shown.detail,
        tools=shown.tools,
        fix=fix,
        where=shown.where,
        problem=shown.what,
        counted_as=judgement.severity,
        policy_rule=judgement.rule,
        exception=_exception(exception, today) if exception is not None else None,
        lapsed=[_exception(lapsed, today) for lapsed in judgement.lapsed]
        if judgement.lapsed
        else (),
        baseline=facts.baseline.value if facts.baseline is not None else None,
        in_diff=facts.in_diff,
        cause=None if cause_why is None else _CAUSES[facts.cause],
        cause_why=cause_why,
        owners=facts.owners,
        first_seen=facts.first_seen,
        due=due,
        days_left=(due - today).days if due is not None else None,
        epss=facts.epss,
        kev=facts.kev,
        **finding_fields(judgement),
    )


def _exception(exception: PolicyException, today: datetime.date) -> DecidedException:
    return DecidedException(
        source=exception.source,
        target=exception.target,
        standing=exception.standing(today).value,
        reason=exception.reason,
        owner=exception.owner,
        expires=exception.expires,
        refusal=exception.refusal,
        state="false-positive" if exception.state is State.FALSE_POSITIVE else "accepted",
        origin=exception.origin.value,
    )


DIRECTORY = "secagg-out"


SARIF_NAME = "findings.sarif"


SUMMARY_NAME = "summary.json"


DECISION_NAME = "decision.json"


def write_outputs(
    outcome: Outcome,
    directory: Path,
    view: View = View.PER_TOOL,
    *,
    decision: DecisionDocument | None = None,
) -> list[Path]:
    """Write the three files into ``directory`` (made if missing) and return their paths.

    ``decision`` is the outcome's, where it is made already. Raises :class:`UsageError` where the
    directory cannot be written.
    """
    with writing(directory):
        with replacing(directory / SARIF_NAME) as out:
            write_sarif(out, sarif_runs(outcome, view, outcome.comparison))
        with replacing(directory / DECISION_NAME) as out:
            out.writelines((decision or decision_document(outcome)).json_pieces())
        write_summary(outcome, directory)
    return [directory / name for name in (SARIF_NAME, SUMMARY_NAME, DECISION_NAME)]


def write_summary(outcome: Outcome, directory: Path) -> None:
    """Write ``summary.json`` alone, once more is known of ``outcome``."""
    with writing(directory), replacing(directory / SUMMARY_NAME) as out:
        out.write(indented(summarize(outcome)))


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """While inside, ``directory`` (made if missing) is written; :class:`UsageError` if not."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write to {directory}: {error.strerror}",
            hint="name a directory that can be written with --output",
        ) from error


# Its own summary has a few kilobytes; what else may lie there is not read.
_LARGEST_SUMMARY = 4 * 1024 * 1024


def rows_of_last(root: Path, last: Path) -> Sequence[Group] | None:
    """Return the rows of the scan that was written to the directory ``last``, if there was one."""
    file = last / SARIF_NAME
    if not file.is_file():
        return None
    outcome = parse_files(
        [str(file)],
        tool=None,
        root=root.resolve(),
        gate=plain_gate(root, load_config(root, None)),
    )
    return outcome.merged.groups


def last_times(last: Path) -> dict[tuple[str, str, str | None], float]:
    """Return how many seconds each run took (by tool, component and mode) of the scan in ``last``.

    Without such a scan, or where its summary cannot be read, nothing is known.
    """
    try:
        with (last / SUMMARY_NAME).open("rb") as file:
            summary = msgspec.json.decode(file.read(_LARGEST_SUMMARY), type=_Times)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {(t.tool, t.component, t.mode): t.seconds for t in summary.tools if t.seconds}


class _Time(msgspec.Struct):
    tool: str
    component: str
    mode: str | None = None
    seconds: float = 0.0


class _Times(msgspec.Struct):
    tools: list[_Time]


def is_whole_row(group: Group) -> bool:
    """True for a row of the merged view: one result for all its sources, which it only names."""
    origin = group.members[0].sarif
    if origin is None:
        return False
    driver = origin.run.get("tool", {}).get("driver", {})
    return bool(driver.get("name") == MERGED_DRIVER)


def row_named(
    given: str, rows: Sequence[Group] | None, *, option: str = ""
) -> tuple[str, Group | None]:
    """Find the row of the last scan with the id ``given``: its own id, and the row.

    ``rows`` are those of the last scan. Without one (None) only a whole id will do, and it is taken
    as it is. ``option`` is where the id was given. Raises :class:`UsageError`.
    """
    if rows is not None:
        group = find_group(rows, given, option=option)
        return group.identity, group
    identity = ids.read_id(given, option=option)
    if len(identity) < ids.WHOLE:
        where = f"{option}: " if option else ""
        raise UsageError(
            f"{where}without a scan's findings the whole id is needed ({ids.WHOLE} digits)",
            hint="run a scan first, or name its directory with --from",
        )
    return identity, None


def refuse_own_key(key: str | None, *, option: str, other: str) -> None:
    """Raise :class:`UsageError` for a secret whose id depends on a key that only this machine has.

    ``key`` is the fingerprint of the key that its value was hashed under. What names the id, given
    with ``option``, goes into a file that others read; ``other`` is another way to name it.
    """
    if key is None or is_shared() or key != run_redactor().key_name:
        return
    raise UsageError(
        f"{option}: this secret's id holds on this machine only: its value is hashed under a key "
        "that nobody else has",
        hint=f"{other}; or set {VARIABLE} to the same text wherever this repository is scanned, "
        "and scan again",
    )
