"""Old runs are thinned out, and what is forgotten is gone: nothing else changes."""

from __future__ import annotations

import datetime
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secagg.cli.db import remove, thin_out
from secagg.errors import StoreError, UsageError
from secagg.history import Store, migrate, open_store
from secagg.history.engine import transaction
from secagg.history.migrate import maintenance
from secagg.history.retention import Removed
from secagg.history.validate import row_counts, validate
from secagg.model.finding import Severity
from secagg.model.problem import Problem, State, Triage
from tests.history.make import REPO, day, ident, problem, run, see, standing
from tests.history.test_order import Scan, scans

_DAYS = datetime.timedelta(days=30)


def _counts(store: Store) -> dict[str, int]:
    with transaction(store._engine, reads=True) as connection:
        assert validate(connection) == []
        return row_counts(connection)


def _prune(url: str, keep: datetime.timedelta = _DAYS, **how: Any) -> Removed:
    with maintenance(url) as store:
        return store.prune(keep, **how)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock says that it is day 100."""
    monkeypatch.setattr(migrate, "clock_of", lambda connection: day(100))


@pytest.mark.usefixtures("today")
def test_runs_thin_out_and_histories_stay(url: str) -> None:
    with open_store(url) as store:
        for number in range(100):
            # Fixed on day 20 and reopened on day 40; its title is another one every day.
            seen = [problem("a"), problem("b", title=f"b of day {number}", epss=number / 1000)]
            see(store, number, *(seen[1:] if 20 <= number < 40 else seen))
        before, counts = list(store.problems(REPO)), _counts(store)
        assert standing(store)["problem a"] == (0, 99, None, 40)
        # Weeks begin on Mondays: 2026-03-01 is a Sunday.
        removed = _prune(url, dry_run=True)
        assert _counts(store) == counts
        assert _prune(url) == removed
        left = sorted((at.started_at - day(0)).days for at in store.runs(REPO))
        weeks = [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]
        # The ends of the gap of a stay: what was fixed and reopened follows from them.
        assert left == sorted({*weeks, 19, 20, 40, *range(69, 100)})
        assert removed == Removed(runs=100 - len(left), contents=100 - len(left))
        assert list(store.problems(REPO)) == before
        assert _counts(store)["content"] == 1 + len(left)
        assert {p.title for p in store.run("main-14")[1]} == {"problem a", "b of day 14"}
        assert _prune(url) == Removed()
        # A late run finds its place, and a removed one may come again.
        assert see(store, 30.5, "a").unchanged == 1
        assert standing(store)["problem a"] == (0, 99, None, 40)
        assert see(store, 5, "a", problem("b", title="b of day 5", epss=0.005)).unchanged == 2
        _counts(store)


@pytest.mark.usefixtures("today")
def test_after_a_year_a_run_a_month_stays(url: str) -> None:
    with open_store(url) as store:
        for number in range(-700, 100, 10):
            see(store, number, "a")
        _prune(url)
        left = [at.started_at for at in store.runs(REPO)]
        months = [(at.year, at.month) for at in left if at < day(70 - 365)]
        assert len(months) == len(set(months)) == 15
        assert standing(store) == {"problem a": (-700, 90, None, None)}


def _store_all(place: Path, found: list[Scan]) -> None:
    """Each scan on a day of its own, and once more: the second changes nothing, and may go."""
    with open_store(place) as store:
        for number, (branch, _, seen, covered) in enumerate(found):
            for at in (3 * number, 3 * number + 1):
                store.record(run(at, branch=branch), seen, covered)


def _problems(place: Path, late: tuple[int, Scan] | None = None) -> list[Problem]:
    with open_store(place) as store:
        if late is not None:
            number, (branch, _, seen, covered) = late
            store.record(run(3 * number + 0.5, branch=branch), seen, covered)
        _counts(store)
        return [*store.problems(REPO, "main"), *store.problems(REPO, "fix")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scans(), st.integers(0, 5))
def test_thinning_out_changes_no_standing(found: list[Scan], number: int) -> None:
    """Nor does a run that is imported late and saw what was seen then."""
    late = min(number, len(found) - 1)
    with tempfile.TemporaryDirectory() as directory:
        whole, thin = Path(directory) / "whole.db", Path(directory) / "thin.db"
        _store_all(whole, found)
        shutil.copy(whole, thin)
        _prune(f"sqlite:///{thin}", datetime.timedelta())
        before = _problems(whole)
        assert _problems(thin) == before
        assert _problems(thin, (late, found[late])) == before


def test_a_branch_is_forgotten_and_the_others_stay(url: str) -> None:
    with open_store(url) as store:
        see(store, 0, "a", problem("b", severity=Severity.LOW, epss=0.5))
        see(store, 1, "a", "c", branch="fix")
        see(store, 2, "a", repository="acme/other")
        decision = Triage(state=State.ACCEPTED, reason="x", by="kim")
        store.triage(REPO, [ident("a"), ident("c")], decision)
        before = list(store.problems(REPO, "main"))
        with maintenance(url) as kept:
            planned = kept.forget(REPO, "fix", who="kim", dry_run=True)
            assert len(store.runs(REPO)) == 2
            assert kept.forget(REPO, "fix", who="kim") == planned == Removed(runs=1, contents=1)
        assert store.branches() == [("acme/other", "main"), (REPO, "main")]
        assert list(store.problems(REPO, "main")) == before
        # The decision on what is gone stays, and can be taken back.
        assert store.undo(REPO, [ident("c")], who="kim") == [ident("c")]
        assert store.audit(limit=3)[1].subject == f"{REPO} fix"
        _counts(store)


def test_a_repository_is_forgotten_with_its_decisions(url: str) -> None:
    with open_store(url) as store:
        see(store, 0, "a", problem("b", epss=0.5))
        see(store, 1, "a", repository="acme/other")
        store.triage(REPO, [ident("a")], Triage(state=State.ACCEPTED, reason="x", by="kim"))
        with maintenance(url) as kept:
            kept.forget(REPO, None, who="kim")
            with pytest.raises(StoreError, match="knows no repository acme/shop"):
                kept.forget(REPO, None, who="kim")
            with pytest.raises(StoreError, match="knows no branch gone"):
                kept.forget("acme/other", "gone", who="kim")
        counts = _counts(store)
        names = ("repository", "branch", "run", "finding", "content", "sighting", "decision")
        assert [counts[name] for name in names] == [1, 1, 1, 1, 1, 1, 0]
        assert (counts["epss"], counts["alias"]) == (0, 0)
        assert [(one.what, one.who) for one in store.audit()] == [
            ("forget", "kim"),
            ("triage", "kim"),
        ]
        assert see(store, 0, "a").new == 1


@pytest.mark.usefixtures("today")
def test_the_commands_say_what_they_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(tmp_path / "store.db")
    with open_store(url) as store:
        for number in range(40, 60):
            see(store, number, "a")
    assert thin_out(url, tmp_path, _DAYS, dry_run=True) == 0
    said = capsys.readouterr().out
    assert thin_out(url, tmp_path, _DAYS, dry_run=False) == 0
    assert capsys.readouterr().out == said.replace("would remove", "remove")
    assert "would remove 15 runs and 0 documents\nruns that remain: 5\n" in said
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(UsageError, match="nothing was removed"):
        remove(url, tmp_path, REPO, None, yes=False, dry_run=False)
    assert remove(url, tmp_path, REPO, None, yes=False, dry_run=True) == 0
    assert "would remove acme/shop and its decisions: 5 runs\n" in capsys.readouterr().out
    assert remove(url, tmp_path, REPO, None, yes=True, dry_run=False) == 0
    with open_store(url) as store:
        assert store.branches() == []
