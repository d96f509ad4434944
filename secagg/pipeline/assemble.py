"""From parsed reports to an outcome: place, fingerprint, scrub, merge, judge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from secagg.components import Component, component_of
from secagg.identity import mark_findings
from secagg.merge import Overrule, merge
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.policy import Policy, ToolOutcome, judge
from secagg.redact import Redactor


def assemble(
    results: Sequence[ToolResult],
    *,
    policy: Policy,
    redactor: Redactor,
    components: Sequence[Component],
    root: Path | None,
    started_at: datetime,
    interrupted: bool = False,
    warnings: Sequence[str] = (),
    overrules: Sequence[Overrule] = (),
) -> Outcome:
    """Merge and judge what the tools found.

    ``root`` is the checkout (``None`` where reports were read without one); without it no
    line hashes can be computed.
    """
    findings = [f for result in results for parsed in result.parsed for f in parsed.findings]
    redactor.scrub_reports(parsed for result in results for parsed in result.parsed)
    for finding in findings:
        finding.component = component_of(finding.location.uri, components)
    mark_findings(findings, root)
    merged = merge(findings, overrules=overrules)
    decision = judge(policy, merged, runs=[tool_outcome(result) for result in results])
    return Outcome(
        results=results,
        merged=merged,
        decision=decision,
        components=[component.path for component in components],
        root_name=root.name if root is not None else None,
        started_at=started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        interrupted=interrupted,
        warnings=[*warnings, *merged.warnings, *merged.unused_overrules],
    )


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
    )
