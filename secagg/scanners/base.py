"""What a scanner is to secagg, and the runner of its jobs side by side."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from secagg.packages.components import ROOT, Component
from secagg.parsing import Gap, RawReport
from secagg.scanners.deciding import Deciding
from secagg.secrets.redactor import Redactor
from secagg.system.process import Cancellation

# What a run says that was given ``since``.
PART_OF_HISTORY = "only the commits of the change were read, and no other history"


class Status(StrEnum):
    """How a tool run ended. Only ``complete`` vouches for what was not found."""

    COMPLETE = "complete"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """What to scan and how.

    ``root`` is absolute; ``components`` are those chosen (all, unless the user named some);
    ``whole`` is True if all were chosen, so that a tool may look at ``root`` at once.
    ``timeout`` is one deadline for each job, in seconds. ``options`` are each tool's own
    settings from ``secagg.yaml``, by tool name. ``since`` limits history to ``since..HEAD``.
    ``max_database_days`` is how old a database of advisories may be that the settings say nothing
    of.
    """

    root: Path
    components: Sequence[Component]
    whole: bool = True
    timeout: float = 900.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    since: str | None = None
    max_database_days: int = 7


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """One run of one scanner: over one component, or over the whole tree (``.``).

    ``mode`` tells apart several runs of one tool (``git`` and ``dir`` of Gitleaks,
    ``python`` of CodeQL). ``reason`` says in a sentence why a run failed or was skipped,
    ``hint`` what to do about it; both are masked. A failed run may still have reports:
    what they hold is kept, and the scan is incomplete all the same. ``missing`` says that the
    scanner is not installed.
    """

    tool: str
    status: Status
    component: str = ROOT
    mode: str | None = None
    version: str | None = None
    seconds: float = 0.0
    reason: str | None = None
    hint: str | None = None
    missing: bool = False
    reports: list[RawReport] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What all scanners of one scan share.

    ``environ`` is where the allow-listed variables and a tool's token are taken from. ``root`` is
    the scanned tree, whose programs do not run, and ``controls`` reads files that decide something.
    """

    redactor: Redactor
    cancellation: Cancellation = field(default_factory=Cancellation)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    root: Path | None = None
    controls: Deciding | None = None


class Job(Protocol):
    """One run that is about to happen. Of the jobs in one ``lane``, one runs at a time."""

    @property
    def tool(self) -> str: ...

    @property
    def component(self) -> str: ...

    @property
    def mode(self) -> str | None: ...

    @property
    def lane(self) -> str | None: ...

    def run(self) -> ToolRun:
        """Run it to its end. Failures of the tool are told in the ToolRun, never raised."""
        ...


class Scanner(Protocol):
    """One tool that secagg can run.

    ``plan`` answers with the jobs that apply to the request; where the tool does not apply,
    is missing or is refused, with a ToolRun that is skipped or failed already and says why.
    It may look for the tool and read its version, and changes nothing. It raises
    :class:`secagg.errors.ConfigError` for options that do not fit.
    """

    @property
    def name(self) -> str: ...

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]: ...


HEAVY = "heavy"


class Moment(StrEnum):
    """What happened to a job."""

    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """For a progress display: ``index`` is the job's place among those given."""

    moment: Moment
    index: int
    tool: str
    component: str
    mode: str | None
    run: ToolRun | None = None


def run_jobs(
    jobs: Sequence[Job],
    *,
    parallel: int,
    cancellation: Cancellation,
    on_event: Callable[[JobEvent], None] | None = None,
) -> list[ToolRun]:
    """Run ``jobs`` in up to ``parallel`` threads; the tool runs come in the order of the jobs.

    Jobs in the lane ``heavy`` (CodeQL) start first and hold one slot at a time, so that the
    others go on beside them; with a single slot they come last, so that nobody waits for
    them. A job that cancellation kept from starting gives a failed run. ``on_event`` is
    called by one thread at a time; what it raises is ignored.
    """
    return _Queue(jobs, parallel, cancellation, on_event).run()


class _Queue:
    def __init__(
        self,
        jobs: Sequence[Job],
        parallel: int,
        cancellation: Cancellation,
        on_event: Callable[[JobEvent], None] | None,
    ) -> None:
        self._jobs = jobs
        self._slots = max(1, min(parallel, len(jobs)))
        self._cancellation = cancellation
        self._on_event = on_event
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        self._busy: set[str] = set()
        self._runs: list[ToolRun | None] = [None] * len(jobs)
        heavy_first = self._slots > 1
        self._waiting = sorted(
            range(len(jobs)), key=lambda i: ((jobs[i].lane == HEAVY) is not heavy_first, i)
        )

    def run(self) -> list[ToolRun]:
        threads = [
            threading.Thread(target=self._work, name=f"scan-{number}")
            for number in range(self._slots)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            self._cancellation.cancel()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        return [
            run if run is not None else _never(job)
            for run, job in zip(self._runs, self._jobs, strict=True)
        ]

    def _work(self) -> None:
        while (index := self._take()) is not None:
            job = self._jobs[index]
            try:
                self._tell(Moment.STARTED, index, None)
                self._runs[index] = run = _guarded(job)
                self._tell(Moment.FINISHED, index, run)
            finally:
                with self._changed:
                    if job.lane is not None:
                        self._busy.discard(job.lane)
                    self._changed.notify_all()

    def _take(self) -> int | None:
        """The next job whose lane is free; None when there is nothing left to do."""
        with self._changed:
            while self._waiting and not self._cancellation.cancelled:
                for index in self._waiting:
                    lane = self._jobs[index].lane
                    if lane is None or lane not in self._busy:
                        self._waiting.remove(index)
                        if lane is not None:
                            self._busy.add(lane)
                        return index
                self._changed.wait(0.2)
            return None

    def _tell(self, moment: Moment, index: int, run: ToolRun | None) -> None:
        if self._on_event is not None:
            job = self._jobs[index]
            event = JobEvent(
                moment=moment,
                index=index,
                tool=job.tool,
                component=job.component,
                mode=job.mode,
                run=run,
            )
            # A display that fails must not cost a tool's result.
            with self._telling, contextlib.suppress(Exception):
                self._on_event(event)


def _guarded(job: Job) -> ToolRun:
    """Run a job; a fault of ours in it must not take the other tools' results with it."""
    try:
        return job.run()
    except Exception as error:
        return ToolRun(
            tool=job.tool,
            status=Status.FAILED,
            component=job.component,
            mode=job.mode,
            reason=f"secagg itself failed while running {job.tool}: {type(error).__name__}",
            hint="this is a fault in secagg: please report it",
        )


def _never(job: Job) -> ToolRun:
    return ToolRun(
        tool=job.tool,
        status=Status.FAILED,
        component=job.component,
        mode=job.mode,
        reason=f"{job.tool} was cancelled before it started",
    )
