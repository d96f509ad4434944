"""Write the files of a scan (SARIF, summary and decision), each atomically."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from secagg import __version__
from secagg.errors import ExitCode, UsageError
from secagg.jsonio.output import indented
from secagg.model.finding import Kind, Package, SecretSighting, Severity, Vulnerability
from secagg.model.place import more_places
from secagg.model.severity import LABELS, label_of
from secagg.model.state import State
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
from secagg.pipeline.choices import View
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.sarifruns import sarif_runs
from secagg.policy import PolicyException
from secagg.policy.decision import Action, Cause, Judgement, Verdict
from secagg.sarif import write as write_sarif
from secagg.system.dates import utc_today
from secagg.system.files import replacing

SARIF_NAME = "findings.sarif"
SUMMARY_NAME = "summary.json"
DECISION_NAME = "decision.json"

_MOST_NOTES = 20

_NO_PACKAGE = Package(type="", name="")
_NO_VULNERABILITY = Vulnerability()

_EXIT_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}
_CAUSE_TEXTS: dict[Cause | None, Literal["this change", "the world", "before", "unknown"]] = {
    Cause.CHANGE: "this change",
    Cause.WORLD: "the world",
    Cause.EXISTING: "before",
    None: "unknown",
}
_ACTION_ORDER = {Action.FAIL: 0, Action.WARN: 1, Action.IGNORE: 2}


def exit_code(outcome: Outcome) -> ExitCode:
    """Return the exit code (README, "Exit codes"); an interruption outweighs the verdict."""
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    return _EXIT_CODES[outcome.decision.verdict]


def summarize(outcome: Outcome, *, with_items: bool = False) -> Summary:
    """Return the summary of ``outcome``, with its findings if ``with_items``."""
    tools = [tool_summary(result) for result in outcome.results]
    groups = outcome.merged.groups
    rows = [group.representative for group in groups]
    severities = Counter(label_of(row.severity, known=row.severity_known) for row in rows)
    kinds = Counter(group.representative.kind for group in groups)
    merged_by_tools = sum(tool.merged for tool in tools)
    unreadable = sum(tool.unreadable for tool in tools)
    items = None
    if with_items:
        judgements = worst_first(outcome.decision.judgements, lambda j: j.group.representative)
        items = [_finding_summary(judgement) for judgement in judgements]
    findings = FindingsSummary(
        total=len(groups),
        by_severity={label: severities[label] for label in LABELS},
        by_kind={str(kind): kinds[kind] for kind in Kind},
        reported=sum(tool.reported for tool in tools),
        merged=merged_by_tools + outcome.merged.members - len(groups),
        suppressed=sum(tool.suppressed for tool in tools),
        unreadable=unreadable,
        problems=unreadable,
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
    """Return the figures and notes of one tool run."""
    run = result.run
    notes = [gap.message for gap in run.gaps if gap.message != run.reason]
    for parsed in result.parsed:
        notes += [gap.message for gap in parsed.gaps if gap.message != run.reason]
        for problem in parsed.problems[:_MOST_NOTES]:
            where = f"{problem.where}: " if problem.where else ""
            notes.append(where + problem.message)
        omitted = len(parsed.problems) - _MOST_NOTES
        if omitted > 0:
            notes.append(f"{omitted} more entries not understood")
    unreadable = sum(len(parsed.problems) for parsed in result.parsed)
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
        unreadable=unreadable,
        problems=unreadable,
        reason=run.reason,
        hint=run.hint,
        notes=notes,
    )


def finding_fields(judgement: Judgement) -> dict[str, Any]:
    """Return the fields of a finding that ``summary.json`` and ``decision.json`` share."""
    group = judgement.group
    finding = group.representative
    sightings: list[SecretSighting] = []
    if finding.kind is Kind.SECRET:
        sightings = [member.secret for member in group.members if member.secret is not None]
    vulnerability = finding.vulnerability or _NO_VULNERABILITY
    package = finding.package or _NO_PACKAGE
    location = finding.location
    places = more_places(group.members)
    return {
        "id": group.identity,
        "kind": finding.kind,
        "severity": finding.severity,
        "severity_known": finding.severity_known,
        "score": finding.score,
        "rule": finding.rule_id,
        "path": location.uri,
        "line": location.start_line,
        "places": [PlaceSummary(path=place.uri, line=place.start_line) for place in places]
        if places
        else (),
        "component": finding.component or ROOT,
        "package": package.name or None,
        "version": package.version,
        "purl": package.purl,
        "fixed_versions": vulnerability.fixed_versions,
        "status": vulnerability.status,
        "aliases": vulnerability.aliases,
        "cwes": finding.cwes,
        "secret": next((sighting.id for sighting in sightings if sighting.id is not None), None)
        if sightings
        else None,
        "verified": any(sighting.verified for sighting in sightings) if sightings else None,
        "in_history_only": all(sighting.in_history for sighting in sightings)
        if sightings
        else None,
        "sightings": len(group.members),
        "action": judgement.action,
        "why": judgement.why,
        "related": group.related,
    }


def decision_document(outcome: Outcome) -> DecisionDocument:
    """Return ``decision.json``: findings that fail come first, and within an action the worst."""
    decision = outcome.decision
    today = decision.today or utc_today()
    judgements = sorted(decision.judgements, key=_by_action)
    actions = Counter(judgement.action for judgement in judgements)
    severities = Counter(judgement.severity for judgement in judgements)
    by_counted_as = {str(severity): severities[severity] for severity in Severity}
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
        by_counted_as=by_counted_as,
        by_severity=by_counted_as,
        excepted=sum(1 for judgement in judgements if judgement.exception is not None),
        gaps=list(decision.gaps),
        failures=list(decision.failures),
        not_analysed=list(decision.not_analysed),
        notes=[*decision.notes, *outcome.warnings],
        change=outcome.change,
        tools=summary.tools,
        findings=[_decided_finding(judgement, today) for judgement in judgements],
        lapsed=[_decided_exception(exception, today) for exception in decision.lapsed],
        unused=[_decided_exception(exception, today) for exception in decision.unused],
    )


def write_outputs(
    outcome: Outcome,
    directory: Path,
    view: View = View.PER_TOOL,
    *,
    decision: DecisionDocument | None = None,
) -> list[Path]:
    """Write the three files into ``directory``, which is created if missing; return their paths.

    ``decision`` is the document of ``outcome``, where the caller has it already. Raises
    :class:`UsageError` where the directory cannot be written.
    """
    with output_directory(directory):
        with replacing(directory / SARIF_NAME) as out:
            write_sarif(out, sarif_runs(outcome, view, outcome.comparison))
        with replacing(directory / DECISION_NAME) as out:
            out.writelines((decision or decision_document(outcome)).json_pieces())
        write_summary(outcome, directory)
    return [directory / name for name in (SARIF_NAME, SUMMARY_NAME, DECISION_NAME)]


def write_summary(outcome: Outcome, directory: Path) -> None:
    """Write ``summary.json`` again, for example after an upload."""
    with output_directory(directory), replacing(directory / SUMMARY_NAME) as out:
        out.write(indented(summarize(outcome)))


@contextmanager
def output_directory(directory: Path) -> Iterator[None]:
    """Create ``directory``; raises :class:`UsageError` where it cannot be written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write to {directory}: {error.strerror}",
            hint="name a directory that can be written with --output",
        ) from error


def _finding_summary(judgement: Judgement) -> FindingSummary:
    finding = judgement.group.representative
    return FindingSummary(
        **finding_fields(judgement),
        title=finding.title,
        tools=judgement.group.tools,
        fix=finding.fix,
    )


def _by_action(judgement: Judgement) -> tuple[Any, ...]:
    rank = 8 * _ACTION_ORDER[judgement.action] - judgement.severity.rank
    return rank, *reading_order(judgement.group.representative)


def _decided_finding(judgement: Judgement, today: datetime.date) -> DecidedFinding:
    row_texts = row(judgement.group)
    facts = judgement.facts
    cause_why = facts.cause_sentence
    due = judgement.due
    exception = judgement.exception
    fix = row_texts.fix.replace("fixed in ", "upgrade to ", 1) if row_texts.fix else None
    return DecidedFinding(
        title=row_texts.detail,
        tools=row_texts.tools,
        fix=fix,
        where=row_texts.where,
        problem=row_texts.what,
        counted_as=judgement.severity,
        policy_rule=judgement.rule,
        exception=_decided_exception(exception, today) if exception is not None else None,
        lapsed=[_decided_exception(lapsed, today) for lapsed in judgement.lapsed]
        if judgement.lapsed
        else (),
        baseline=facts.baseline.value if facts.baseline is not None else None,
        in_diff=facts.in_diff,
        cause=None if cause_why is None else _CAUSE_TEXTS[facts.cause],
        cause_why=cause_why,
        owners=facts.owners,
        first_seen=facts.first_seen,
        due=due,
        days_left=(due - today).days if due is not None else None,
        epss=facts.epss,
        kev=facts.kev,
        **finding_fields(judgement),
    )


def _decided_exception(exception: PolicyException, today: datetime.date) -> DecidedException:
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
