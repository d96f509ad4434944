"""A store that the last version wrote says the same after its tables are converted, and back.

``data/store-0004.json`` has the rows of such a store, and what that version said of them: two
branches of random scans, imported in any order, of which the last five are the same.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, text

from secagg.history import Store, migrate, open_store
from secagg.history.backup import _set_sequence
from secagg.history.engine import connect, transaction, url_of
from secagg.history.validate import row_counts, validate
from secagg.model.problem import Problem
from tests.history.make import REPO, see

_OLD = json.loads((Path(__file__).parent / "data" / "store-0004.json").read_text())
_EXPECTED = _OLD["expected"]


@pytest.fixture
def old(url: str) -> Iterator[Engine]:
    """The store of the last version."""
    engine = connect(url_of(url), create=True)
    migrate.upgrade(engine, _OLD["revision"], backup=False)
    metadata = MetaData()
    with transaction(engine) as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            columns = _OLD["columns"].get(table.name)
            rows = _OLD["rows"].get(table.name)
            if rows:
                connection.execute(
                    table.insert(), [dict(zip(columns, row, strict=True)) for row in rows]
                )
            if rows and connection.dialect.name == "postgresql":
                _set_sequence(connection, table.name)
    yield engine
    engine.dispose()


def _told(problem: Problem) -> list[Any]:
    def day(moment: datetime.datetime | None) -> str | None:
        return None if moment is None else moment.date().isoformat()

    return [
        *(problem.identity, problem.branch, str(problem.severity), list(problem.tools)),
        *(problem.component, problem.epss, problem.baseline, problem.exception),
        *(str(problem.state), day(problem.first_seen), day(problem.last_seen)),
        *(day(problem.fixed_at), day(problem.reopened_at)),
    ]


def _answers(store: Store) -> dict[str, Any]:
    """What is asked of a store: problems now and then, runs, and their changes."""
    keys = list(_EXPECTED["run"])
    changes = store.changes(keys)
    return {
        "problems": {b: [_told(p) for p in store.problems(REPO, b)] for b in ("main", "fix")},
        "as_of": {key: [_told(p) for p in store.problems(None, as_of=key)] for key in keys},
        "run": {key: sorted(_told(p)[:8] for p in store.run(key)[1]) for key in keys},
        "changes": {
            key: [one.new, one.reopened, one.fixed, one.unchanged] for key, one in changes.items()
        },
    }


def _rows(engine: Engine, table: str) -> set[tuple[Any, ...]]:
    columns = ", ".join(f'"{name}"' for name in _OLD["columns"][table])
    with transaction(engine, reads=True) as connection:
        return {tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table}"))}


def test_a_converted_store_says_what_it_said(old: Engine, url: str) -> None:
    sightings = len(_OLD["rows"]["sighting"])
    migrate.upgrade(old, backup=False)
    with transaction(old, reads=True) as connection:
        assert validate(connection) == []
        assert row_counts(connection)["sighting"] < sightings
    with open_store(url) as store:
        assert _answers(store) == _EXPECTED


def test_a_converted_store_goes_on_as_one_that_was_never_old(old: Engine, url: str) -> None:
    """All runs imported again are known, and a late one changes what it should."""
    migrate.upgrade(old, backup=False)
    with open_store(url) as store:
        assert see(store, 12.5, "a", "z").unchanged + see(store, 30, "a").unchanged > 0
        with transaction(old, reads=True) as connection:
            assert validate(connection) == []


def test_a_store_is_converted_back_row_by_row(old: Engine) -> None:
    tables = ("sighting", "standing", "alias", "run", "content", "finding")
    before = {name: _rows(old, name) for name in tables}
    migrate.upgrade(old, backup=False)
    migrate.downgrade(old, "0004", backup=False)
    assert {name: _rows(old, name) for name in tables} == before
