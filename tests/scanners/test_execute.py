"""Jobs run side by side, one at a time within a lane, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.scanners.base import HEAVY, JobEvent, JobState, Status, ToolRun, run_jobs
from secagg.system.process import Cancellation


class Watch:
    """Counts how many jobs run at once, in all and by lane, and in which order they start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now: dict[str | None, int] = {}
        self.most: dict[str | None, int] = {}
        self.most_at_once = 0
        self.order: list[str] = []

    @contextmanager
    def inside(self, tool: str, lane: str | None) -> Iterator[None]:
        with self._lock:
            self.order.append(tool)
            self.now[lane] = self.now.get(lane, 0) + 1
            self.most[lane] = max(self.most.get(lane, 0), self.now[lane])
            self.most_at_once = max(self.most_at_once, sum(self.now.values()))
        yield
        with self._lock:
            self.now[lane] -= 1


@dataclass
class Task:
    """A job of a test."""

    tool: str
    lane: str | None = None
    component: str = "."
    mode: str | None = None
    watch: Watch = field(default_factory=Watch)
    work: Callable[[], object] = lambda: None

    def run(self) -> ToolRun:
        with self.watch.inside(self.tool, self.lane):
            self.work()
        return ToolRun(tool=self.tool, status=Status.COMPLETE)


lanes = st.sampled_from([None, HEAVY, "trivy"])


@given(st.lists(lanes, max_size=12), st.integers(-1, 5))
def test_every_job_runs_once_in_its_lane(chosen: list[str | None], parallel: int) -> None:
    watch = Watch()
    jobs = [Task(str(n), lane, watch=watch) for n, lane in enumerate(chosen)]
    runs = run_jobs(jobs, parallel=parallel, cancellation=Cancellation())
    assert [run.tool for run in runs] == [job.tool for job in jobs]
    assert sorted(watch.order, key=int) == [job.tool for job in jobs]
    assert watch.most_at_once <= max(1, parallel)
    assert all(most <= 1 for lane, most in watch.most.items() if lane is not None)


def test_jobs_really_run_side_by_side() -> None:
    meet = threading.Barrier(3, timeout=30)
    jobs = [Task(name, work=meet.wait) for name in "abc"]
    runs = run_jobs(jobs, parallel=3, cancellation=Cancellation())
    assert {run.status for run in runs} == {Status.COMPLETE}


def test_the_heavy_ones_do_not_starve_the_rest() -> None:
    others_done = threading.Event()
    left = threading.Semaphore(0)

    def heavy() -> None:
        assert others_done.wait(30)

    jobs = [Task("codeql", HEAVY, work=heavy), Task("codeql", HEAVY, work=heavy)]
    jobs += [Task(name, work=left.release) for name in ("trivy", "gitleaks", "snyk")]

    def watch(event: JobEvent) -> None:
        if event.state is JobState.FINISHED and event.tool == "snyk":
            others_done.set()

    runs = run_jobs(jobs, parallel=2, cancellation=Cancellation(), on_event=watch)
    assert {run.status for run in runs} == {Status.COMPLETE}


def test_the_heavy_ones_come_first_or_with_one_slot_last() -> None:
    for parallel, order in ((1, ["trivy", "gitleaks", "codeql"]), (2, ["codeql"])):
        watch = Watch()
        names = (("trivy", None), ("codeql", HEAVY), ("gitleaks", None))
        jobs = [Task(name, lane, watch=watch) for name, lane in names]
        run_jobs(jobs, parallel=parallel, cancellation=Cancellation())
        assert watch.order[: len(order)] == order


def test_a_fault_of_ours_fails_one_run_only() -> None:
    def fault() -> None:
        raise RuntimeError("with a secret in it")

    jobs = [Task("trivy", work=fault, component="web", mode="fs"), Task("snyk")]
    broken, good = run_jobs(jobs, parallel=1, cancellation=Cancellation())
    assert good.status is Status.COMPLETE
    assert (broken.status, broken.component, broken.mode) == (Status.FAILED, "web", "fs")
    assert broken.reason == "secagg itself failed while running trivy: RuntimeError"


def test_what_cancellation_kept_from_starting_is_a_failure() -> None:
    cancellation = Cancellation()
    jobs = [Task("trivy", work=cancellation.cancel), Task("snyk")]
    first, second = run_jobs(jobs, parallel=1, cancellation=cancellation)
    assert first.status is Status.COMPLETE
    assert (second.status, second.reason) == (
        Status.FAILED,
        "snyk was cancelled before it started",
    )


def test_events_tell_of_each_job() -> None:
    events: list[JobEvent] = []
    jobs = [Task("trivy", mode="fs"), Task("snyk", component="web")]
    run_jobs(jobs, parallel=1, cancellation=Cancellation(), on_event=events.append)
    assert [(e.state, e.index, e.tool, e.component, e.mode) for e in events] == [
        (JobState.STARTED, 0, "trivy", ".", "fs"),
        (JobState.FINISHED, 0, "trivy", ".", "fs"),
        (JobState.STARTED, 1, "snyk", "web", None),
        (JobState.FINISHED, 1, "snyk", "web", None),
    ]
    assert [event.run is None for event in events] == [True, False, True, False]


def test_a_display_that_fails_does_not_cost_a_result() -> None:
    def broken(event: JobEvent) -> None:
        raise ValueError("a terminal that went away")

    jobs = [Task("trivy"), Task("snyk")]
    runs = run_jobs(jobs, parallel=2, cancellation=Cancellation(), on_event=broken)
    assert {run.status for run in runs} == {Status.COMPLETE}


def test_an_interrupted_caller_cancels_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    cancellation = Cancellation()
    ended = threading.Event()

    def work() -> None:
        cancellation.wait(60)
        ended.set()

    join = threading.Thread.join
    calls: list[int] = []

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_jobs([Task("trivy", work=work)], parallel=1, cancellation=cancellation)
    assert ended.is_set()
