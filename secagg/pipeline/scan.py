"""``secagg scan``: run the scanners over a repository and come to an outcome."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from secagg.config import NAME as CONFIG_NAME
from secagg.config import Config
from secagg.errors import UsageError
from secagg.merge import Group
from secagg.merge.secret import still_in_head
from secagg.packages.components import ROOT, Component, find_components
from secagg.parsing import ParseContext, installed_parsers
from secagg.pipeline.assemble import assemble
from secagg.pipeline.gate import Gate
from secagg.pipeline.lookedfor import settle
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.understand import understand
from secagg.scanners import SCANNERS, make_scanners
from secagg.scanners.base import JobEvent, RunContext, ScanRequest, Status, ToolRun, run_jobs
from secagg.scanners.trivydb import MAX_DAYS
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import has_files, is_bare
from secagg.system.process import Cancellation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What the command line asked for; ``None`` and empty leave it to the configuration."""

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

    Ctrl-C, SIGTERM and SIGHUP stop the scanners; what was found until then is kept, and the outcome
    says that it was interrupted. Raises :class:`UsageError` for a root, tool or component that
    does not exist, and :class:`ConfigError` for exceptions that cannot be used.
    """
    started_at = datetime.now(UTC)
    config = gate.config
    everything = components_of(options, config)
    request = scan_request(options, config, everything)
    tools = chosen_tools(options, config)
    redactor = run_redactor(request.root)
    cancellation = Cancellation()
    context = RunContext(
        redactor=redactor, cancellation=cancellation, root=request.root, controls=gate.controls
    )
    _log.debug("tools asked for: %s; components: %s", tools, [c.path for c in request.components])
    with _stopping(cancellation):
        planned = [
            item for scanner in make_scanners(context, tools) for item in scanner.plan(request)
        ]
        jobs = [item for item in planned if not isinstance(item, ToolRun)]
        done = run_jobs(
            jobs,
            parallel=options.jobs or config.jobs or _parallel(),
            cancellation=cancellation,
            on_event=on_event,
        )
    runs = [item for item in planned if isinstance(item, ToolRun)] + done
    runs += _switched_off(options, config)
    order = list(SCANNERS)
    for run in runs:
        _log.debug("%s in %s: %s%s", *_log_fields(run))
    runs.sort(key=lambda run: (order.index(run.tool), run.component, run.mode or ""))
    results = understand(
        runs,
        parsers=installed_parsers(),
        context=ParseContext(redactor=redactor, root=request.root),
        optional=config.optional_tools(),
    )
    notes = settle(results, config, request.options, request.components, asked=options.tools)
    return assemble(
        results,
        gate=gate,
        redactor=redactor,
        components=everything,
        root=request.root,
        started_at=started_at,
        interrupted=cancellation.cancelled,
        looked_at=partial(_looked_at, results, request),
        narrowed=bool(options.tools or options.components or options.since),
        warnings=notes,
    )


def _log_fields(run: ToolRun) -> tuple[str, str, str, str]:
    return run.tool, run.component, run.status, f", because {run.reason}" if run.reason else ""


def _looked_at(results: Sequence[ToolResult], request: ScanRequest, group: Group) -> bool:
    """Whether this scan would have seen what a baseline has: nobody else may call it absent."""
    failed = {r.run.tool for r in results if r.run.status is Status.FAILED}
    complete = {r.run.tool for r in results if r.run.status is Status.COMPLETE} - failed
    if not complete & set(group.tools):
        return False
    if not request.whole:
        chosen = {component.path for component in request.components}
        if (group.representative.component or ROOT) not in chosen:
            return False
    return request.since is None or still_in_head(group)


def _parallel() -> int:
    """Runs side by side: scanners wait for disks and networks as much as they compute."""
    return max(2, min(4, os.cpu_count() or 2))


def components_of(options: ScanOptions, config: Config) -> list[Component]:
    """Return all components below the root.

    Raises :class:`UsageError` where there is no such root, or nothing in it to scan: a checkout
    that failed must not come out as clean.
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
    return [c for c in find_components(root) if not config.excludes(c.path)]


def scan_request(
    options: ScanOptions, config: Config, everything: Sequence[Component]
) -> ScanRequest:
    """Return what the scanners are told. Raises :class:`UsageError` for an unknown component."""
    components = _chosen_components(options.components, everything)
    return ScanRequest(
        root=options.root.resolve(),
        components=components,
        whole=len(components) == len(everything),
        timeout=options.timeout or config.timeout_seconds,
        options=config.tool_options() if options.tool_options is None else options.tool_options,
        since=options.since,
        max_database_days=options.max_database_days,
    )


def chosen_tools(options: ScanOptions, config: Config) -> list[str]:
    """The tools to run: those named, else those not switched off. Raises :class:`UsageError`."""
    unknown = [tool for tool in options.tools if tool not in SCANNERS]
    if unknown:
        raise UsageError(f"no such tool: {unknown[0]}", hint="known: " + ", ".join(SCANNERS))
    return [t for t in SCANNERS if (t in options.tools if options.tools else config.enabled(t))]


def _switched_off(options: ScanOptions, config: Config) -> list[ToolRun]:
    """A line for each tool that the configuration leaves out: nobody shall take it for clean."""
    reason = f"switched off in {CONFIG_NAME}"
    return [
        ToolRun(tool=tool, status=Status.SKIPPED, reason=reason)
        for tool in SCANNERS
        if not options.tools and not config.enabled(tool)
    ]


def _chosen_components(named: Sequence[str], everything: Sequence[Component]) -> list[Component]:
    wanted = {name.rstrip("/").removeprefix("./") or "." for name in named}
    if not wanted:
        return list(everything)
    chosen = [component for component in everything if component.path in wanted]
    missing = wanted - {component.path for component in chosen}
    if missing:
        paths = ", ".join(component.path for component in everything)
        raise UsageError(f"no such component: {min(missing)}", hint=f"found: {paths}")
    return chosen


@contextmanager
def _stopping(cancellation: Cancellation) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP set ``cancellation`` instead of killing the process.

    A hang-up that was ignored from the beginning (``nohup``) stays ignored.
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
