"""Run the scanners over a repository, and turn their reports into an outcome."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from msgspec import Struct

from secagg.config import Config
from secagg.errors import UsageError
from secagg.merge import Group
from secagg.merge.secret import still_in_head
from secagg.packages.components import ROOT, Component, find_components
from secagg.parsing import ParseContext, installed_parsers
from secagg.pipeline.assemble import assemble
from secagg.pipeline.gate import Gate
from secagg.pipeline.lookedfor import runs_of_switched_off_tools, skip_missing_scanners
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.reports import parse_reports
from secagg.scanners import SCANNERS, make_scanners
from secagg.scanners.base import JobEvent, RunContext, ScanRequest, Status, ToolRun, run_jobs
from secagg.scanners.trivydb import MAX_DAYS
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import utc_now
from secagg.system.files import has_files, is_bare
from secagg.system.process import Cancellation

_log = logging.getLogger(__name__)


class ScanOptions(Struct, frozen=True, kw_only=True):
    """The scan's options on the command line; the configuration gives what is None or empty."""

    root: Path
    tools: Sequence[str] = ()
    components: Sequence[str] = ()
    timeout: float | None = None
    jobs: int | None = None
    since: str | None = None
    tool_options: Mapping[str, Mapping[str, Any]] | None = None
    max_database_days: int = MAX_DAYS


def scan(options: ScanOptions, gate: Gate, on_event: Callable[[JobEvent], None]) -> Outcome:
    """Run every tool that applies, and parse, merge and judge what they report.

    Ctrl-C, SIGTERM and SIGHUP stop the scanners: the outcome keeps the findings so far and is
    marked as interrupted. Raises :class:`UsageError` for a root, tool or component that does not
    exist, and :class:`ConfigError` for exceptions that cannot be used.
    """
    started_at = utc_now()
    config = gate.config
    all_components = components_of(options, config)
    request = scan_request(options, config, all_components)
    tools = chosen_tools(options, config)
    redactor = run_redactor(request.root)
    cancellation = Cancellation()
    context = RunContext(
        redactor=redactor, cancellation=cancellation, root=request.root, controls=gate.controls
    )
    _log.debug("tools asked for: %s; components: %s", tools, [c.path for c in request.components])
    with _catch_signals(cancellation):
        planned = [
            entry for scanner in make_scanners(context, tools) for entry in scanner.plan(request)
        ]
        jobs = [entry for entry in planned if not isinstance(entry, ToolRun)]
        finished = run_jobs(
            jobs,
            # Scanners wait for disk and network half of the time.
            parallel=options.jobs or config.jobs or max(2, min(4, os.cpu_count() or 2)),
            cancellation=cancellation,
            on_event=on_event,
        )
    runs = [entry for entry in planned if isinstance(entry, ToolRun)] + finished
    if not options.tools:
        runs += runs_of_switched_off_tools(config)
    order = list(SCANNERS)
    for run in runs:
        reason = f", because {run.reason}" if run.reason else ""
        _log.debug("%s in %s: %s%s", run.tool, run.component, run.status, reason)
    runs.sort(key=lambda run: (order.index(run.tool), run.component, run.mode or ""))
    results = parse_reports(
        runs,
        parsers=installed_parsers(),
        context=ParseContext(redactor=redactor, root=request.root),
        optional=config.optional_tools(),
    )
    notes = skip_missing_scanners(
        results, config, request.options, request.components, requested=options.tools
    )
    return assemble(
        results,
        gate=gate,
        redactor=redactor,
        components=all_components,
        root=request.root,
        started_at=started_at,
        interrupted=cancellation.cancelled,
        covers=partial(_covers, results, request),
        narrowed=bool(options.tools or options.components or options.since),
        warnings=notes,
    )


def components_of(options: ScanOptions, config: Config) -> list[Component]:
    """Return all components below the root.

    Raises :class:`UsageError` where there is no such directory, or no file in it: a failed checkout
    must not count as clean.
    """
    root = options.root.resolve()
    if not root.is_dir():
        raise UsageError(f"{options.root} is not a directory")
    if is_bare(root):
        raise UsageError(
            f"{options.root} is a bare repository: there are no files to scan in it",
            hint="clone it, and scan the clone",
        )
    if not has_files(root):
        raise UsageError(
            f"there is no file in {options.root}",
            hint="was the repository checked out? (actions/checkout comes before the scan)",
        )
    return [component for component in find_components(root) if not config.excludes(component.path)]


def scan_request(
    options: ScanOptions, config: Config, all_components: Sequence[Component]
) -> ScanRequest:
    """Return the request to the scanners. Raises :class:`UsageError` for an unknown component."""
    components = _chosen_components(options.components, all_components)
    return ScanRequest(
        root=options.root.resolve(),
        components=components,
        whole=len(components) == len(all_components),
        timeout=options.timeout or config.timeout_seconds,
        options=config.tool_options() if options.tool_options is None else options.tool_options,
        since=options.since,
        max_database_days=options.max_database_days,
    )


def chosen_tools(options: ScanOptions, config: Config) -> list[str]:
    """Return the tools to run: those that ``options`` names, else those that are switched on.

    Raises :class:`UsageError` for an unknown tool.
    """
    unknown = [tool for tool in options.tools if tool not in SCANNERS]
    if unknown:
        raise UsageError(f"no such tool: {unknown[0]}", hint="known: " + ", ".join(SCANNERS))
    return [
        tool
        for tool in SCANNERS
        if (tool in options.tools if options.tools else config.enabled(tool))
    ]


def _covers(results: Sequence[ToolResult], request: ScanRequest, group: Group) -> bool:
    """Return whether this scan would have seen a group of the baseline; else it is not absent."""
    failed = {result.run.tool for result in results if result.run.status is Status.FAILED}
    complete = {
        result.run.tool for result in results if result.run.status is Status.COMPLETE
    } - failed
    if not complete & set(group.tools):
        return False
    if not request.whole:
        chosen = {component.path for component in request.components}
        if (group.representative.component or ROOT) not in chosen:
            return False
    return request.since is None or still_in_head(group)


def _chosen_components(
    names: Sequence[str], all_components: Sequence[Component]
) -> list[Component]:
    requested = {name.rstrip("/").removeprefix("./") or "." for name in names}
    if not requested:
        return list(all_components)
    chosen = [component for component in all_components if component.path in requested]
    missing = requested - {component.path for component in chosen}
    if missing:
        paths = ", ".join(component.path for component in all_components)
        raise UsageError(f"no such component: {min(missing)}", hint=f"found: {paths}")
    return chosen


@contextmanager
def _catch_signals(cancellation: Cancellation) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP set ``cancellation`` instead of killing the process.

    SIGHUP stays ignored where it was ignored before (``nohup``).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        cancellation.cancel()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
