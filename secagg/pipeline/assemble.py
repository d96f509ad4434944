"""From parsed reports to an outcome: place, fingerprint, merge, judge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from secagg.merge import Group, merge
from secagg.model.identity import mark_findings
from secagg.packages.components import Component, component_of
from secagg.pipeline.gate import Gate
from secagg.pipeline.judging import decide, suppress
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.recognize import recognize
from secagg.pipeline.shown import Shown
from secagg.policy import Decision, ToolOutcome
from secagg.policy.gaps import RunGap, gap_key
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import keep_paths
from secagg.secrets.redactor import Redactor

_log = logging.getLogger(__name__)


def assemble(
    results: Sequence[ToolResult],
    *,
    gate: Gate,
    redactor: Redactor,
    components: Sequence[Component],
    root: Path | None,
    started_at: datetime,
    interrupted: bool = False,
    warnings: Sequence[str] = (),
    sources: bool = True,
    looked_at: Callable[[Group], bool] = lambda group: True,
    narrowed: bool = False,
) -> Outcome:
    """Merge and judge what the tools found.

    ``root`` is the checkout (``None`` where reports were read without one); without it no
    line hashes can be computed. ``sources`` says whether its files are those that were scanned.
    ``looked_at`` and ``narrowed`` are as in :func:`secagg.pipeline.judging.decide`.
    """
    findings = [f for result in results for parsed in result.parsed for f in parsed.findings]
    innermost = component_of(components)
    for finding in findings:
        finding.component = innermost(finding.location.uri)
    mark_findings(findings, root if sources else None, redactor)
    # People quote what they decide on.
    overrules = [replace(one, reason=redactor.mask(one.reason)) for one in gate.overrules]
    merged = merge(findings, overrules=overrules)
    _log.debug("%d findings are %d groups", len(findings), len(merged.groups))
    notes = recognize(merged, gate, gate.origin, before=started_at)
    outcomes = [tool_outcome(result) for result in results]
    judged = decide(
        gate,
        merged,
        outcomes,
        redactor=redactor,
        looked_at=looked_at,
        # Who stopped it has seen a part too.
        narrowed=narrowed or interrupted,
    )
    _accept(results, outcomes, judged.decision.accepted_gaps)
    suppress(judged.decision.judgements)
    shown = Shown(redactor)
    shown.groups(merged.groups)
    if judged.comparison is not None:
        shown.groups(judged.comparison.absent)
    shown.decision(judged.decision)
    _log_decision(judged.decision)
    keep_paths(shown.names())
    return Outcome(
        results=results,
        merged=merged,
        decision=judged.decision,
        components=[shown.path(component.path) for component in components],
        root_name=root.name if root is not None else None,
        started_at=started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        interrupted=interrupted,
        narrowed=narrowed,
        warnings=shown.texts([*warnings, *notes, *merged.warnings, *merged.unused_overrules]),
        change=judged.change,
        comparison=judged.comparison,
    )


def _log_decision(decision: Decision) -> None:
    """Say for each group which rule took it and why, then the verdict with its reasons."""
    if not _log.isEnabledFor(logging.DEBUG):
        return
    for judged in decision.judgements:
        why = "an exception is in force" if judged.exception is not None else judged.why
        _log.debug(
            "%s (%s): %s by rule %s: %s",
            judged.group.identity[:12],
            judged.group.severity,
            judged.action,
            judged.rule,
            why or "no rule says more",
        )
    _log.debug("verdict of policy %s: %s", decision.policy, decision.verdict)
    for reason in (*decision.reasons, *decision.notes):
        _log.debug("because: %s", reason)


def _accept(
    results: Sequence[ToolResult], outcomes: Sequence[ToolOutcome], accepted: frozenset[str]
) -> None:
    """Mark the gaps that are accepted; a run that has no others is complete."""
    for result, outcome in zip(results, outcomes, strict=True):
        for gap in gaps_of(result):
            gap.accepted = gap.fatal and gap_key(gap.message) in accepted
        if outcome.gaps and not outcome.broken and accepted.issuperset(g.key for g in outcome.gaps):
            result.run.status, result.run.reason = Status.COMPLETE, None


def tool_outcome(result: ToolResult) -> ToolOutcome:
    """What a policy is told about a tool run."""
    run = result.run
    return ToolOutcome(
        tool=run.tool if run.mode is None else f"{run.tool} ({run.mode})",
        component=run.component,
        status=str(run.status),
        optional=result.optional,
        reason=run.reason,
        hint=run.hint,
        gaps=[RunGap(message=g.message, whole=g.whole) for g in gaps_of(result) if g.fatal],
        remarks=frozenset(gap_key(g.message) for g in gaps_of(result) if not g.fatal),
        broken=result.broken,
        version=run.version,
        kinds=kinds_seen(result),
        needed=result.needed,
        missing=run.missing,
    )
