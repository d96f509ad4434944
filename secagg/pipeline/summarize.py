"""An outcome in figures: what goes into ``summary.json``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from secagg import __version__
from secagg.exitcodes import ExitCode
from secagg.model.finding import Kind, Package, SecretSighting, Severity, Vulnerability
from secagg.model.place import more_places
from secagg.output.rows import worst_first
from secagg.output.summary import (
    DecisionSummary,
    FindingsSummary,
    FindingSummary,
    PlaceSummary,
    Summary,
    ToolSummary,
)
from secagg.packages.components import ROOT
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.policy.decision import Judgement, Verdict

_NOTES_SHOWN = 20
_NO_PACKAGE = Package(type="", name="")
_NO_VULNERABILITY = Vulnerability()
_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}


def exit_code(outcome: Outcome) -> ExitCode:
    """The exit code by the README's table; an interruption outweighs the verdict."""
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    return _OF_VERDICT[outcome.decision.verdict]


def summarize(outcome: Outcome, *, with_items: bool = False) -> Summary:
    """The summary of ``outcome``; ``with_items`` puts the findings themselves into it."""
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
