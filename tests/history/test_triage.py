"""Decisions: made, inherited, taken back, and never without an entry in the audit log."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from secagg.errors import StoreError, UsageError
from secagg.history import Store
from secagg.history.deciding import batch_of
from secagg.model.problem import State, Triage
from tests.history.make import REPO, day, ident, problem, see


def said(state: State = State.ACCEPTED, **fields: object) -> Triage:
    return Triage(state=state, reason="known", by="kim", at=day(10), **fields)  # type: ignore[arg-type]


def states(store: Store, branch: str = "main") -> dict[str, State]:
    return {p.title: p.state for p in store.problems(REPO, branch)}


def test_a_decision_survives_scans_shifted_lines_and_holds_on_all_branches(store: Store) -> None:
    see(store, 1, problem("a", line=3))
    assert store.triage(REPO, [ident("a")[:8]], said(owner="web")) == [ident("a")]
    see(store, 2, problem("a", line=30))
    see(store, 3, problem("a", line=31), branch="feature")
    for branch in ("main", "feature"):
        (found,) = store.problems(REPO, branch)
        assert found.triage == said(owner="web")
    (other,) = [p for p in store.problems(None) if p.branch == "feature"]
    assert other.state is State.ACCEPTED


def test_a_decision_follows_the_problem_to_another_identity_and_back(store: Store) -> None:
    see(store, 1, "a")
    store.triage(REPO, [ident("a")], said(State.FALSE_POSITIVE))
    see(store, 2, problem("c", "a"))
    assert states(store) == {"problem c": State.FALSE_POSITIVE}
    store.triage(REPO, [ident("c")], Triage(state=State.CONFIRMED, reason="no", at=day(11)))
    see(store, 3, "a")
    assert states(store) == {"problem a": State.CONFIRMED}


def test_undo_brings_the_decision_before_back(store: Store) -> None:
    see(store, 1, "a")
    store.triage(REPO, [ident("a")], said())
    later = Triage(state=State.CONFIRMED, reason="after all", by="lee", at=day(12))
    store.triage(REPO, [ident("a")], later)
    assert store.undo(REPO, [ident("a")], who="kim", dry_run=True) == [ident("a")]
    assert states(store) == {"problem a": State.CONFIRMED}
    assert store.undo(REPO, [ident("a")], who="kim") == [ident("a")]
    assert states(store) == {"problem a": State.ACCEPTED}
    store.undo(REPO, [ident("a")], who="kim")
    assert store.undo(REPO, [ident("a")], who="kim") == []
    assert states(store) == {"problem a": State.OPEN}
    log = [
        (e.who, e.what, (e.before or {}).get("state"), (e.after or {}).get("state"))
        for e in store.audit()
    ]
    assert log == [
        ("kim", "undo", "accepted", None),
        ("kim", "undo", "confirmed", "accepted"),
        ("lee", "triage", "accepted", "confirmed"),
        ("kim", "triage", None, "accepted"),
    ]


def test_a_dry_run_changes_nothing(store: Store) -> None:
    see(store, 1, "a")
    assert store.triage(REPO, [ident("a")], said(), dry_run=True) == [ident("a")]
    assert states(store) == {"problem a": State.OPEN}
    assert store.audit() == []


def test_a_decision_ends_with_its_day_and_a_fix_with_the_next_sighting(store: Store) -> None:
    see(store, 1, "a", "b")
    over = datetime.date(2026, 3, 2)
    store.triage(REPO, [ident("a")], said(expires=over))
    store.triage(REPO, [ident("b")], said(State.FIXED))
    assert states(store) == {"problem a": State.OPEN, "problem b": State.FIXED}
    see(store, 20, "a", "b")
    assert states(store) == {"problem a": State.OPEN, "problem b": State.OPEN}


def test_the_newer_of_store_and_file_counts(store: Store) -> None:
    see(store, 1, "a")
    store.triage(REPO, [ident("a")], said())
    for at, state in ((9, State.ACCEPTED), (11, State.CONFIRMED)):
        filed = {ident("a"): Triage(state=State.CONFIRMED, reason="git", at=day(at))}
        (found,) = store.problems(REPO, file_decisions=filed)
        assert found.state is state


def test_a_problem_goes_by_the_ids_of_its_members_too(store: Store) -> None:
    see(store, 1, problem("a", "b"))
    assert store.triage(REPO, [ident("b")[:8]], said()) == [ident("a")]
    # Seen under another id since: its own id still names it, what both share names the later one.
    see(store, 2, problem("c", "a", "b"))
    assert store.triage(REPO, [ident("b")[:8]], said()) == [ident("c")]
    assert store.triage(REPO, [ident("a")[:8]], said()) == [ident("a")]


@pytest.mark.parametrize("given", ["ffffffff", "ab", "%%%%%%"])
def test_what_is_not_known_is_refused_whole(store: Store, given: str) -> None:
    see(store, 1, "a")
    with pytest.raises(UsageError):
        store.triage(REPO, [ident("a"), given], said())
    with pytest.raises(StoreError, match="no repository"):
        store.triage("other/repo", [ident("a")], said())
    assert states(store) == {"problem a": State.OPEN}


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'x'", "DELETE FROM audit"])
def test_the_audit_log_is_only_added_to(store: Store, change: str) -> None:
    see(store, 1, "a")
    store.triage(REPO, [ident("a")], said())
    with pytest.raises(DBAPIError), store._engine.begin() as connection:
        connection.execute(text(change))
    assert [e.who for e in store.audit()] == ["kim"]


def test_a_batch_is_taken_back_and_nothing_else(store: Store) -> None:
    see(store, 1, "a", "b", "c")
    earlier = Triage(state=State.CONFIRMED, reason="seen", by="lee", at=day(9))
    store.triage(REPO, [ident("a")], earlier)
    store.triage(REPO, [ident("a"), ident("b")], said())
    store.triage(REPO, [ident("c")], Triage(state=State.ACCEPTED, reason="x", by="lee", at=day(10)))
    later = Triage(state=State.FALSE_POSITIVE, reason="no", by="lee", at=day(12))
    store.triage(REPO, [ident("b")], later)
    batch = batch_of(said())
    both = sorted([ident("a"), ident("b")])
    assert store.undo_batch(REPO, batch, who="kim", dry_run=True) == both
    assert store.undo_batch(REPO, batch, who="kim") == both
    assert states(store) == {
        "problem a": State.CONFIRMED,
        "problem b": State.FALSE_POSITIVE,
        "problem c": State.ACCEPTED,
    }
    with pytest.raises(StoreError, match="batch"):
        store.undo_batch(REPO, batch, who="kim")
    log = store.audit(subjects=[ident("a")])
    assert [(e.what, (e.after or {}).get("state")) for e in log] == [
        ("undo", "confirmed"),
        ("triage", "accepted"),
        ("triage", "confirmed"),
    ]
    assert {e.subject for e in store.audit(limit=1, subjects=both)} <= set(both)


def test_whole_ids_are_looked_up_at_once(store: Store) -> None:
    names = [f"n{number}" for number in range(1001)]
    see(store, 1, *names)
    found = store.triage(REPO, [*map(ident, names), ident("n0")[:12]], said(), dry_run=True)
    assert found == [ident(name) for name in names]
    with pytest.raises(UsageError):
        store.triage(REPO, [ident("n0"), ident("not there")], said())
    assert set(states(store).values()) == {State.OPEN}
