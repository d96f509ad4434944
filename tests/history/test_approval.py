"""A second person in the store: agreed, taken back, over, and severe since."""

from __future__ import annotations

import datetime
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secagg.decisions.entry import Trust
from secagg.history import Store
from secagg.merge.groups import MergedSet
from secagg.model.approval import DecisionsMade, missing_approval, signers
from secagg.model.finding import Severity
from secagg.model.problem import Problem, State, Triage
from secagg.pipeline.decisions import stored_decisions
from secagg.policy import judge
from secagg.policy.decision import Decision
from secagg.report.filters import Filters
from secagg.report.standing import standing
from secagg.report.stored import StoreScope, page
from secagg.system.dates import utc_now
from tests.decisions.make import loaded, row
from tests.history.make import REPO, ident, problem, see
from tests.policy.subjects import COMPLETE, policy, vulnerable

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


# The id of a problem before another tool reported it too, and since.
BEFORE, SINCE = "a", "b"


def test_two_people_under_two_ids_of_a_problem_are_two(store: Store) -> None:
    see(store, 1, problem(BEFORE, **CRITICAL))
    store.triage(REPO, [ident(BEFORE)], said("ana"))
    see(store, 2, problem(SINCE, BEFORE, **CRITICAL))
    assert missing_approval(only(store), TODAY) == TWO
    store.triage(REPO, [ident(SINCE)], said("Ana", minute=1))
    assert missing_approval(only(store), TODAY) == TWO
    store.triage(REPO, [ident(SINCE)], said("kim", minute=2))
    agreed = only(store)
    assert agreed.state is State.ACCEPTED
    assert agreed.triage is not None
    assert signers(agreed.triage) == ("kim", "Ana")
    assert _of_gate(store) == [agreed.triage]


def test_the_newest_decision_counts_under_whichever_id_it_is(store: Store) -> None:
    see(store, 1, problem(BEFORE), problem("other"))
    see(store, 2, problem(SINCE, BEFORE))
    store.triage(REPO, [ident("other")], said("lee", State.FALSE_POSITIVE))
    # With the old id, as a file of another checkout or a dismissal may have it.
    _under(store, BEFORE, said("kim", State.CONFIRMED, minute=2))
    store.triage(REPO, [ident(SINCE)], said("ana", minute=1))
    (found,) = [one for one in store.problems(REPO) if one.identity == ident(SINCE)]
    assert found.state is State.CONFIRMED
    assert _of_gate(store)[-1].state is State.CONFIRMED
    # Another word in between ends an agreement, whichever id it was said under.
    store.triage(REPO, [ident(SINCE)], said("kim", minute=3))
    assert signers(_of_gate(store)[-1]) == ("kim",)


def test_a_decision_under_an_old_id_is_taken_back_by_the_new_one(store: Store) -> None:
    see(store, 1, problem(BEFORE))
    store.triage(REPO, [ident(BEFORE)], said("ana"))
    see(store, 2, problem(SINCE, BEFORE))
    assert only(store).state is State.ACCEPTED
    assert store.undo(REPO, [ident(SINCE)], who="kim", dry_run=True) == [ident(SINCE)]
    assert store.undo(REPO, [ident(SINCE)], who="kim") == [ident(SINCE)]
    assert only(store).state is State.OPEN
    assert store.undo(REPO, [ident(SINCE)], who="kim") == []


def test_a_decision_on_the_whole_counts_for_the_part_that_remains(store: Store) -> None:
    see(store, 1, problem("whole", "part", "rest"))
    store.triage(REPO, [ident("whole")], said("ana"))
    see(store, 2, problem("part"))
    (part,) = [one for one in store.problems(REPO) if one.identity == ident("part")]
    made = store.decisions_made(REPO).on(ident("part"), (), TODAY)
    assert [part.triage] == made
    assert store.decisions_made("elsewhere") == DecisionsMade()


def test_an_approval_in_a_file_counts_beside_the_entry_under_the_old_id(store: Store) -> None:
    see(store, 1, problem(SINCE, BEFORE, **CRITICAL))
    filed = {ident(BEFORE): said("ana"), ident(SINCE): said("ana", approved_by=("kim",))}
    for entries in (filed, dict(reversed(filed.items()))):
        (found,) = store.problems(REPO, file_decisions=entries)
        assert (found.state, found.unapproved) == (State.ACCEPTED, None)


def _of_gate(store: Store) -> list[Triage]:
    return store.decisions_made(REPO).on(ident(SINCE), [ident(SINCE), ident(BEFORE)], TODAY)


def _under(store: Store, name: str, decision: Triage) -> None:
    assert store.triage(REPO, [ident(name)], decision) == [ident(name)]


def test_a_gate_counts_people_under_every_id_of_a_group(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(store, 1, problem(BEFORE, **CRITICAL))
    store.triage(REPO, [ident(BEFORE)], said("ana"))
    see(store, 2, problem(SINCE, BEFORE, **CRITICAL))
    store.triage(REPO, [ident(SINCE)], said("ana", minute=1))
    finding = vulnerable()
    finding.identity = ident(BEFORE)
    group = row(finding, identity=ident(SINCE))
    where = SimpleNamespace(repository=REPO)
    gate: Any = SimpleNamespace(options=SimpleNamespace(store="x"), root=Path(), origin=where)
    monkeypatch.setattr("secagg.pipeline.decisions.has_store", lambda *_: True)
    monkeypatch.setattr("secagg.pipeline.decisions.open_store_of", lambda *_: nullcontext(store))

    def judged() -> Decision:
        made = stored_decisions(gate, MergedSet(groups=[group]), trust=Trust(), mask=str)
        return judge(
            policy({"match": {}}, approval={"critical": 2}),
            MergedSet(groups=[group]),
            runs=[COMPLETE],
            exceptions=loaded({}, today=TODAY, stored=made),
            today=TODAY,
        )

    (before,) = judged().judgements
    assert before.exception is None
    assert [one.refusal for one in before.lapsed] == [TWO]
    store.triage(REPO, [ident(SINCE)], said("kim", minute=2))
    (after,) = judged().judgements
    assert after.exception is not None
    assert (after.exception.signers, after.lapsed) == (("kim", "ana"), ())
