"""Decisions on single problems in the repository's files: read, written and taken back."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from secagg.decisions.entry import Trust, work_tree
from secagg.decisions.ownedit import remove_decisions, write_decisions
from secagg.decisions.ownfile import NAMES, decisions_in
from secagg.errors import ConfigError
from secagg.model.approval import SETTLED
from secagg.model.problem import DECISION_FILE, TRIAGE_FILE, State, Triage
from secagg.policy.decision import DecisionSource, ExceptionState, PolicyException
from tests.decisions.make import TODAY, loaded, row
from tests.merge.make import vulnerability

A, B = "a" * 32, "b" * 32
NOON = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
ACCEPTED = Triage(
    state=State.ACCEPTED,
    reason="no route leads there, and the service is switched off at the end of the quarter, says Kim",
    by="kim",
    owner="team-web",
    at=NOON,
    expires=datetime.date(2026, 9, 1),
)
CONFIRMED = Triage(state=State.CONFIRMED, reason="seen", at=NOON)
OF_OLD = f"""\
# Ask Kim before you add to this.
decisions:
- id: {A}  # the old one
  state: open
  reason: x
  at: 2026-01-01T00:00:00Z
- id: {B}
  title: a token
  state: false-positive
  reason: a fixture
  by: kim
  owner: ''
  at: 2026-02-01T02:00:00+02:00
"""
EXCEPTIONS = """\
exceptions:
# the lookup is gone
- cve: CVE-2021-44228
  reason: not reachable
  owner: ana
  created: 2026-11-01
  expires: 2026-12-01
"""


def filed(root: Path) -> dict[str, Triage]:
    return decisions_in(work_tree(root))


def put(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def entries(*lines: str) -> str:
    return "decisions:\n" + "".join(
        f"- {{id: {A}, state: {state}, reason: r, {when}: {at}}}\n"
        for state, when, at in (line.split(" ", 2) for line in lines)
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = {A: ACCEPTED, B: CONFIRMED}
    write_decisions(tmp_path, made, {A: "SQL injection"})
    assert filed(tmp_path) == made
    text = (tmp_path / DECISION_FILE).read_text()
    assert text.splitlines()[:5] == [
        "# Decisions for secagg. Exceptions need an owner, a reason and an end.",
        "version: 1",
        "decisions:",
        f"  - id: {A}",
        "    title: SQL injection",
    ]
    assert "created: '2026-03-01T12:00:00Z'" in text and "expires: 2026-09-01" in text
    # What is not said is not written.
    assert (text.count("title:"), text.count("by:"), text.count("owner:")) == (1, 1, 1)


def test_no_file_is_no_decision(tmp_path: Path) -> None:
    assert filed(tmp_path) == {}
    remove_decisions(tmp_path, [A])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_either_file_may_hold_either_list(name: str, tmp_path: Path) -> None:
    put(tmp_path, name, OF_OLD + EXCEPTIONS)
    read = filed(tmp_path)
    assert read == {
        A: Triage(
            state=State.OPEN, reason="x", at=datetime.datetime(2026, 1, 1, tzinfo=NOON.tzinfo)
        ),
        B: Triage(
            state=State.FALSE_POSITIVE,
            reason="a fixture",
            by="kim",
            owner="",
            at=datetime.datetime(2026, 2, 1, tzinfo=NOON.tzinfo),
        ),
    }
    found = loaded({name: OF_OLD + EXCEPTIONS})
    assert [(e.source, e.state, e.on_one) for e in found.all()] == [
        (f"{name}:3", State.OPEN, True),
        (f"{name}:7", State.FALSE_POSITIVE, True),
        (f"{name}:16", State.ACCEPTED, False),
    ]


def test_a_new_decision_takes_the_place_of_older_ones_wherever_they_stand(tmp_path: Path) -> None:
    old, new = put(tmp_path, TRIAGE_FILE, OF_OLD), put(tmp_path, DECISION_FILE, EXCEPTIONS)
    write_decisions(tmp_path, {A: ACCEPTED}, {})
    assert (A in old.read_text(), B in old.read_text()) == (False, True)
    # What others have decided stays as they wrote it.
    assert new.read_text().startswith(EXCEPTIONS)
    assert new.read_text().count("decisions:") == 1
    write_decisions(tmp_path, {A: CONFIRMED, B: CONFIRMED}, {})
    assert filed(tmp_path) == {A: CONFIRMED, B: CONFIRMED}
    assert new.read_text().count("id:") == 2 and "# Ask Kim" in old.read_text()
    remove_decisions(tmp_path, [A, "d" * 32])
    assert list(filed(tmp_path)) == [B]
    before = new.read_bytes()
    remove_decisions(tmp_path, ["d" * 32])
    assert new.read_bytes() == before


def test_what_people_wrote_between_decisions_stays(tmp_path: Path) -> None:
    write_decisions(tmp_path, {A: ACCEPTED}, {})
    file = tmp_path / DECISION_FILE
    file.write_text(file.read_text() + "# a remark\n")
    for made in (ACCEPTED, CONFIRMED):
        write_decisions(tmp_path, {B: made}, {})
        assert "\n# a remark\n" in file.read_text()
    remove_decisions(tmp_path, [A, B])
    assert "\n# a remark\n" in file.read_text() and filed(tmp_path) == {}
    write_decisions(tmp_path, {A: CONFIRMED}, {})
    assert "# a remark\n" in file.read_text() and filed(tmp_path) == {A: CONFIRMED}


def test_an_exception_that_names_a_problem_stays_when_triage_decides(tmp_path: Path) -> None:
    text = EXCEPTIONS.replace("cve: CVE-2021-44228", f"id: {A}")
    file = put(tmp_path, DECISION_FILE, text)
    write_decisions(tmp_path, {A: ACCEPTED}, {})
    remove_decisions(tmp_path, [A])
    assert file.read_text() == text + "decisions:\n"


def test_the_newest_decision_counts_wherever_it_stands(tmp_path: Path) -> None:
    older, newer = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    for lines in (
        (f"open at {older}", f"accepted created {newer}"),
        (f"accepted created {newer}", f"open at {older}"),
        # Of two of one moment the later in the file; a day is its beginning.
        (f"false-positive at {newer}", "accepted created 2026-01-02"),
        # What is dated in the future is nobody's word yet.
        (f"accepted created {newer}", "open at 2999-01-01T00:00:00Z"),
    ):
        put(tmp_path, DECISION_FILE, entries(*lines))
        assert filed(tmp_path)[A].state is State.ACCEPTED
    put(tmp_path, TRIAGE_FILE, entries("confirmed at 2026-01-03T00:00:00Z"))
    assert filed(tmp_path)[A].state is State.CONFIRMED


def test_times_are_in_utc(tmp_path: Path) -> None:
    for written in ("'2026-03-01T12:00:00'", "2026-03-01T14:00:00+02:00", "2026-03-01 12:00:00"):
        put(tmp_path, TRIAGE_FILE, entries(f"open at {written}"))
        at = filed(tmp_path)[A].at
        assert at == NOON and at is not None and at.utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"path": "tests/"}, "what is named by path needs owner and expires too"),
        ({"id": A, "cve": "CVE-2021-1111"}, "needs owner and expires too"),
        (
            {"path": "tests/", "owner": "o", "expires": "2026-12-01", "state": "confirmed"},
            "id alone",
        ),
        ({"path": "tests/", "owner": "o", "expires": "2026-12-01", "reason": "x"}, "a reason of 3"),
        ({"id": A, "state": "fine"}, "state"),
        ({"id": A[:10]}, "whole id"),
        ({"id": A, "at": "2026-01-01", "created": "2026-01-01"}, "leave out at"),
        ({"id": A, "at": "soon"}, "a day or a time"),
        ({"id": A, "created": 5}, "a day such as"),
        ({"id": A, "reason": ""}, "reason"),
    ],
)
def test_what_is_not_said_right_is_refused(entry: dict[str, Any], said: str) -> None:
    document = {"decisions": [{"reason": "a fixture", **entry}]}
    for name in NAMES:
        with pytest.raises(ConfigError) as refused:
            loaded({name: document})
        assert said in str(refused.value) and str(refused.value).startswith(f"{name}:1")


def test_an_exception_of_the_older_list_is_held_to_the_ceiling() -> None:
    long = {
        "id": A,
        "reason": "abc",
        "owner": "o",
        "created": "2026-11-01",
        "expires": "2027-11-01",
    }
    (older,) = loaded({DECISION_FILE: {"exceptions": [long]}}).all()
    assert older.refusal is not None and not older.on_one
    (on_one,) = loaded({DECISION_FILE: {"decisions": [long]}}).all()
    assert on_one.standing(TODAY) is ExceptionState.IN_FORCE
    (by_path,) = loaded({DECISION_FILE: {"decisions": [{**long, "path": "a/"}]}}).all()
    assert by_path.refusal == older.refusal


def test_a_file_that_cannot_be_used_is_named_and_kept(tmp_path: Path) -> None:
    file = put(tmp_path, TRIAGE_FILE, "decisions:\n- id: xyz\n")
    for use in (
        lambda: filed(tmp_path),
        lambda: write_decisions(tmp_path, {A: ACCEPTED}, {}),
        lambda: remove_decisions(tmp_path, [A]),
    ):
        with pytest.raises(ConfigError, match=r"^\.secagg/triage\.yaml:2"):
            use()
    assert file.read_text() == "decisions:\n- id: xyz\n"


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (tmp_path / "elsewhere").write_text("decisions: []\n")
    (root / DECISION_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="leads out"):
        write_decisions(root, {A: ACCEPTED}, {})
    assert (tmp_path / "elsewhere").read_text() == "decisions: []\n"


GROUP = row(vulnerability("trivy", "CVE-2021-44228"), identity=A)


def said(state: str, at: str, **keys: str) -> dict[str, str]:
    return {"id": A, "state": state, "reason": "r", "created": at, **keys}


def covering(
    *made: dict[str, str],
    exceptions: str = "",
    elsewhere: tuple[PolicyException, ...] = (),
    **how: Any,
) -> list[tuple[str, str, bool]]:
    """Source, state and whether it is honoured of what covers a row of these decisions."""
    files = {DECISION_FILE: exceptions, TRIAGE_FILE: {"decisions": list(made)}}
    found = loaded(files, stored={A: elsewhere}, **how)
    return [
        (e.source, e.state.value, e.standing(TODAY) is ExceptionState.IN_FORCE)
        for e in found.covering(GROUP)
    ]


def stored(state: State, at: datetime.datetime) -> PolicyException:
    return PolicyException(
        source="store",
        target="it",
        origin=DecisionSource.STORE,
        state=state,
        created=at.date(),
        at=at,
        on_one=True,
    )


def test_of_decisions_on_one_problem_the_newest_counts() -> None:
    accepted, denied = said("accepted", "2026-11-01"), said("confirmed", "2026-11-02T08:00:00Z")
    false = said("false-positive", "2026-11-03")
    assert covering(accepted, false) == [(f"{TRIAGE_FILE}:1", "false-positive", True)]
    assert covering(false, accepted) == [(f"{TRIAGE_FILE}:1", "false-positive", True)]
    assert covering(accepted, denied) == []
    (over,) = covering(accepted, said("accepted", "2026-11-03", expires="2026-11-10"))
    assert over[1:] == ("accepted", False)
    # In the store, too.
    first, last = (stored(State.FALSE_POSITIVE, NOON.replace(month=m)) for m in (3, 12))
    assert covering(accepted, elsewhere=(first,)) == [(f"{TRIAGE_FILE}:1", "accepted", True)]
    assert covering(denied, elsewhere=(last,)) == [("store", "false-positive", True)]
    assert covering(accepted, elsewhere=(stored(State.OPEN, last.at or NOON),)) == []


def test_what_is_dated_in_the_future_is_refused() -> None:
    ahead = said("confirmed", "2026-11-24")
    assert covering(said("accepted", "2026-11-01"), ahead) == [
        (f"{TRIAGE_FILE}:1", "accepted", True)
    ]
    (refused,) = loaded({TRIAGE_FILE: {"decisions": [said("accepted", "2026-11-24")]}}).all()
    assert refused.refusal == "is dated in the future (created 2026-11-24)"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(State)),
            st.sampled_from(["2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T09:00:00Z"]),
            st.sampled_from(NAMES),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_gate_and_the_report_take_the_same_decision(made: list[tuple[State, str, str]]) -> None:
    files: dict[str, Any] = {
        name: {"decisions": [said(state.value, at) for state, at, file in made if file == name]}
        for name in NAMES
    }
    texts = {name: json.dumps(document).encode() for name, document in files.items()}
    reported = decisions_in(texts.get)[A].state
    counting = [e.state for e in loaded(files).covering(GROUP)]
    assert counting == ([reported] if reported in SETTLED else [])


def test_a_moment_tells_which_of_one_day_came_first() -> None:
    denied = said("confirmed", "2026-11-20T12:00:00Z")
    for at, holds in (("T11:00:00Z", False), ("T12:00:01Z", True)):
        later = EXCEPTIONS.replace("created: 2026-11-01", f"created: 2026-11-20{at}")
        assert covering(denied, exceptions=later) == [(f"{DECISION_FILE}:3", "accepted", holds)]


def test_a_decision_takes_back_exceptions_that_were_written_before_it() -> None:
    source = f"{DECISION_FILE}:3"
    for at, holds in (("2026-10-31T23:00:00Z", True), ("2026-11-01T00:00:00Z", False)):
        found = covering(said("confirmed", at), exceptions=EXCEPTIONS)
        assert found == [(source, "accepted", holds)]
    both = covering(said("false-positive", "2026-11-20"), exceptions=EXCEPTIONS)
    assert both == [(f"{TRIAGE_FILE}:1", "false-positive", True), (source, "accepted", True)]


def test_what_a_policy_does_not_trust_is_shown_and_outdoes_nothing() -> None:
    trust = Trust("strict", [DecisionSource.STORE])
    older = stored(State.FALSE_POSITIVE, NOON)
    found = covering(said("accepted", "2026-11-20"), elsewhere=(older,), trust=trust)
    assert found == [("store", "false-positive", True), (f"{TRIAGE_FILE}:1", "accepted", False)]
    assert covering(said("confirmed", "2026-11-20"), elsewhere=(older,), trust=trust) == [
        ("store", "false-positive", True)
    ]


def test_what_a_newer_decision_outdoes_is_not_called_unused() -> None:
    files = {
        TRIAGE_FILE: {
            "decisions": [
                said("accepted", "2026-11-01"),
                said("false-positive", "2026-11-02"),
                {**said("confirmed", "2026-11-02"), "id": B},
                {**said("accepted", "2026-11-02"), "id": "c" * 32},
            ]
        }
    }
    found = loaded(files)
    assert [e.state for e in found.covering(GROUP)] == [State.FALSE_POSITIVE]
    assert [(e.target.removeprefix("problem ")[0], e.state) for e in found.all()] == [
        ("a", State.FALSE_POSITIVE),
        ("b", State.CONFIRMED),
        ("c", State.ACCEPTED),
    ]
    assert found.sentences() == [f"{TRIAGE_FILE}: 2 decisions honoured"]
