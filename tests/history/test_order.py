"""Whatever the order of the imports, the history is that of the scans."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secagg.history import open_store
from secagg.history.engine import transaction
from secagg.history.validate import validate
from secagg.model.problem import Problem
from tests.history.make import REPO, problem, run

_NAMES = "abc"
_TOOLS = ("snyk", "trivy")
Scan = tuple[str, int, list[Problem], list[tuple[str, str]]]


@st.composite
def scans(draw: st.DrawFn) -> list[Scan]:
    """Scans of two branches, some at the same moment, by tools of which some fail."""
    found: list[Scan] = []
    for number in range(draw(st.integers(1, 6))):
        seen = []
        for name in sorted(draw(st.sets(st.sampled_from(_NAMES)))):
            also = draw(st.lists(st.sampled_from(_NAMES.replace(name, "")), max_size=1))
            tools = draw(st.sets(st.sampled_from(_TOOLS), min_size=1))
            where = draw(st.sampled_from([".", "web"]))
            seen.append(problem(name, *also, tools=sorted(tools), component=where))
        covered = draw(st.sets(st.tuples(st.sampled_from(_TOOLS), st.sampled_from([".", "web"]))))
        branch = draw(st.sampled_from(["main", "main", "fix"]))
        # Two scans of one moment are told apart by their keys.
        found.append((branch, draw(st.integers(0, 5)) * 10 + number % 2, seen, sorted(covered)))
    return found


def _history(chosen: list[tuple[int, Scan]]) -> tuple[list[Any], list[str]]:
    """What the store says after importing the scans in this order."""
    with tempfile.TemporaryDirectory() as place, open_store(Path(place) / "s.db") as store:
        for number, (branch, at, seen, covered) in chosen:
            made = run(at // 10, key=f"run {number}", branch=branch)
            store.record(made, seen, covered)
            assert store.record(made, seen, covered).again
        problems = [*store.problems(REPO, "main"), *store.problems(REPO, "fix")]
        for key in range(len(chosen)):
            problems += store.problems(REPO, as_of=f"run {key}")
        with transaction(store._engine, reads=True) as connection:
            return problems, validate(connection)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scans(), st.randoms(use_true_random=False))
def test_any_order_of_imports_is_as_good_as_the_order_in_time(
    found: list[Scan], shuffled: Any
) -> None:
    numbered = list(enumerate(found))
    in_time = sorted(numbered, key=lambda item: (item[1][1] // 10, f"run {item[0]}"))
    other = list(numbered)
    shuffled.shuffle(other)
    expected, wrong = _history(in_time)
    assert wrong == []
    assert _history(other) == (expected, [])
