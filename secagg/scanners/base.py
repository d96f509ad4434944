"""The interface of scanners, and the runner of their jobs in parallel."""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field

from secagg.packages.components import ROOT, Component
from secagg.parsing import Gap, RawReport
from secagg.scanners.configuration import ControlReader
from secagg.secrets.redactor import Redactor
from secagg.system.process import Cancellation

# The note of a run that reads a part of the history (``since``).
PART_OF_HISTORY = "only the commits of the change were read, and no other history"


class Status(StrEnum):
    """How a tool run ended. Only after ``complete`` does no finding mean that there is none."""

    COMPLETE = "complete"
    FAILED = "failed"
    SKIPPED = "skipped"


class ScanRequest(Struct, frozen=True, kw_only=True):
    """What to scan and how.

    ``root`` is absolute; ``components`` are the chosen ones; ``whole`` says that all are chosen,
    so that a tool may scan ``root`` at once. ``timeout`` is the deadline of each job, in seconds.
    ``options`` are the settings of ``secagg.yaml`` by tool name. ``since`` limits the history to
    ``since..HEAD``. ``max_database_days`` is the default age limit of databases of advisories.
    """

    root: Path
    components: Sequence[Component]
    whole: bool = True
    timeout: float = 900.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    since: str | None = None
    max_database_days: int = 7


class ToolRun(Struct, kw_only=True):
    """One run of one scanner: over one component, or over the whole tree (``.``).

    ``mode`` tells several runs of one tool apart (``git`` and ``dir`` of Gitleaks, ``python`` of
    CodeQL). ``reason`` is a sentence on why a run failed or was skipped, ``hint`` what to do;
    both are masked. The reports of a failed run count, and the scan is still incomplete.
    ``missing`` says that the scanner is not installed. ``database`` is when its database of
    advisories was built (UTC), None where that is not known.
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
    database: datetime.datetime | None = None
    reports: list[RawReport] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class RunContext(Struct, frozen=True, kw_only=True):
    """What all scanners of one scan share.

    ``environ`` has the variables that tools may get, their tokens included. ``root`` is the
    scanned tree, whose programs do not run; ``controls`` reads the files that control the scan.
    """

    redactor: Redactor
    cancellation: Cancellation = field(default_factory=Cancellation)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    root: Path | None = None
    controls: ControlReader | None = None


class Job(Protocol):
    """One run to do. Only one job of a ``lane`` runs at a time."""

    @property
    def tool(self) -> str: ...

    @property
    def component(self) -> str: ...

    @property
    def mode(self) -> str | None: ...

    @property
    def lane(self) -> str | None: ...

    def run(self) -> ToolRun:
        """Run it to its end; failures are in the ToolRun and never raised."""
        ...


class Scanner(Protocol):
    """One tool that secagg can run.

    ``plan`` returns the jobs for a request, or a skipped or failed ToolRun where the tool does
    not apply, is missing or is refused. It may find the tool and read its version, and changes
    nothing. It raises :class:`secagg.errors.ConfigError` for invalid options.
    """

    @property
    def name(self) -> str: ...

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]: ...


HEAVY = "heavy"


class JobState(StrEnum):
    """The state that a job has reached."""

    STARTED = "started"
    FINISHED = "finished"


class JobEvent(Struct, frozen=True, kw_only=True):
    """A change of a job's state, for progress; ``index`` is the job's position in the list."""

    state: JobState
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
    """Run ``jobs`` in up to ``parallel`` threads; return the tool runs in the order of the jobs.

    Jobs in the lane ``heavy`` (CodeQL) start first and use one slot, so that the others run at
    the same time; with a single slot they come last. A cancelled job that had not started gives a
    failed run. ``on_event`` is called by one thread at a time; its exceptions are ignored.
    """
    return _JobQueue(jobs, parallel, cancellation, on_event).run()


class _JobQueue:
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
        self._event_lock = threading.Lock()
        self._busy_lanes: set[str] = set()
        self._runs: list[ToolRun | None] = [None] * len(jobs)
        heavy_first = self._slots > 1
        self._pending = sorted(
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
            run if run is not None else _cancelled_run(job)
            for run, job in zip(self._runs, self._jobs, strict=True)
        ]

    def _work(self) -> None:
        while (index := self._next()) is not None:
            job = self._jobs[index]
            try:
                self._notify(JobState.STARTED, index, None)
                self._runs[index] = run = _run_safely(job)
                self._notify(JobState.FINISHED, index, run)
            finally:
                with self._changed:
                    if job.lane is not None:
                        self._busy_lanes.discard(job.lane)
                    self._changed.notify_all()

    def _next(self) -> int | None:
        """The index of the next job whose lane is free; None when no job is left."""
        with self._changed:
            while self._pending and not self._cancellation.cancelled:
                for index in self._pending:
                    lane = self._jobs[index].lane
                    if lane is None or lane not in self._busy_lanes:
                        self._pending.remove(index)
                        if lane is not None:
                            self._busy_lanes.add(lane)
                        return index
                self._changed.wait(0.2)
            return None

    def _notify(self, state: JobState, index: int, run: ToolRun | None) -> None:
        if self._on_event is not None:
            job = self._jobs[index]
            event = JobEvent(
                state=state,
                index=index,
                tool=job.tool,
                component=job.component,
                mode=job.mode,
                run=run,
            )
            # A failure of the display must not lose the tool's result.
            with self._event_lock, contextlib.suppress(Exception):
                self._on_event(event)


def _run_safely(job: Job) -> ToolRun:
    """Run a job; an internal error must not lose the results of other tools."""
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


def _cancelled_run(job: Job) -> ToolRun:
    return ToolRun(
        tool=job.tool,
        status=Status.FAILED,
        component=job.component,
        mode=job.mode,
        reason=f"{job.tool} was cancelled before it started",
    )
