"""A second person in the store: agreed, taken back, over, and severe since."""

from __future__ import annotations

import datetime
from typing import Any

from secagg.history import Store
from secagg.model.approval import missing_approval, signers
from secagg.model.finding import Severity
from secagg.model.problem import Problem, State, Triage
from secagg.report.filters import Filters
from secagg.report.standing import standing
from secagg.report.stored import StoreScope, page
from secagg.system.dates import utc_now
from tests.history.make import REPO, ident, problem, see

NOW = utc_now()
TODAY = NOW.date()
TWO = "needs a second approval (1 of 2)"
CRITICAL: dict[str, Any] = {"severity": Severity.CRITICAL, "approvals_needed": 2}


def said(by: str, state: State = State.ACCEPTED, *, minute: int = 0, **fields: object) -> Triage:
    at = NOW - datetime.timedelta(hours=1) + datetime.timedelta(minutes=minute)
    return Triage(state=state, reason="seen", by=by, at=at, **fields)  # type: ignore[arg-type]


def only(store: Store) -> Problem:
    (found,) = store.problems(REPO)
    # Questions in SQL say the same.
    states = frozenset({standing(found, TODAY)})
    (paged,) = page(store, StoreScope(), Filters(states=states), today=TODAY).rows
    assert paged == found
    return found


def test_two_people_agree_and_one_takes_it_back(store: Store) -> None:
    see(store, 1, problem("a", **CRITICAL))
    store.triage(REPO, [ident("a")], said("ana"))
    assert (only(store).state, missing_approval(only(store), TODAY)) == (State.OPEN, TWO)
    store.triage(REPO, [ident("a")], said("Ana", minute=1))
    assert missing_approval(only(store), TODAY) == TWO
    store.triage(REPO, [ident("a")], said("kim", minute=2))
    agreed = only(store)
    assert (agreed.state, agreed.unapproved) == (State.ACCEPTED, None)
    assert agreed.triage is not None
    assert signers(agreed.triage) == ("kim", "Ana")
    (decision,) = store.newest_decisions(REPO)[ident("a")]
    assert signers(decision) == ("kim", "Ana")
    store.undo(REPO, [ident("a")], who="kim")
    assert (only(store).state, missing_approval(only(store), TODAY)) == (State.OPEN, TWO)
    assert [(entry.who, entry.what) for entry in store.audit()] == [
        ("kim", "undo"),
        ("kim", "triage"),
        ("Ana", "triage"),
        ("ana", "triage"),
    ]


def test_an_approval_ends_with_its_own_last_day_and_with_another_word(store: Store) -> None:
    see(store, 1, problem("a", **CRITICAL))
    over = TODAY - datetime.timedelta(days=1)
    store.triage(REPO, [ident("a")], said("ana", expires=over))
    store.triage(REPO, [ident("a")], said("kim", minute=1))
    assert missing_approval(only(store), TODAY) == TWO
    store.triage(REPO, [ident("a")], said("ana", State.CONFIRMED, minute=2))
    assert only(store).state is State.CONFIRMED
    store.triage(REPO, [ident("a")], said("lee", minute=3))
    assert missing_approval(only(store), TODAY) == TWO


def test_what_becomes_critical_needs_a_second_person_then(store: Store) -> None:
    see(store, 1, problem("a"))
    store.triage(REPO, [ident("a")], said("ana"))
    assert only(store).state is State.ACCEPTED
    see(store, 2, problem("a", **CRITICAL))
    assert (only(store).state, missing_approval(only(store), TODAY)) == (State.OPEN, TWO)
    store.triage(REPO, [ident("a")], said("kim", minute=1))
    assert only(store).state is State.ACCEPTED
    see(store, 3, problem("a"))
    assert only(store).state is State.ACCEPTED


def test_a_dismissal_at_github_and_a_decision_here_are_not_added_up(store: Store) -> None:
    see(store, 1, problem("a", **CRITICAL))
    store.triage(REPO, [ident("a")], said("ana-at-github", alert="https://github.example/1"))
    store.triage(REPO, [ident("a")], said("ana", minute=1))
    assert missing_approval(only(store), TODAY) == TWO


def test_an_earlier_report_that_still_holds_keeps_its_need(store: Store) -> None:
    both = problem("a", tools=("snyk", "trivy"), **CRITICAL)
    see(store, 1, both, covered=[("trivy", "."), ("snyk", ".")])
    see(store, 2, problem("a", tools=("trivy",)), covered=[("trivy", ".")])
    store.triage(REPO, [ident("a")], said("ana"))
    found = only(store)
    assert (found.severity, found.approvals_needed) == (Severity.CRITICAL, 2)
    assert missing_approval(found, TODAY) == TWO
