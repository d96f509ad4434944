"""Which SARIF runs an outcome is written as: one for each tool and component."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg.components import ROOT
from secagg.finding import Finding
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.sarif import Invocation, SarifRun
from secagg.scanners.base import Status

# The drivers' names as their makers write them; GitHub shows and matches alerts by them.
_DRIVERS = {
    "codeql": "CodeQL",
    "gitleaks": "Gitleaks",
    "snyk": "Snyk",
    "trivy": "Trivy",
    "trufflehog": "TruffleHog",
}


def category(tool: str, component: str) -> str:
    """The ``automationDetails.id`` of a run; it ends with ``/`` so that all of it is category."""
    place = "" if component == ROOT else component + "/"
    return f"secagg/{tool}/{place}"


def sarif_runs(outcome: Outcome) -> Iterator[SarifRun]:
    """The runs of the per-tool view.

    A tool that completed has a run for each component it looked at, an empty one too: that
    is how a reader learns that nothing is left. One that failed has a run only for what it
    reported, marked as not successful. One that was skipped has none.
    """
    for tool, results in _by_tool(outcome.results):
        complete = all(result.run.status is Status.COMPLETE for result in results)
        findings = _by_component(results)
        components = set(findings)
        if complete:
            components |= _looked_at(results, outcome.components)
        for component in sorted(components):
            yield SarifRun(
                tool=_DRIVERS.get(tool, tool),
                version=next((r.run.version for r in results if r.run.version), None),
                category=category(tool, component),
                component=component,
                findings=findings.get(component, []),
                invocation=Invocation(
                    successful=complete,
                    gaps=[gap for r in results for p in r.parsed for gap in p.gaps]
                    + [gap for r in results for gap in r.run.gaps],
                ),
            )


def _by_tool(results: Sequence[ToolResult]) -> list[tuple[str, list[ToolResult]]]:
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
