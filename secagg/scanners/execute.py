"""Jobs side by side: a few at a time, the heavy ones one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from secagg.process import Cancellation
from secagg.scanners.base import Job, Status, ToolRun

_MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A job has started (``run`` is ``None``) or ended (``run`` tells how)."""

    tool: str
    component: str
    mode: str | None
    state: str
    run: ToolRun | None = None


def run_jobs(
    jobs: Sequence[Job],
    *,
    parallel: int | None,
    cancellation: Cancellation,
    on_event: Callable[[Event], None],
) -> list[ToolRun]:
    """Run all ``jobs``, at most ``parallel`` at a time, and return their runs in that order.

    When ``cancellation`` is set, running jobs are stopped and waiting ones are not started;
    both are in the answer as failed. Events come one at a time, from any thread.
    """
    telling = threading.Lock()

    def tell(job: Job, state: str, run: ToolRun | None = None) -> None:
        with telling:
            on_event(
                Event(tool=job.tool, component=job.component, mode=job.mode, state=state, run=run)
            )

    def work(job: Job) -> ToolRun:
        if cancellation.is_set():
            return _not_started(job)
        tell(job, "started")
        run = job.run()
        tell(job, str(run.status), run)
        return run

    workers = parallel or max(2, min(_MOST, os.cpu_count() or 2))
    # Heavy jobs wait for each other in a pool of their own, so that they hold no light one up.
    with ThreadPoolExecutor(workers) as light_pool, ThreadPoolExecutor(1) as heavy_pool:
        futures: list[Future[ToolRun]] = [
            heavy_pool.submit(work, job) if job.heavy else light_pool.submit(work, job)
            for job in jobs
        ]
        return [_result(future, job) for future, job in zip(futures, jobs, strict=True)]


def _result(future: Future[ToolRun], job: Job) -> ToolRun:
    """The run of a job; a mistake of ours in one job must not cost the others their findings."""
    while True:
        # A timeout now and then lets signal handlers run in the main thread.
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            if not future.done():
                continue
            error: BaseException | None = future.exception()
        except Exception as mistake:
            error = mistake
        return ToolRun(
            tool=job.tool,
            component=job.component,
            mode=job.mode,
            status=Status.FAILED,
            reason=f"secagg itself failed while running it ({type(error).__name__})",
            hint="this is a bug in secagg; please report it",
        )


def _not_started(job: Job) -> ToolRun:
    return ToolRun(
        tool=job.tool,
        component=job.component,
        mode=job.mode,
        status=Status.FAILED,
        reason="was not started: the scan was stopped",
    )
