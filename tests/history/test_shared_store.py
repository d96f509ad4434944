"""What many writers and a long life need: one clock, ids that last, locks that hold nobody up."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from secagg.errors import StoreError
from secagg.history import Store, importing, open_store
from secagg.history.engine import connect, revision_of, transaction, url_of
from secagg.model.problem import State, Triage
from tests.history.make import REPO, START, day, ident, problem, run, see, standing

_OPENERS = 20


def _all_at_once(number: int, work: Callable[[int], None]) -> None:
    """Fork ``number`` processes that begin at the same time, each with ``work``; all must succeed."""
    ready, go = os.pipe(), os.pipe()
    children = []
    for each in range(number):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                os.close(go[1])
                os.write(ready[1], b".")
                os.read(go[0], 1)
                work(each)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    for _ in children:
        os.read(ready[0], 1)
    for end in (*ready, *go):
        os.close(end)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * number


def test_a_scan_from_the_future_is_refused_and_hides_nothing(store: Store) -> None:
    see(store, 0, "a", "b")
    ahead = (datetime.datetime.now(datetime.UTC) - START) / datetime.timedelta(days=1) + 1
    with pytest.raises(StoreError, match="dated in the future: it began at") as refused:
        see(store, ahead)
    assert refused.value.hint is not None
    assert "clock" in refused.value.hint
    assert see(store, 1, "a", "b").unchanged == 2
    assert standing(store) == {
        "problem a": (0, 1, None, None),
        "problem b": (0, 1, None, None),
    }


def test_the_databases_clock_decides_which_scan_is_from_the_future(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "in_utc", lambda moment: day(3))
    with pytest.raises(StoreError, match=r"2026-03-05 06:00 UTC, .* says 2026-03-04 06:00"):
        see(store, 4, "a")
    # Clocks differ by minutes, and a time without a zone is in UTC.
    assert see(store, 3 + 5 / 24 / 60, "a").new == 1
    assert store.record(run(2), [], ()).again is False


def test_imports_use_up_no_ids(store: Store) -> None:
    for number in range(5):
        see(store, number, "a", "b", "c")
    see(store, 5, "a", "b", "c", "d")
    with transaction(store._engine, reads=True) as connection:
        for table in ("finding", "content"):
            ids = connection.execute(text(f"SELECT id FROM {table} ORDER BY id")).scalars()
            assert list(ids) == [1, 2, 3, 4], table


def test_a_scan_like_the_last_one_adds_its_run_only(store: Store) -> None:
    seen = [problem("a", "x", epss=0.5), problem("b", tools=["snyk", "trivy"]), problem("c")]
    see(store, 0, *seen)
    see(store, 1, *seen[1:])
    kept = ("finding", "content", "sighting", "epss", "alias", "standing")

    def rows() -> dict[str, list[object]]:
        with transaction(store._engine, reads=True) as connection:
            return {
                name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}"))), key=str)
                for name in kept
            }

    before = rows()
    for number in (2, 3, 4, 2.5):
        assert see(store, number, *seen[1:]).unchanged == 2
    assert rows() == before
    # A value of EPSS changes often, and nothing else with it.
    see(store, 5, problem("b", tools=["snyk", "trivy"], epss=0.1), "c")
    after = rows()
    assert [name for name in kept if after[name] != before[name]] == ["epss", "standing"]
    values = {p.title: p.epss for p in store.problems(REPO)}
    assert values == {"problem a": 0.5, "problem b": 0.1, "problem c": None}
    values = {p.title: p.epss for p in store.problems(REPO, as_of="main-4")}
    assert values == {"problem a": 0.5, "problem b": None, "problem c": None}
    assert {p.title: p.epss for p in store.run("main-5")[1]} == {
        "problem b": 0.1,
        "problem c": None,
    }


def test_many_first_users_of_a_tool_use_up_one_number(url: str) -> None:
    with open_store(url):
        pass

    def first(number: int) -> None:
        with open_store(url) as store:
            tools = [f"tool{number % 3}", "trivy"]
            seen = problem("a", tools=tools)
            see(store, 0, seen, key=f"run {number}", repository=f"acme/{number}")

    _all_at_once(8, first)
    with open_store(url) as store, transaction(store._engine, reads=True) as connection:
        rows = connection.execute(text("SELECT id FROM tool ORDER BY id")).scalars()
        assert list(rows) == [1, 2, 3, 4]


def test_numbers_of_tools_that_were_used_up_are_given_again(store: Store) -> None:
    see(store, 0, problem("a", tools=["trivy"]))
    with transaction(store._engine) as connection:
        connection.execute(text("INSERT INTO tool (id, name) VALUES (62, 'last')"))
    both = problem("a", tools=["trivy", "snyk"])
    see(store, 1, both, covered=[("snyk", "."), ("last", ".")])
    assert see(store, 2, covered=[("trivy", "."), ("last", ".")]).fixed == 0
    assert see(store, 3, covered=[("trivy", "."), ("snyk", ".")]).fixed == 1
    many = problem("b", tools=[f"tool{number:02}" for number in range(60)])
    with pytest.raises(StoreError, match="cannot keep more than 62 tools apart"):
        see(store, 4, many)


def test_many_open_an_empty_store_at_once(url: str) -> None:
    def first(number: int) -> None:
        with open_store(url) as store:
            see(store, number, "a")

    _all_at_once(_OPENERS, first)
    with open_store(url) as store:
        assert len(store.runs(REPO)) == _OPENERS
        with transaction(store._engine, reads=True) as connection:
            assert revision_of(connection) is not None


_on_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@_on_postgresql
def test_a_pooler_may_give_every_transaction_another_session(url: str) -> None:
    """PgBouncer in transaction mode: no statement is prepared in the session."""
    with open_store(url) as store:
        for number in range(8):
            see(store, number, "a")
        with transaction(store._engine, reads=True) as connection:
            left = connection.execute(text("SELECT name FROM pg_prepared_statements")).all()
            tables = connection.execute(
                text("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
            )
            assert (left, tables.all()) == ([], [])


@_on_postgresql
def test_a_decision_does_not_wait_for_an_import(url: str) -> None:
    with open_store(url) as store:
        see(store, 0, "a")
    engine = connect(url_of(url), create=False)
    decided: list[list[str]] = []

    def decide() -> None:
        with open_store(url) as other:
            triage = Triage(state=State.ACCEPTED, reason="x", by="kim")
            decided.append(other.triage(REPO, [ident("a")], triage))

    with transaction(engine) as connection:
        importing.record(connection, run(1), [problem("a")], [("trivy", ".")])
        person = threading.Thread(target=decide, daemon=True)
        person.start()
        person.join(timeout=20)
        assert decided == [[ident("a")]]
    engine.dispose()
