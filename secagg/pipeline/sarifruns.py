"""Split an outcome into SARIF runs: one for each tool and component, or one for each component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from secagg import __version__
from secagg.change.baseline import Comparison
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.packages.components import ROOT
from secagg.pipeline.choices import View
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.ownsarif import category, database_of, split_by_tool
from secagg.policy.decision import BaselineState
from secagg.sarif import GroupedResult, Invocation, SarifRun
from secagg.sarif.model import GroupedFindings
from secagg.scanners.base import Status

# The drivers' names as the tools themselves write them: GitHub matches alerts by them.
_DRIVERS = {
    "codeql": "CodeQL",
    "gitleaks": "Gitleaks",
    "snyk": "Snyk",
    "trivy": "Trivy",
    "trufflehog": "TruffleHog",
}

MERGED_DRIVER = "secagg"
"""The driver's name in the merged view."""


def driver(tool: str) -> str:
    """Return the name of a tool's driver in SARIF."""
    return _DRIVERS.get(tool, tool)


def sarif_runs(
    outcome: Outcome, view: View = View.PER_TOOL, comparison: Comparison | None = None
) -> Iterator[SarifRun]:
    """Yield the runs of a view. Results of one group have one ``correlationGuid`` in both views.

    With ``comparison`` each result has its group's ``baselineState``, and the merged view also has
    the absent groups. (A tool's own runs hold only findings that the tool reported.)
    """
    if view is View.PER_TOOL:
        return _per_tool(outcome, comparison)
    return _merged(outcome, comparison)


def _per_tool(outcome: Outcome, comparison: Comparison | None) -> Iterator[SarifRun]:
    """Yield a run for each tool and component.

    A tool that completed has a run for each component that it covered, even without results: so a
    reader learns that nothing is left. A tool that failed has runs for what it reported, marked as
    not successful, or one without results: without it the file would look like that of a clean
    scan. A skipped tool has none.
    """
    group_of_finding: dict[int, str] = {}
    for group in outcome.merged.groups:
        if len(group.members) > 1:
            group_of_finding.update(dict.fromkeys(map(id, group.members), group.identity))
    state_of_finding: dict[int, str] = {}
    if comparison is not None:
        for group in outcome.merged.groups:
            state = comparison.states[group.identity].value
            state_of_finding.update((id(member), state) for member in group.members)
    for tool, results in _results_by_tool(split_by_tool(outcome.results)):
        complete = all(result.run.status is Status.COMPLETE for result in results)
        findings = _by_component(results)
        components = set(findings)
        if complete:
            components |= _covered_components(results, outcome.components)
        elif not components and not all(result.optional for result in results):
            components = {min(result.run.component for result in results)}
        version = next((result.run.version for result in results if result.run.version), None)
        invocation, looked_for = _invocation(results, successful=complete), _looked_for(results)
        database = database_of(results)
        for component in sorted(components):
            component_findings = findings.get(component, [])
            yield SarifRun(
                tool=driver(tool),
                version=version,
                category=category(tool, component),
                component=component,
                findings=GroupedFindings(component_findings, group_of_finding, state_of_finding),
                frame=None if component_findings or component != ROOT else _empty_frame(results),
                invocation=invocation,
                looked_for=looked_for,
                database=database,
            )


def _merged(outcome: Outcome, comparison: Comparison | None) -> Iterator[SarifRun]:
    """Yield a run for each component, with a result for each group that names its sources."""
    by_component: dict[str, list[GroupedResult]] = {path: [] for path in outcome.components}
    for group in outcome.merged.groups:
        finding = group.representative
        state = None if comparison is None else comparison.states[group.identity].value
        by_component.setdefault(finding.component or ROOT, []).append(_grouped_result(group, state))
    for group in comparison.absent if comparison is not None else ():
        # A component that was deleted has no run of its own.
        component = group.representative.component
        run_component = component if component is not None and component in by_component else ROOT
        by_component.setdefault(run_component, []).append(
            _grouped_result(group, BaselineState.ABSENT.value)
        )
    complete = all(
        result.run.status is not Status.FAILED or result.optional for result in outcome.results
    )
    invocation = _invocation(outcome.results, successful=complete)
    looked_for = _looked_for(outcome.results)
    for component, grouped in sorted(by_component.items()):
        yield SarifRun(
            tool=MERGED_DRIVER,
            version=__version__,
            category=category("merged", component),
            component=component,
            findings=grouped,
            invocation=invocation,
            looked_for=looked_for,
        )


def _grouped_result(group: Group, state: str | None) -> GroupedResult:
    return GroupedResult(
        finding=group.representative,
        sources=group.members,
        group=group.identity,
        baseline=state,
    )


def _invocation(results: Sequence[ToolResult], *, successful: bool) -> Invocation:
    gaps = [gap for result in results for parsed in result.parsed for gap in parsed.gaps]
    gaps += [gap for result in results for gap in result.run.gaps]
    gaps = list({(gap.message, gap.fatal, gap.accepted): gap for gap in gaps}.values())
    messages = {gap.message for gap in gaps}
    reasons = dict.fromkeys(
        result.run.reason
        for result in results
        if result.run.status is Status.FAILED and result.run.reason not in messages
    )
    reason = "; ".join(filter(None, reasons)) or None
    return Invocation(successful=successful, reason=reason, gaps=gaps)


def _looked_for(results: Sequence[ToolResult]) -> list[str]:
    return sorted({kind.value for result in results for kind in kinds_seen(result)})


def _empty_frame(results: Sequence[ToolResult]) -> Mapping[str, Any] | None:
    """Return the SARIF run that a tool wrote without any result, to keep its rules."""
    return next(
        (run for result in results for parsed in result.parsed for run in parsed.runs), None
    )


def _results_by_tool(results: Iterable[ToolResult]) -> list[tuple[str, list[ToolResult]]]:
    by_tool: dict[str, list[ToolResult]] = {}
    for result in results:
        if result.run.status is not Status.SKIPPED:
            by_tool.setdefault(result.run.tool, []).append(result)
    return sorted(by_tool.items())


def _by_component(results: Sequence[ToolResult]) -> dict[str, list[Finding]]:
    by_component: dict[str, list[Finding]] = {}
    for result in results:
        for parsed in result.parsed:
            for finding in parsed.findings:
                by_component.setdefault(finding.component or ROOT, []).append(finding)
    return by_component


def _covered_components(results: Sequence[ToolResult], components: Sequence[str]) -> set[str]:
    """Return the components that the runs of one tool covered; a run over the root covers all."""
    components_of_runs = {result.run.component for result in results}
    return set(components) if ROOT in components_of_runs else components_of_runs
