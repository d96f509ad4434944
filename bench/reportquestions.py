"""Ten questions of reports to a store of many repositories, with their memory.

``python -m bench.reportquestions [--problems 100000] [--rounds 20]`` fills a PostgreSQL store: it
imports ten repositories of 500 problems each, which differ in everything that a report filters by,
and copies their rows for the others, under other numbers. Each question runs in one process, which
tells how much memory all of them took at most.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator

from sqlalchemy import text

from bench.organisation import IN_REPOSITORY, Line, _store_url, run_of
from secagg.history import Store, open_store
from secagg.history.current import SEARCH_INDEXES, make_search_indexes
from secagg.history.engine import transaction
from secagg.model.finding import Kind, Severity
from secagg.model.problem import State, Triage
from secagg.report.filters import Filters, parse_age
from secagg.report.query import Query
from secagg.report.source import AnsweringSource
from secagg.report.standing import LastRuns
from secagg.report.stored import Page, StoreScope, page
from secagg.report.storedcounts import summary
from secagg.report.storedreport import StoredSource
from secagg.system.dates import utc_today
from tests.report.make import history

_IMPORTED = 10
# Of the problems of a repository, so many are fixed by its second run, and so many are new in it.
_CHANGED = 20
# The numbers of a run, each with what is added for a copy of its branch.
_RUN_IDS = dict.fromkeys(("from", "to", "first", "last", "fixed", "reopened", "superseded"), 2)
# By table, its columns that hold numbers, each with what is added for a copy of a repository.
_COPIED = {
    "repository": {"id": 1},
    "branch": {"id": 1, "repository_id": 1},
    "run": {"id": 2, "branch_id": 1},
    "tool_run": {"run_id": 2},
    "covered": {"run_id": 2},
    "finding": {"id": 1000, "repository_id": 1},
    "content": {"id": 1000, "finding_id": 1000},
    "sighting": {"branch_id": 1, "finding_id": 1000, "content_id": 1000},
    "epss": {"branch_id": 1, "finding_id": 1000},
    "standing": {"branch_id": 1, "finding_id": 1000, "content_id": 1000},
    "current_problem": {"branch_id": 1, "finding_id": 1000},
    "current_text": {"branch_id": 1, "finding_id": 1000},
}
_NAMED = {"repository": "name", "run": "key", "current_problem": "repository"}
# Each copy was scanned so long before the one before it.
_EARLIER = "7 hours"
_TIMES = ("started_at", "first_seen", "fixed_at", "news_at")
_TIME_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def fill(store: Store, problems: int) -> None:
    """Import :data:`_IMPORTED` repositories and copy their rows, up to ``problems`` in all.

    Each is scanned twice; the second scan fixes some problems and adds as many.
    """
    for number in range(_IMPORTED):
        made = list(history(IN_REPOSITORY + _CHANGED, seed=number).problems())
        for position, one in enumerate(made):
            one.identity = f"{number:08x}{position:024x}"
            one.known_as = (one.identity,)
        name = f"acme/r{number:06}"
        tools = [("trivy", "."), ("snyk", ".")]
        store.record(run_of(name, number), made[:-_CHANGED], tools)
        store.record(run_of(name, number + 30), made[_CHANGED:], tools)
        store.triage(
            name,
            [one.identity for one in made[_CHANGED::50]],
            Triage(state=State.ACCEPTED, reason="behind the gateway", by="dana", owner="@acme/sre"),
        )
    copies = problems // IN_REPOSITORY // _IMPORTED - 1
    if copies < 1:
        return
    with transaction(store._engine) as connection:
        names = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY ordinal_position"
            )
        ).all()
        for name in SEARCH_INDEXES:
            connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
        for table in _COPIED:
            columns = [column for name, column in names if name == table]
            values = [_copied(table, column) for column in columns]
            listed = ", ".join(f'"{c}"' for c in columns)
            connection.execute(
                text(
                    f"INSERT INTO {table} ({listed}) SELECT {', '.join(values)} FROM {table} o, "  # noqa: S608
                    "generate_series(1, :copies) g(n)"
                ),
                {"copies": copies},
            )
        make_search_indexes(connection)
    with store._engine.connect() as plain:
        plain.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


def _copied(table: str, column: str) -> str:
    """Return the SQL of a column of the copy with the number ``g.n``."""
    value = f'o."{column}"'
    added = _COPIED[table].get(column)
    if added is None and column.endswith("_run_id"):
        added = _RUN_IDS.get(column.removesuffix("_run_id"))
    if added is not None:
        return f"{value} + g.n * {_IMPORTED * added}"
    if _NAMED.get(table) == column:
        return f"{value} || '-' || g.n"
    if column in _TIMES:
        moment = f"({value}::timestamptz - g.n * interval '{_EARLIER}') AT TIME ZONE 'UTC'"
        return f"to_char({moment}, '{_TIME_FORMAT}')"
    return value


def questions(store: Store) -> dict[str, Callable[[], object]]:
    """Ten questions, each with 100 rows, and the summaries."""
    today, every = utc_today(), StoreScope()
    chosen = random.Random(1)  # noqa: S311 (not for secrets)
    last = LastRuns.of(store.newest_runs(default_branches=True))
    names = sorted({name for name, _ in last.started})
    with store.reading() as connection:
        advisory = connection.execute(
            text("SELECT rule_id FROM current_problem WHERE rule_id LIKE 'CVE-%' LIMIT 1")
        ).scalar_one()

    def rows(filters: Filters | None = None, *sort: str, **scope: str) -> Page:
        asked = StoreScope(**scope) if scope else every  # type: ignore[arg-type]
        return page(store, asked, filters or Filters(), today=today, sort=sort, details=False)

    def second() -> Page:
        after = page(store, every, Filters(), today=today, limit=100).after
        return page(store, every, Filters(), today=today, after=after)

    def overview() -> object:
        class Kept:
            reading = store.reading

            def close(self) -> None:
                """Leave the store open."""

        source: AnsweringSource = StoredSource(Kept(), every, (), code=None, details=False)
        answer = source.answer(Query(limit=100), today)
        made = source.overview(answer, (), today)
        source.close()
        return made

    return {
        "worst first": rows,
        "second page": second,
        "critical, by due day": lambda: rows(Filters(severities=frozenset({"critical"})), "due"),
        "overdue secrets": lambda: rows(Filters(kinds=frozenset({Kind.SECRET}), overdue=True)),
        "of one owner, oldest first": lambda: rows(
            Filters(owners=frozenset({"@acme/payments"})), "age"
        ),
        "of one package": lambda: rows(Filters(packages=frozenset({"openssl"}))),
        "of one advisory": lambda: rows(Filters(ids=frozenset({advisory}))),
        "search of two words": lambda: rows(Filters(text="tokio exhaust")),
        "search without a hit": lambda: rows(Filters(text="nothing-like-this")),
        "new since the last run": lambda: rows(Filters(new_since=last)),
        "older than 90 days": lambda: rows(Filters(older_than=parse_age("90d")), "newest"),
        "files of a pattern": lambda: rows(Filters(paths=("service/app/*.py",))),
        "one repository": lambda: rows(
            Filters(at_least=Severity.HIGH), repository=chosen.choice(names)
        ),
        "summary": lambda: summary(store, every, Filters(), today=today),
        "overview of a report": overview,
    }


def measure(url: str, problems: int, rounds: int) -> Iterator[Line]:
    """Fill the store at ``url`` and yield all figures."""
    start = time.perf_counter()
    with open_store(url) as store:
        fill(store, problems)
        yield Line("filling", time.perf_counter() - start, "s")
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            with open_store(url) as store:
                lines = list(_asked(store, rounds))
            os.write(writer, json.dumps([[x.what, x.value, x.unit] for x in lines]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read()
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the questions failed")
    yield from (Line(*one) for one in json.loads(answer))


def _asked(store: Store, rounds: int) -> Iterator[Line]:
    for what, ask in questions(store).items():
        ask()
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            ask()
            times.append((time.perf_counter() - start) * 1000)
        times.sort()
        yield Line(f"{what}, p50", statistics.median(times), "ms")
        yield Line(f"{what}, p95", times[max(0, int(len(times) * 0.95) - 1)], "ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Line("memory at most", peak, "MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.reportquestions", description=__doc__)
    parser.add_argument("--problems", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--store", help="the URL of an empty PostgreSQL database")
    chosen = parser.parse_args()
    with _store_url(chosen.store) as url:
        for line in measure(url, chosen.problems, chosen.rounds):
            sys.stdout.write(f"{line.what}: {line.value:,.1f} {line.unit}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
