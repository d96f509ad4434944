"""The benchmark of a big store runs, on a small one."""

from __future__ import annotations

from bench.organisation import IN_REPOSITORY, measure
from tests.history.postgres import server


def test_all_figures_of_a_small_store() -> None:
    with server() as url:
        lines = measure(url, 2 * IN_REPOSITORY, 1, long=3, rounds=1, writers=2)
    by_name = {line.what: line for line in lines}
    assert len(by_name) == len(lines)
    assert sum(line.what.startswith("question") for line in lines) == 20
    assert {line.unit for line in lines} == {"imports/s", "x", "ms", "MB", "s"}
    positive = [line for line in lines if not line.what.startswith("growth")]
    assert all(line.value > 0 for line in positive)
    growth = by_name["growth by an unchanged day of 2 repositories"].value
    # Two runs, where the tables of before had the rows of 1,000 sightings.
    assert growth < by_name["size of the database"].value / 100
