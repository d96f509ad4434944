"""The chart of the page: what was counted, by runs that saw everything."""

from __future__ import annotations

from secagg.report.page import trend
from tests.report.make import run


def test_an_incomplete_run_is_no_dip_and_a_clean_one_is_nought() -> None:
    runs = [
        run(0, "pass", by_severity={}),
        run(1, "incomplete", by_severity={"high": 1}),
        run(2, "fail", by_severity={"high": 9}),
    ]
    assert [point["counts"] for point in trend(runs)] == [{"high": 9}, {}]
    assert trend([run(0, "incomplete")]) == []
