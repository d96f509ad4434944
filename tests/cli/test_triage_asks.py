"""Bulk decisions are listed and asked for, problems are asked about one by one, batches undone."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from secagg.cli import decide
from secagg.cli.decide import Place, Selection, decide_on, undo_decisions
from secagg.cli.onebyone import ask_one_by_one
from secagg.errors import StoreError, UsageError
from secagg.history import open_store
from secagg.model.problem import DECISION_FILE, STORE_FILE, State
from secagg.report.filters import FilterWords
from tests.history.make import REPO, ident, problem, see

Answer = Callable[..., None]
ALL = FilterWords(tool=("trivy",))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A store with three problems."""
    (tmp_path / ".secagg").mkdir()
    with open_store(tmp_path / STORE_FILE) as store:
        see(store, 1, *(problem(name, uri=f"src/{name}.py", line=7) for name in ("a", "b", "c")))
    return Place(url=None, root=tmp_path, repository=REPO, branch="main")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    def given(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return given


def _states(place: Place) -> dict[str, State]:
    with open_store(place.root / STORE_FILE) as store:
        return {p.title.removeprefix("problem "): p.state for p in store.problems(REPO, "main")}


def _decide(place: Place, selection: Selection, *, ask: bool) -> None:
    decide_on(
        selection,
        place,
        state="accepted",
        reason="lab only",
        owner=None,
        expires=None,
        by="kim",
        dry_run=False,
        ask=ask,
    )


def _batch(out: str) -> str:
    return next(word for word in out.split() if word.startswith("b-"))


@pytest.mark.parametrize("said", [[], [""], ["n"], ["what", "no"]])
def test_without_a_yes_nothing_is_decided(
    place: Place, answer: Answer, capsys: pytest.CaptureFixture[str], said: list[str]
) -> None:
    answer(*said)
    _decide(place, Selection(filters=ALL), ask=True)
    assert set(_states(place).values()) == {State.OPEN}
    out = capsys.readouterr().out
    for name in ("a", "b", "c"):
        assert f"{ident(name)[:10]}  high      src/{name}.py:7  " in out
    assert "3 problems: accepted? [y/N] " in out
    assert out.endswith("nothing is decided\n")


def test_a_batch_is_decided_on_and_taken_back(
    place: Place, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    _decide(place, Selection(identities=(ident("c"),)), ask=True)
    answer("yes")
    _decide(place, Selection(filters=ALL), ask=True)
    out = capsys.readouterr().out
    assert "2 problems now accepted" in out
    assert _states(place) == dict.fromkeys("abc", State.ACCEPTED)
    batch = _batch(out.partition("2 problems now")[2])
    named = Selection(identities=(batch,))
    undo_decisions(named, place, who="kim", dry_run=True)
    assert _states(place)["a"] is State.ACCEPTED
    undo_decisions(named, place, who="kim", dry_run=False)
    assert _states(place) == {"a": State.OPEN, "b": State.OPEN, "c": State.ACCEPTED}
    with pytest.raises(StoreError, match="batch"):
        undo_decisions(named, place, who="kim", dry_run=False)
    with pytest.raises(UsageError, match="one batch"):
        undo_decisions(Selection(identities=(batch, ident("a"))), place, who="kim", dry_run=False)


def test_a_batch_in_the_file_is_taken_back(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    filed = Place(url=None, root=place.root, repository=REPO, branch="main", file=True)
    _decide(filed, Selection(filters=ALL), ask=False)
    batch = _batch(capsys.readouterr().out)
    assert (place.root / DECISION_FILE).read_text().count("lab only") == 3
    undo_decisions(Selection(identities=(batch,)), filed, who="kim", dry_run=False)
    assert "lab only" not in (place.root / DECISION_FILE).read_text()


def test_many_can_be_listed_whole(
    place: Place,
    answer: Answer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decide, "_SHOWN", 1)
    answer("l", "n")
    _decide(place, Selection(filters=ALL), ask=True)
    before, _, after = capsys.readouterr().out.partition("[y/N/l to list all] ")
    assert (before.count("src/"), "and 2 more" in before, after.count("src/")) == (1, True, 3)


def test_one_after_another(
    place: Place, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(
        *("c", "by hand", "f", "", "u", "?", "a", "only here", "yesterday"),
        *("a", "only here", "2001-01-01", "a", "", "2199-01-31", "s", "q"),
    )
    ask_one_by_one(Selection(), place, by="kim", owner=None)
    out = capsys.readouterr().out
    assert _states(place) == {"a": State.CONFIRMED, "b": State.ACCEPTED, "c": State.OPEN}
    with open_store(place.root / STORE_FILE) as store:
        made = store.decisions(REPO)
    assert made[ident("a")].reason == "by hand"
    # Enter takes the last reason again.
    assert made[ident("b")].reason == "by hand"
    assert str(made[ident("b")].expires) == "2199-01-31"
    assert "(1/3) decide" in out and "(3/3) decide" in out
    assert "f  false positive: it is none" in out
    for words in (
        "30d, 2w or a day such as 2026-12-31 is expected",
        "2001-01-01 is over",
        "taken back",
        "2 of 3 problems",
    ):
        assert words in out
    undo_decisions(Selection(identities=(_batch(out),)), place, who="kim", dry_run=False)
    assert set(_states(place).values()) == {State.OPEN}


@pytest.mark.parametrize("said", [[], ["q"], ["c"], ["c", ""], ["b", "u", "x", "i", "s", "s", "s"]])
def test_who_leaves_has_decided_nothing(
    place: Place, answer: Answer, capsys: pytest.CaptureFixture[str], said: list[str]
) -> None:
    answer(*said)
    ask_one_by_one(Selection(filters=ALL), place, by="kim", owner=None)
    assert set(_states(place).values()) == {State.OPEN}
    assert "0 of 3 problems decided on" in capsys.readouterr().out
