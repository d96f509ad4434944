"""Decisions that need several people: who counts, and when they are enough."""

from __future__ import annotations

import datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from secagg.change.owners import code_owners
from secagg.decisions.approvers import confirmed
from secagg.merge.groups import MergedSet
from secagg.model.approval import joined, missing_approval, people, settle, signers
from secagg.model.finding import Severity
from secagg.model.problem import State, Triage
from secagg.policy import Policy, Verdict, judge
from secagg.policy.decision import Decision
from secagg.policycheck.check import check_policy
from secagg.policycheck.names import Tree
from secagg.system.validation import validate
from tests.decisions.make import TODAY, loaded, row
from tests.history.make import problem
from tests.matrix.shop import git
from tests.policy.subjects import COMPLETE, vulnerable

TWO = "needs a second approval (1 of 2)"
FILE = "secagg-exceptions.yaml"
CVE = "CVE-2019-10744"


def accepted(by: str | None, **values: object) -> Triage:
    return Triage(state=State.ACCEPTED, reason="seen", by=by, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["ana"], 1),
        (["ana", "@Ana", " ANA "], 1),
        (["ana", "kim"], 2),
        (["ana", "token:ci-shop"], 1),
        (["ana", "ana (assistant)"], 1),
        ([None, "", "unknown"], 0),
        (["ana", "@@ana", "ana\u200b", "\uff20ana", "ana\t"], 1),
        (["ana@example.com", "Ana <ana@example.com>"], 1),
        (["ana@example.com", "@ana"], 1),
        (["ana@example.com", "ana+work@example.com"], 1),
        (["ana@example.com", "ana+work@example.com", "kim+ana@example.com"], 2),
        (["@Ana", "1234+ana@users.noreply.github.com", "ana@users.noreply.github.com"], 1),
        (["ana@example.com", "kim"], 2),
        (["ana@example.com", "ana@example.org"], 2),
        (["ana", "Token:ci-shop", "Ana (Assistant)"], 1),
    ],
)
def test_only_different_people_are_counted(names: list[str | None], count: int) -> None:
    assert people(names) == count


def test_people_agree_while_the_same_was_said_and_still_holds() -> None:
    ended = datetime.date(2026, 11, 22)
    ana, kim = accepted("ana"), accepted("kim")
    assert signers(joined(ana, kim, TODAY)) == ("kim", "ana")
    assert signers(joined(joined(ana, kim, TODAY), accepted("ana"), TODAY)) == ("ana", "kim")
    assert signers(joined(accepted("ana", expires=ended), kim, TODAY)) == ("kim",)
    assert signers(joined(accepted("ana", expires=TODAY), kim, TODAY)) == ("kim", "ana")
    other = Triage(state=State.FALSE_POSITIVE, reason="seen", by="ana")
    assert signers(joined(other, kim, TODAY)) == ("kim",)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(State)), max_size=6))
def test_as_many_agree_as_different_people_said_the_same_last(
    said: list[tuple[str, State]],
) -> None:
    newest: Triage | None = None
    for by, state in said:
        newest = joined(newest, Triage(state=state, reason="x", by=by), TODAY)
    last = {by for by, _ in said[-1:]}
    for by, state in reversed(said):
        if state is not said[-1][1] or state not in (State.ACCEPTED, State.FALSE_POSITIVE):
            break
        last.add(by)
    assert (people(signers(newest)) if newest else 0) == len(last)


def test_a_decision_waits_until_enough_people_have_made_it() -> None:
    found = problem("a", severity=Severity.CRITICAL, approvals_needed=2)
    settle(found, accepted("ana"))
    assert (found.state, missing_approval(found, TODAY)) == (State.OPEN, TWO)
    settle(found, accepted("kim", approved_by=("ana",)))
    assert (found.state, missing_approval(found, TODAY)) == (State.ACCEPTED, None)
    # A later scan rates it worse.
    found.approvals_needed = 3
    settle(found, found.triage)
    assert missing_approval(found, TODAY) == "needs a third approval (2 of 3)"
    settle(found, Triage(state=State.CONFIRMED, reason="it is one", by="lee"))
    assert (found.state, missing_approval(found, TODAY)) == (State.CONFIRMED, None)
    settle(found, accepted("token:ci"))
    assert missing_approval(found, TODAY) == "needs 3 more approvals (0 of 3)"


OWNERS = {FILE: ("@kim", "@lee", "@acme/security")}


@pytest.mark.parametrize(
    ("first", "approvers", "count", "why"),
    [
        ("ana", ["kim"], 2, None),
        ("ana", ["@Kim", "lee"], 3, None),
        ("kim", ["@kim"], 1, "signed already"),
        ("ana", ["max"], 1, "does not name max as an owner"),
        ("ana@example.com", ["@kim"], 1, "may be one person"),
        ("ana", ["@acme/security-leads"], 1, "who is in a team"),
        (None, ["kim"], 1, None),
        ("ana", ["@acme/security"], 1, "@acme/security is a team"),
        ("@acme/security", ["@kim"], 1, "name a person in by"),
        ("\uff20acme\uff0fsecurity", ["@kim"], 1, "name a person in by"),
    ],
)
def test_an_approval_in_a_file_is_that_of_another_owner(
    first: str | None, approvers: list[str], count: int, why: str | None
) -> None:
    signed, refusal = confirmed(first, approvers, FILE, lambda name: OWNERS.get(name, ()))
    assert people(signed) == count
    assert refusal is None if why is None else why in str(refusal)


def test_without_code_owners_nobody_can_approve_in_a_file() -> None:
    signed, refusal = confirmed("ana", ["kim"], FILE, lambda name: ())
    assert signed == ("ana",)
    assert "CODEOWNERS names no owner" in str(refusal)


def policy(**settings: object) -> Policy:
    rules = [{"name": "all", "match": {}, "action": "fail"}]
    return validate(Policy, {"name": "own", "rules": rules, **settings})


def judged(entry: dict[str, object], severity: Severity = Severity.CRITICAL) -> Decision:
    whole = {"reason": "behind a proxy", "created": "2026-11-01", "expires": "2026-12-01", **entry}
    exceptions = loaded(
        {FILE: {"decisions": [{"cve": CVE, **whole}]}},
        owners=lambda name: OWNERS.get(name, ()),
    )
    groups = [row(vulnerable(severity=severity))]
    return judge(
        policy(approval={"critical": 2}),
        MergedSet(groups=groups),
        runs=[COMPLETE],
        exceptions=exceptions,
        today=TODAY,
    )


def test_the_gate_waits_for_the_second_person() -> None:
    alone = judged({"owner": "ana"})
    assert alone.verdict is Verdict.FAIL
    assert f"{TWO}; what it covers fails until then" in " ".join(alone.reasons)
    assert judged({"owner": "ana", "approved_by": "kim"}).verdict is Verdict.PASS
    forged = judged({"owner": "ana", "approved_by": "max"})
    assert forged.verdict is Verdict.FAIL
    assert f"{TWO}: CODEOWNERS does not name max" in " ".join(forged.reasons)
    # What is less severe needs one person only.
    assert judged({"owner": "ana"}, Severity.HIGH).verdict is Verdict.PASS


def test_what_cannot_carry_an_approval_says_where_to_decide() -> None:
    decision = judge(
        policy(approval={"critical": 2}),
        MergedSet(groups=[row(vulnerable())]),
        runs=[COMPLETE],
        exceptions=loaded({".trivyignore": f"{CVE}\n"}),
        today=TODAY,
    )
    assert decision.verdict is Verdict.FAIL
    assert "decide on a critical problem in the store or in secagg-exceptions.yaml" in " ".join(
        decision.reasons
    )


def test_only_code_owners_count_and_of_a_change_those_of_its_base(tmp_path: Path) -> None:
    owners = tmp_path / "CODEOWNERS"
    owners.write_text(f"{FILE} @kim\n")
    (tmp_path / "secagg.yaml").write_text(f"owners: {{{FILE}: ['@ana']}}\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "-q", "-m", "x")
    base = git(tmp_path, "rev-parse", "HEAD")
    owners.write_text(f"{FILE} @mallory\n")
    assert code_owners(tmp_path)(FILE) == ("@mallory",)
    assert code_owners(tmp_path, base)(FILE) == ("@kim",)


def test_policy_check_names_what_cannot_be_meant(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "name: own\nextends: default\napproval: {high: 2}\nrules: [{name: x, action: warn}]\n"
    )
    (tmp_path / FILE).write_text(
        f"decisions:\n- {{cve: {CVE}, reason: a proxy, owner: ana, approved_by: kim, "
        "created: 2026-11-01, expires: 2026-12-01}\n"
    )
    messages = check_policy(str(own), tmp_path, Tree(tmp_path), TODAY, str)
    texts = {message.code: message.text for message in messages}
    assert texts["approval-order"] == "a high problem needs 2 approvals, and a critical one 1"
    assert "CODEOWNERS names no owner" in texts["approval-unconfirmed"]
