"""A store of many repositories: ``python -m bench.organisation [--problems 100000]``.

It fills a PostgreSQL store with as many problems, 500 in each repository, and measures there

- an import of an unchanged run beside raw ``COPY`` and ``INSERT ... ON CONFLICT`` of its rows, in
  turn, on a branch with few runs and on one with many;
- an import that is late, on a branch with many runs;
- how the database grows by a day on which no repository changes;
- fifty processes that import into repositories of their own, and into one branch in any order;
- ten questions that reports ask, as median and as the 95th of 100.

Without ``--store`` it starts a server of its own, which does not wait for the disk.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import text

from bench.store import make_problems
from secagg.history import Store, open_store
from secagg.history.document import digest, encode
from secagg.history.engine import transaction
from secagg.model.problem import Problem, RunRecord, ToolRunRecord
from tests.history.postgres import server

IN_REPOSITORY = 500
_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_COVERED = [("snyk", "."), ("trivy", ".")]
_LONG, _SHORT = "acme/long", "acme/short"
# So many unchanged scans a round: each takes no longer than what else a machine does meanwhile.
_TURNS = 6
_RAW = """
CREATE TEMPORARY TABLE raw_rows (identity TEXT, digest TEXT, component TEXT, tools BIGINT,
  document TEXT, severity TEXT, epss DOUBLE PRECISION) ON COMMIT DROP
"""
_RAW_FINDINGS = """
INSERT INTO finding (repository_id, identity) SELECT :repository, identity FROM raw_rows
ON CONFLICT DO NOTHING
"""
_RAW_CONTENTS = """
INSERT INTO content (finding_id, digest, component, tools, document, severity)
SELECT f.id, i.digest, i.component, i.tools, i.document, i.severity FROM raw_rows i
JOIN finding f ON f.repository_id = :repository AND f.identity = i.identity ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what, how much, and in which unit."""

    what: str
    value: float
    unit: str


@contextmanager
def _store_url(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with server() as own:
        yield own


def problems_of(repository: int, number: int = IN_REPOSITORY) -> list[Problem]:
    """``number`` problems that no other repository has."""
    made = make_problems(number)
    for position, problem in enumerate(made):
        problem.identity = f"{repository:08x}{position:024x}"
        problem.known_as = (problem.identity, f"{repository:08x}{position + (1 << 80):024x}")
    return made


def run_of(repository: str, number: float, branch: str = "main") -> RunRecord:
    """The scan of day ``number``."""
    tools = tuple(
        ToolRunRecord(tool=tool, component=".", status="complete") for tool, _ in _COVERED
    )
    # A key is as long as a scan's, and no two repositories have the same commits.
    key = sha256(f"{repository} {branch} {number}".encode()).hexdigest()
    return RunRecord(
        key=key[:32],
        repository=repository,
        branch=branch,
        commit=key[-40:],
        started_at=_START + datetime.timedelta(days=number),
        verdict="pass",
        policy="default",
        tools=tools,
        by_severity={"high": IN_REPOSITORY},
    )


def _name(number: int) -> str:
    return f"acme/r{number:05}"


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _import_seconds(store: Store, run: RunRecord, problems: Sequence[Problem]) -> float:
    return _seconds(lambda: store.record(run, problems, _COVERED))


def _raw(store: Store, repository: str, problems: Sequence[Problem]) -> Callable[[], None]:
    """What writes the rows of a run without secagg, every row ready beforehand."""
    rows = []
    for problem in problems:
        document = encode(problem)
        rows.append(
            (
                *(problem.identity, digest(document), problem.component, 6, document),
                *(problem.severity.value, problem.epss),
            )
        )

    def work() -> None:
        with transaction(store._engine) as connection:
            number = connection.execute(
                text("SELECT id FROM repository WHERE name = :name"), {"name": repository}
            ).scalar_one()
            connection.execute(text(_RAW))
            raw: Any = connection.connection.driver_connection
            with raw.cursor() as cursor, cursor.copy("COPY raw_rows FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            for statement in (_RAW_FINDINGS, _RAW_CONTENTS):
                connection.execute(text(statement), {"repository": number})

    return work


def fill(store: Store, repositories: int, runs: int) -> float:
    """Record ``runs`` scans of each repository; return the imports a second of the first scans."""
    seconds = 0.0
    for number in range(repositories):
        problems = problems_of(number)
        for day in range(runs):
            # Each day one problem is another one, and the text of one changes.
            seen = problems[day:] + problems_of(number + (1 << 20), day)
            took = _import_seconds(store, run_of(_name(number), day), seen)
            seconds += took if not day else 0.0
    return repositories / seconds


def unchanged(store: Store, repository: str, runs: int, rounds: int) -> Iterator[Line]:
    """An unchanged scan on a branch with ``runs`` scans, beside the raw rows.

    The garbage collector is off, as in secagg's commands.
    """
    problems = problems_of(1 << 21 if repository == _LONG else 1 << 22)
    for day in range(runs):
        store.record(run_of(repository, day), problems, _COVERED)
    raw, ratios, times = _raw(store, repository, problems), [], []
    gc.disable()
    for turn in range(rounds * _TURNS + 1):
        ours = _import_seconds(store, run_of(repository, runs + turn), problems)
        bare = _seconds(raw)
        if turn:
            ratios.append(ours / bare)
            times.append(ours)
    gc.enable()
    what = f"unchanged run of {IN_REPOSITORY} problems, {runs} runs before"
    yield Line(f"{what}, against COPY and INSERT ... ON CONFLICT", statistics.median(ratios), "x")
    yield Line(what, statistics.median(times) * 1000, "ms")


def late(store: Store, rounds: int) -> Line:
    """A late scan with other problems, somewhere in the long branch."""
    problems = problems_of(1 << 21)
    times = []
    for turn in range(rounds):
        seen = problems[turn + 1 :]
        run = run_of(_LONG, turn + 0.5)
        times.append(_import_seconds(store, run, seen))
    return Line("late run, the slowest", max(times) * 1000, "ms")


def _size(store: Store) -> int:
    with store._engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM"))
        return int(
            connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        )


def growth(store: Store, repositories: int, day: int) -> Iterator[Line]:
    """A day on which nothing changes: the second, since the first makes room for itself."""
    before = _size(store)
    seconds = 0.0
    for number in range(repositories):
        problems = problems_of(number)[day - 1 :] + problems_of(number + (1 << 20), day - 1)
        seconds += _import_seconds(store, run_of(_name(number), day), problems)
    after = _size(store)
    yield Line(
        f"growth by an unchanged day of {repositories} repositories", (after - before) / 1e6, "MB"
    )
    yield Line("one of its imports, on average", seconds / repositories * 1000, "ms")
    yield Line("size of the database", after / 1e6, "MB")


def together(url: str, number: int, work: Callable[[Store, int], None]) -> float:
    """Seconds until as many forked processes, which begin at once, have each done ``work``."""
    children = []
    ready, go = os.pipe(), os.pipe()
    for each in range(number):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                os.close(go[1])
                with open_store(url) as store:
                    os.write(ready[1], b".")
                    os.read(go[0], 1)
                    work(store, each)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    for _ in children:
        os.read(ready[0], 1)
    start = time.perf_counter()
    os.close(go[1])
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    seconds = time.perf_counter() - start
    for end in (*ready, go[0]):
        os.close(end)
    if any(codes):
        raise RuntimeError(f"{sum(map(bool, codes))} writers failed")
    return seconds


def many_writers(url: str, writers: int, day: int) -> Iterator[Line]:
    """Many at once: into repositories of their own, and into one branch in any order of time."""

    def apart(store: Store, number: int) -> None:
        problems = problems_of((1 << 23) + number)
        for turn in range(4):
            store.record(run_of(f"acme/w{number}", day + turn), problems, _COVERED)

    days = list(range(writers))
    random.Random(24).shuffle(days)  # noqa: S311 (not for secrets)

    def in_one(store: Store, number: int) -> None:
        problems = problems_of(1 << 24)
        seen = problems[days[number] :]
        store.record(run_of("acme/one", days[number]), seen, _COVERED)

    of_own = writers * 4 / together(url, writers, apart)
    yield Line(f"{writers} writers, repositories of their own", of_own, "imports/s")
    seconds = together(url, writers, in_one)
    yield Line(f"{writers} writers, one branch, any order", seconds, "s")


def questions(repositories: int) -> dict[str, Callable[[Store], object]]:
    """Ten questions of reports, by what they ask."""
    chosen = random.Random(1)  # noqa: S311 (not for secrets)

    def name() -> str:
        return _name(chosen.randrange(repositories))

    def as_of(store: Store) -> object:
        repository = name()
        key = store.runs(repository, "main", limit=2)[-1].key
        return list(store.problems(repository, "main", as_of=key, details=False))

    def changes(store: Store) -> object:
        return store.changes(run.key for run in store.runs(name(), "main", limit=20))

    return {
        "list of a branch": lambda s: list(s.problems(name(), "main", details=False)),
        "whole problems of a branch": lambda s: list(s.problems(name(), "main")),
        "list after an earlier run": as_of,
        "runs of a branch": lambda s: s.runs(name(), "main", limit=100),
        "changes of 20 runs": changes,
        "one run": lambda s: s.run(s.runs(name(), "main", limit=1)[0].key),
        "first seen": lambda s: s.first_seen(name(), "main", [f"{0:032x}"]),
        "decisions": lambda s: s.decisions(name()),
        "branches": lambda s: s.branches(),
        "newest runs": lambda s: s.newest_runs(),
    }


def latencies(store: Store, repositories: int, rounds: int) -> Iterator[Line]:
    """Each question asked ``rounds`` times."""
    for what, ask in questions(repositories).items():
        times = sorted(_seconds(lambda a=ask: a(store)) * 1000 for _ in range(rounds))  # type: ignore[misc]
        yield Line(f"question: {what}, p50", statistics.median(times), "ms")
        yield Line(f"question: {what}, p95", times[int(len(times) * 0.95) - 1], "ms")


def measure(
    url: str, problems: int, runs: int, *, long: int = 100, rounds: int = 5, writers: int = 50
) -> list[Line]:
    """Fill the store at ``url`` and return all figures."""
    repositories = max(1, problems // IN_REPOSITORY)
    with open_store(url) as store:
        lines = [Line("first imports", fill(store, repositories, runs), "imports/s")]
        lines += unchanged(store, _SHORT, 2, rounds)
        lines += unchanged(store, _LONG, long, rounds)
        lines.append(late(store, rounds))
        lines += growth(store, repositories, runs)
        lines += many_writers(url, writers, runs)
        lines += latencies(store, repositories, rounds * 20)
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.organisation", description="Measure a big store.")
    parser.add_argument("--problems", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="scans of each repository")
    parser.add_argument("--long", type=int, default=100, help="scans of the long branch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", help="the URL of an empty PostgreSQL database")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    with _store_url(chosen.store) as url:
        lines = measure(url, chosen.problems, chosen.runs, long=chosen.long, rounds=chosen.rounds)
    if chosen.json:
        sys.stdout.write(json.dumps([[x.what, x.value, x.unit] for x in lines], indent=2) + "\n")
        return
    for line in lines:
        sys.stdout.write(f"{line.what}: {line.value:,.2f} {line.unit}\n")


if __name__ == "__main__":
    main()
