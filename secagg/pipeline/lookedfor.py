"""What a scan has looked for, and what it means that a scanner is not installed.

Without a word of the configuration or the command line a scan runs what is there. A scanner that is
not installed is named and left out, unless nobody else looks for what every repository needs:
secrets, and vulnerable dependencies where there are manifests.

Which kinds of problems the runs of a scanner look for, by its mode and settings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from secagg.config import Config
from secagg.model.finding import KIND_WORDS, Kind
from secagg.packages.components import Component
from secagg.pipeline.outcome import ToolResult
from secagg.sarif.producers import driver_tool, only_kind
from secagg.scanners.base import Status

_NONE: frozenset[Kind] = frozenset()


_TRIVY = {
    "vuln": Kind.VULNERABILITY,
    "misconfig": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "license": Kind.LICENSE,
}


_SNYK = {"test": Kind.VULNERABILITY, "code": Kind.CODE, "iac": Kind.MISCONFIGURATION}


_ONE = {"codeql": Kind.CODE, "gitleaks": Kind.SECRET, "trufflehog": Kind.SECRET}


def kinds_of_tool(tool: str, options: Mapping[str, Any]) -> frozenset[Kind]:
    """What ``tool`` looks for in a source tree with these settings, if all of its runs complete."""
    if tool == "trivy":
        return frozenset(_TRIVY[name] for name in options.get("scanners", ()) if name in _TRIVY)
    if tool == "snyk":
        return frozenset(_SNYK[mode] for mode in options.get("modes", ()) if mode in _SNYK)
    return frozenset({_ONE[tool]}) if tool in _ONE else _NONE


def kinds_of_run(tool: str, mode: str | None, options: Mapping[str, Any]) -> frozenset[Kind]:
    """Return what one run looks for in the source tree: an image or an SBOM is none."""
    if tool == "trivy":
        return kinds_of_tool(tool, options) if mode == "fs" else _NONE
    if tool == "snyk":
        return frozenset({_SNYK[mode]}) if mode in _SNYK else _NONE
    return kinds_of_tool(tool, options)


# Who is asked for first where nobody looked for a kind.
_FIRST = {
    Kind.VULNERABILITY: ("trivy", "snyk"),
    Kind.SECRET: ("gitleaks", "trivy", "trufflehog"),
}


def settle(
    results: Sequence[ToolResult],
    config: Config,
    options: Mapping[str, Mapping[str, Any]],
    components: Sequence[Component],
    *,
    asked: Sequence[str],
) -> list[str]:
    """Note what each run looked for, and decide on the scanners that are not installed.

    ``asked`` are the tools that the command line names. A missing scanner is left out (skipped)
    unless it is asked for, or is needed. Returns sentences on kinds that every repository needs and
    that the configuration lets nobody look for.
    """
    for result in results:
        run = result.run
        result.looked_for = kinds_of_run(run.tool, run.mode, options.get(run.tool, {}))
    if asked:
        return []
    missing = {
        result.run.tool: result
        for result in results
        if result.run.missing and not config.asks_for(result.run.tool)
    }
    failed = {r.run.tool for r in results if r.run.status is Status.FAILED} - set(missing)
    complete = {kind for result in results for kind in kinds_seen(result)}
    wanted: dict[str, list[Kind]] = {}
    notes = []
    for kind in needed_kinds(components):
        if kind in complete:
            continue
        tool = _who_looks(kind, options, [failed, wanted.keys(), missing.keys()])
        if tool is None:
            notes.append(f"{KIND_WORDS[kind]} are looked for by no tool that is switched on")
        else:
            wanted.setdefault(tool, []).append(kind)
    for result in results:
        run = result.run
        if run.tool in wanted and run.status is Status.FAILED:
            result.needed = True
            if run.missing:
                what = " and ".join(KIND_WORDS[kind] for kind in wanted[run.tool])
                run.reason = f"nothing looked for {what}: {run.reason}"
        elif run.tool in missing:
            run.status = Status.SKIPPED
            result.broken = False
    return notes


def left_out(
    ready: Collection[str],
    missing: Collection[str],
    options: Mapping[str, Mapping[str, Any]],
    components: Sequence[Component],
) -> set[str]:
    """Return the ``missing`` tools that a scan leaves out if those that are ``ready`` complete."""
    complete = {kind for tool in ready for kind in kinds_of_tool(tool, options.get(tool, {}))}
    uncovered = [kind for kind in needed_kinds(components) if kind not in complete]
    return set(missing) - {_who_looks(kind, options, [missing]) for kind in uncovered}


def _who_looks(
    kind: Kind, options: Mapping[str, Mapping[str, Any]], tools: Sequence[Collection[str]]
) -> str | None:
    """The first of ``tools``, which are in the order in which they are asked, that looks for it."""
    able = [tool for tool in _FIRST[kind] if kind in kinds_of_tool(tool, options.get(tool, {}))]
    return next((tool for some in tools for tool in able if tool in some), None)


def needed_kinds(components: Sequence[Component]) -> list[Kind]:
    """Return the kinds that somebody has to look for in every repository."""
    manifests = any(set(component.ecosystems) - {"docker"} for component in components)
    return [*([Kind.VULNERABILITY] if manifests else []), Kind.SECRET]


def kinds_seen(result: ToolResult) -> frozenset[Kind]:
    """Return what a tool run, or a report from elsewhere, has looked for to the end."""
    if result.looked_for is not None:
        return result.looked_for if result.run.status is Status.COMPLETE else frozenset()
    found = set(_of_frames(result))
    if result.run.status is Status.COMPLETE:
        found |= _always(result.run.tool)
        found |= {finding.kind for parsed in result.parsed for finding in parsed.findings}
    return frozenset(found)


def _of_frames(result: ToolResult) -> Iterator[Kind]:
    """What the SARIF runs of a report say, or are known, to have looked for."""
    for parsed in result.parsed:
        for run in parsed.runs:
            if any(i.get("executionSuccessful") is False for i in _maps(run.get("invocations"))):
                continue
            said = _map(_map(run.get("properties")).get("secagg")).get("lookedFor")
            tool = driver_tool(run)
            if isinstance(said, list):
                # Whoever wrote the report, no tool has looked for what it cannot look for.
                yield from (kind for kind in _possible(tool) if kind.value in said)
                continue
            yield from _always(tool)


def _possible(tool: str) -> Collection[Kind]:
    """What a tool can look for."""
    if tool in ("trivy", "snyk", "secagg"):
        return tuple(Kind)
    kind = only_kind(tool)
    return () if kind is None else (kind,)


def _always(tool: str) -> set[Kind]:
    """What a tool looks for whatever its settings, which a report from elsewhere does not tell."""
    # Snyk's commands share its name. A clean report of Trivy is the same whichever scanners were
    # switched on: 0.76 lists the packages after ``--scanners secret`` as well.
    kind = None if tool in ("snyk", "trivy") else only_kind(tool)
    return set() if kind is None else {kind}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
