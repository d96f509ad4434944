"""Find the kinds of problems that tool runs look for, and skip scanners that are not installed.

By default a scan runs the scanners that are installed and names the others. A missing scanner is an
error only if no other tool looks for a kind that every repository needs: secrets, and vulnerable
dependencies where there are manifests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from secagg.config import NAME as CONFIG_NAME
from secagg.config import Config
from secagg.jsonio.members import objects_in, value_at
from secagg.model.finding import KIND_WORDS, Kind
from secagg.packages.components import Component
from secagg.pipeline.outcome import ToolResult
from secagg.sarif.producers import driver_tool, only_kind
from secagg.scanners import SCANNERS
from secagg.scanners.base import Status, ToolRun

_NO_KINDS: frozenset[Kind] = frozenset()
_TRIVY_KINDS = {
    "vuln": Kind.VULNERABILITY,
    "misconfig": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "license": Kind.LICENSE,
}
_SNYK_KINDS = {"test": Kind.VULNERABILITY, "code": Kind.CODE, "iac": Kind.MISCONFIGURATION}
_KIND_OF_TOOL = {"codeql": Kind.CODE, "gitleaks": Kind.SECRET, "trufflehog": Kind.SECRET}


# The tool to ask for where none looked for a kind, in this order.
_PREFERRED_TOOLS = {
    Kind.VULNERABILITY: ("trivy", "snyk"),
    Kind.SECRET: ("gitleaks", "trivy", "trufflehog"),
}


def kinds_of_tool(tool: str, options: Mapping[str, Any]) -> frozenset[Kind]:
    """Return the kinds that ``tool`` looks for with ``options``, if all its runs complete."""
    if tool == "trivy":
        return frozenset(
            _TRIVY_KINDS[name] for name in options.get("scanners", ()) if name in _TRIVY_KINDS
        )
    if tool == "snyk":
        return frozenset(
            _SNYK_KINDS[mode] for mode in options.get("modes", ()) if mode in _SNYK_KINDS
        )
    return frozenset({_KIND_OF_TOOL[tool]}) if tool in _KIND_OF_TOOL else _NO_KINDS


def kinds_of_run(tool: str, mode: str | None, options: Mapping[str, Any]) -> frozenset[Kind]:
    """Return the kinds that one run looks for in the source tree; none for an image or an SBOM."""
    if tool == "trivy":
        return kinds_of_tool(tool, options) if mode == "fs" else _NO_KINDS
    if tool == "snyk":
        return frozenset({_SNYK_KINDS[mode]}) if mode in _SNYK_KINDS else _NO_KINDS
    return kinds_of_tool(tool, options)


def runs_of_switched_off_tools(config: Config) -> list[ToolRun]:
    """Return a skipped run for each tool that the configuration switches off."""
    reason = f"switched off in {CONFIG_NAME}"
    return [
        ToolRun(tool=tool, status=Status.SKIPPED, reason=reason)
        for tool in SCANNERS
        if not config.enabled(tool)
    ]


def skip_missing_scanners(
    results: Sequence[ToolResult],
    config: Config,
    options: Mapping[str, Mapping[str, Any]],
    components: Sequence[Component],
    *,
    requested: Sequence[str],
) -> list[str]:
    """Set the kinds that each run looked for, and skip scanners that are not installed.

    ``requested`` are the tools on the command line. A missing scanner is skipped unless command
    line or configuration name it, or a needed kind depends on it. Returns a note for each needed
    kind that no switched-on tool looks for.
    """
    for result in results:
        run = result.run
        result.looked_for = kinds_of_run(run.tool, run.mode, options.get(run.tool, {}))
    if requested:
        return []
    missing = {
        result.run.tool: result
        for result in results
        if result.run.missing and not config.asks_for(result.run.tool)
    }
    failed = {r.run.tool for r in results if r.run.status is Status.FAILED} - set(missing)
    complete = {kind for result in results for kind in kinds_seen(result)}
    needed: dict[str, list[Kind]] = {}
    notes = []
    for kind in needed_kinds(components):
        if kind in complete:
            continue
        tool = _tool_that_looks_for(kind, options, [failed, needed.keys(), missing.keys()])
        if tool is None:
            notes.append(f"{KIND_WORDS[kind]} are looked for by no tool that is switched on")
        else:
            needed.setdefault(tool, []).append(kind)
    for result in results:
        run = result.run
        if run.tool in needed and run.status is Status.FAILED:
            result.needed = True
            if run.missing:
                kinds_text = " and ".join(KIND_WORDS[kind] for kind in needed[run.tool])
                run.reason = f"nothing looked for {kinds_text}: {run.reason}"
        elif run.tool in missing:
            run.status = Status.SKIPPED
            result.broken = False
    return notes


def tools_left_out(
    installed: Collection[str],
    missing: Collection[str],
    options: Mapping[str, Mapping[str, Any]],
    components: Sequence[Component],
) -> set[str]:
    """Return the ``missing`` tools that a scan skips if the ``installed`` ones complete."""
    complete = {kind for tool in installed for kind in kinds_of_tool(tool, options.get(tool, {}))}
    uncovered = [kind for kind in needed_kinds(components) if kind not in complete]
    return set(missing) - {_tool_that_looks_for(kind, options, [missing]) for kind in uncovered}


def needed_kinds(components: Sequence[Component]) -> list[Kind]:
    """Return the kinds that every repository with ``components`` must be searched for."""
    manifests = any(set(component.ecosystems) - {"docker"} for component in components)
    return [*([Kind.VULNERABILITY] if manifests else []), Kind.SECRET]


def kinds_seen(result: ToolResult) -> frozenset[Kind]:
    """Return the kinds that a tool run or a report looked for and completed."""
    if result.looked_for is not None:
        return result.looked_for if result.run.status is Status.COMPLETE else frozenset()
    kinds = set(_kinds_of_sarif_runs(result))
    if result.run.status is Status.COMPLETE:
        kinds |= _kinds_of_any_run(result.run.tool)
        kinds |= {finding.kind for parsed in result.parsed for finding in parsed.findings}
    return frozenset(kinds)


def _tool_that_looks_for(
    kind: Kind, options: Mapping[str, Mapping[str, Any]], tools: Sequence[Collection[str]]
) -> str | None:
    """Return the first of ``tools``, in order of preference, that looks for ``kind``."""
    able = [
        tool
        for tool in _PREFERRED_TOOLS[kind]
        if kind in kinds_of_tool(tool, options.get(tool, {}))
    ]
    return next((tool for candidates in tools for tool in able if tool in candidates), None)


def _kinds_of_sarif_runs(result: ToolResult) -> Iterator[Kind]:
    """Yield the kinds that the SARIF runs of a report looked for, as they say or by their tool."""
    for parsed in result.parsed:
        for run in parsed.runs:
            invocations = objects_in(run.get("invocations"))
            if any(invocation.get("executionSuccessful") is False for invocation in invocations):
                continue
            listed = value_at(run, "properties", "secagg", "lookedFor")
            tool = driver_tool(run)
            if isinstance(listed, list):
                # The report is untrusted: a tool cannot have looked for other kinds.
                yield from (kind for kind in _possible_kinds(tool) if kind.value in listed)
                continue
            yield from _kinds_of_any_run(tool)


def _possible_kinds(tool: str) -> Collection[Kind]:
    """Return the kinds that a tool can look for."""
    if tool in ("trivy", "snyk", "secagg"):
        return tuple(Kind)
    kind = only_kind(tool)
    return () if kind is None else (kind,)


def _kinds_of_any_run(tool: str) -> set[Kind]:
    """Return the kinds that a tool looks for with any settings, which its reports do not name."""
    # Snyk's commands share its name. A clean report of Trivy is the same whichever scanners were
    # switched on: 0.76 lists the packages after ``--scanners secret`` as well.
    kind = None if tool in ("snyk", "trivy") else only_kind(tool)
    return set() if kind is None else {kind}
