"""``.secagg/triage.yaml``: read, written and cut, with what people wrote in it."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from secagg.decisions.triagefile import read_triage, remove_triage, triage_in, write_triage
from secagg.errors import ConfigError
from secagg.model.problem import TRIAGE_FILE, State, Triage

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
BY_HAND = """\
# Ask Kim before you add to this.
decisions:
- id: {}  # the old one
  state: open
  reason: not sure yet
  at: 2026-01-01T00:00:00Z
- id: {}
  state: false-positive
  reason: a fixture
  at: {}
"""


def entries(*lines: str) -> str:
    return "decisions:\n" + "".join(
        f"- {{id: {A}, state: {state}, reason: r, at: {at}}}\n"
        for state, at in (line.split(" ", 1) for line in lines)
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = {A: ACCEPTED, B: CONFIRMED}
    assert write_triage(tmp_path, made, {A: "SQL injection"}) == tmp_path / TRIAGE_FILE
    assert read_triage(tmp_path) == made
    text = (tmp_path / TRIAGE_FILE).read_text()
    assert text.splitlines()[:4] == [
        "# Decisions on problems, by secagg triage --file. One entry each, newest last.",
        "decisions:",
        f"- id: {A}",
        "  title: SQL injection",
    ]
    assert "at: '2026-03-01T12:00:00Z'" in text and "expires: '2026-09-01'" in text
    # What is not said is not written, and a long reason is folded for a review.
    assert (text.count("title:"), text.count("by:"), text.count("owner:")) == (1, 1, 1)
    assert max(map(len, text.splitlines())) <= 100


def test_no_file_is_no_decision(tmp_path: Path) -> None:
    assert read_triage(tmp_path) == {}
    assert remove_triage(tmp_path, {A}) == set()
    assert not (tmp_path / TRIAGE_FILE).exists()


def test_a_new_decision_takes_the_place_of_the_old_one_and_leaves_the_rest(tmp_path: Path) -> None:
    file = tmp_path / TRIAGE_FILE
    file.parent.mkdir()
    file.write_text(BY_HAND.format(A, B, "2026-02-01T00:00:00Z"))
    write_triage(tmp_path, {A: ACCEPTED}, {})
    text = file.read_text()
    assert text.startswith("# Ask Kim before you add to this.\ndecisions:\n")
    assert (text.count(A), "not sure yet" in text) == (1, False)
    found = read_triage(tmp_path)
    assert (found[A], found[B].state) == (ACCEPTED, State.FALSE_POSITIVE)
    assert list(found) == [B, A]


def test_what_is_taken_back_goes_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / TRIAGE_FILE
    file.parent.mkdir()
    file.write_text(BY_HAND.format(A, B, "2026-02-01T00:00:00Z"))
    reason = " ".join(["no"] * 60)
    write_triage(tmp_path, {"c" * 32: Triage(state=State.OPEN, reason=reason, at=NOON)}, {})
    assert remove_triage(tmp_path, {A, "d" * 32}) == {A}
    text = file.read_text()
    assert text.startswith("# Ask Kim before you add to this.\ndecisions:\n")
    assert list(read_triage(tmp_path)) == [B, "c" * 32]
    assert max(map(len, text.splitlines())) <= 100
    before = file.read_bytes()
    assert remove_triage(tmp_path, {"d" * 32}) == set()
    assert file.read_bytes() == before


def test_the_newest_decision_counts_wherever_it_stands() -> None:
    older, newer = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    for lines in ((f"open {older}", f"accepted {newer}"), (f"accepted {newer}", f"open {older}")):
        assert triage_in(entries(*lines))[A].state is State.ACCEPTED
    # Of two of one moment the later in the file.
    assert triage_in(entries(f"open {newer}", f"accepted {newer}"))[A].state is State.ACCEPTED


def test_times_are_in_utc() -> None:
    bare = triage_in(entries("open '2026-03-01T12:00:00'"))[A].at
    zoned = triage_in(entries("open '2026-03-01T14:00:00+02:00'"))[A].at
    assert bare == zoned == NOON
    assert bare is not None and zoned is not None
    assert bare.utcoffset() == zoned.utcoffset() == datetime.timedelta(0)


def test_a_time_of_its_own_for_what_has_none(tmp_path: Path) -> None:
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    write_triage(tmp_path, {A: Triage(state=State.OPEN, reason="r")}, {})
    at = read_triage(tmp_path)[A].at
    assert at is not None
    assert before <= at <= datetime.datetime.now(datetime.UTC)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    file = tmp_path / TRIAGE_FILE
    file.parent.mkdir()
    (tmp_path / "elsewhere").write_text("decisions: []\n")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"^\.secagg/triage\.yaml: is a link$"):
        write_triage(tmp_path, {A: ACCEPTED}, {})
    assert (tmp_path / "elsewhere").read_text() == "decisions: []\n"


def test_a_file_that_cannot_be_used_is_named_and_kept(tmp_path: Path) -> None:
    file = tmp_path / TRIAGE_FILE
    file.parent.mkdir()
    file.write_text("decisions:\n- id: xyz\n")
    for use in (lambda: read_triage(tmp_path), lambda: write_triage(tmp_path, {A: ACCEPTED}, {})):
        with pytest.raises(ConfigError, match=r"^\.secagg/triage\.yaml:2"):
            use()
    assert file.read_text() == "decisions:\n- id: xyz\n"
