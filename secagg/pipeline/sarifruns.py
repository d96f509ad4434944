"""Which SARIF runs an outcome is written as: one for each tool and component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from secagg import __version__
from secagg.change.baseline import Comparison
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.packages.components import ROOT
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.ownsarif import by_tool, category
from secagg.policy.decision import BaselineState
from secagg.sarif import GroupedResult, Invocation, SarifRun
from secagg.sarif.model import GroupedFindings
from secagg.scanners.base import Status

# The drivers' names as their makers write them; GitHub shows and matches alerts by them.
_DRIVERS = {
    "codeql": "CodeQL",
    "gitleaks": "Gitleaks",
    "snyk": "Snyk",
    "trivy": "Trivy",
    "trufflehog": "TruffleHog",
}


# The driver of the merged view.
MERGED_DRIVER = "secagg"


class View(StrEnum):
    """How findings stand in ``findings.sarif``."""

    PER_TOOL = "per-tool"
    MERGED = "merged"


def driver(tool: str) -> str:
    """Return the name of a tool's driver in SARIF."""
    return _DRIVERS.get(tool, tool)


def sarif_runs(
    outcome: Outcome, view: View = View.PER_TOOL, comparison: Comparison | None = None
) -> Iterator[SarifRun]:
    """Yield the runs of a view. Results of one group carry one ``correlationGuid`` in both of them.

    With ``comparison`` each result has its group's ``baselineState``, and the merged view also
    has what is absent. (A tool's own runs only hold what that tool has reported.)
    """
    if view is View.PER_TOOL:
        return _per_tool(outcome, comparison)
    return _merged(outcome, comparison)


def _per_tool(outcome: Outcome, comparison: Comparison | None) -> Iterator[SarifRun]:
    """A run for each tool and component.

    A tool that completed has a run for each component it looked at, an empty one too: that
    is how a reader learns that nothing is left. One that failed has a run only for what it
    reported, marked as not successful, and one without results where it reported nothing: without
    it the file would look like that of a clean scan. One that was skipped has none.
    """
    groups: dict[int, str] = {}
    for group in outcome.merged.groups:
        if len(group.members) > 1:
            groups.update(dict.fromkeys(map(id, group.members), group.identity))
    states: dict[int, str] = {}
    if comparison is not None:
        for group in outcome.merged.groups:
            state = comparison.states[group.identity].value
            states.update((id(member), state) for member in group.members)
    for tool, results in _by_tool(by_tool(outcome.results)):
        complete = all(result.run.status is Status.COMPLETE for result in results)
        findings = _by_component(results)
        components = set(findings)
        if complete:
            components |= _looked_at(results, outcome.components)
        elif not components and not all(result.optional for result in results):
            components = {min(result.run.component for result in results)}
        for component in sorted(components):
            found = findings.get(component, [])
            yield SarifRun(
                tool=driver(tool),
                version=next((r.run.version for r in results if r.run.version), None),
                category=category(tool, component),
                component=component,
                findings=GroupedFindings(found, groups, states),
                frame=None if found or component != ROOT else _empty_frame(results),
                invocation=_invocation(results, successful=complete),
                looked_for=_looked_for(results),
            )


def _merged(outcome: Outcome, comparison: Comparison | None) -> Iterator[SarifRun]:
    """One run for each component, with one result for each group and its sources beside it."""
    by_component: dict[str, list[GroupedResult]] = {path: [] for path in outcome.components}
    for group in outcome.merged.groups:
        finding = group.representative
        state = None if comparison is None else comparison.states[group.identity].value
        by_component.setdefault(finding.component or ROOT, []).append(_result(group, state))
    for group in comparison.absent if comparison is not None else ():
        # A component that is gone has no run of its own any more.
        component = group.representative.component
        run = component if component is not None and component in by_component else ROOT
        by_component.setdefault(run, []).append(_result(group, BaselineState.ABSENT.value))
    complete = all(
        result.run.status is not Status.FAILED or result.optional for result in outcome.results
    )
    for component, grouped in sorted(by_component.items()):
        yield SarifRun(
            tool=MERGED_DRIVER,
            version=__version__,
            category=category("merged", component),
            component=component,
            findings=grouped,
            invocation=_invocation(outcome.results, successful=complete),
            looked_for=_looked_for(outcome.results),
        )


def _result(group: Group, state: str | None) -> GroupedResult:
    return GroupedResult(
        finding=group.representative,
        sources=group.members,
        group=group.identity,
        baseline=state,
    )


def _invocation(results: Sequence[ToolResult], *, successful: bool) -> Invocation:
    gaps = [gap for r in results for p in r.parsed for gap in p.gaps]
    gaps += [gap for r in results for gap in r.run.gaps]
    gaps = list({(gap.message, gap.fatal, gap.accepted): gap for gap in gaps}.values())
    told = {gap.message for gap in gaps}
    failed = [r.run.reason for r in results if r.run.status is Status.FAILED and r.run.reason]
    reasons = [reason for reason in dict.fromkeys(failed) if reason not in told]
    return Invocation(successful=successful, reason="; ".join(reasons) or None, gaps=gaps)


def _looked_for(results: Sequence[ToolResult]) -> list[str]:
    return sorted({kind.value for result in results for kind in kinds_seen(result)})


def _empty_frame(results: Sequence[ToolResult]) -> Mapping[str, Any] | None:
    """The run that a tool wrote in SARIF without any result: its rules are worth keeping."""
    return next((run for r in results for p in r.parsed for run in p.runs), None)


def _by_tool(results: Iterable[ToolResult]) -> list[tuple[str, list[ToolResult]]]:
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


def _looked_at(results: Sequence[ToolResult], components: Sequence[str]) -> set[str]:
    """The components that the runs of one tool covered; a run over the root covers them all."""
    over = {result.run.component for result in results}
    return set(components) if ROOT in over else over
