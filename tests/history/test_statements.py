"""How many statements an import sends: as few after many runs as after few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from secagg.history import Store
from tests.history.make import problem, see


@contextmanager
def _statements(store: Store) -> Iterator[list[str]]:
    """Collect what SQLAlchemy sends; rows are written past it, each table in one go."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    yield sent
    event.remove(store._engine, "before_cursor_execute", note)


def _number(store: Store, day: float, *seen: str) -> int:
    with _statements(store) as sent:
        see(store, day, *(problem(name, f"other {name}", epss=0.5) for name in seen))
    return len([one for one in sent if not one.startswith("BEGIN")])


def test_an_unchanged_run_sends_eight_statements_whatever_came_before(store: Store) -> None:
    see(store, 0, *(problem(name, f"other {name}", epss=0.5) for name in "abc"))
    first = _number(store, 1, "a", "b", "c")
    for day in range(2, 12):
        # Fixed, reopened, and another one each day.
        see(store, day, *(problem(name, epss=0.25) for name in ("a", f"n{day}", "b" * (day % 2))))
    see(store, 12, *(problem(name, f"other {name}", epss=0.5) for name in "abc"))
    assert first == _number(store, 13, "a", "b", "c") == 8


def test_a_late_run_sends_as_many_statements_after_many_runs(store: Store) -> None:
    see(store, 0, *(problem(name, f"other {name}", epss=0.5) for name in "abc"))
    see(store, 1, *(problem(name, f"other {name}", epss=0.5) for name in "abc"))
    after_two = _number(store, 0.25, "a", "b")
    for day in range(2, 12):
        see(store, day, *(problem(name, f"other {name}", epss=0.5) for name in "abc"))
    assert _number(store, 5.5, "a", "b") == after_two <= 40
