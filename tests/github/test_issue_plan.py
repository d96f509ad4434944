"""Laws of the plan of issues, whatever is scanned and whatever people do between."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secagg.github.issues import Draft, Issue, Step, _issue_of, plan

SCOPE = "0" * 16
SECTIONS = ("api", "web")
# Problems of each section, whether the scan was complete, and what a person does then.
ROUNDS = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
        st.booleans(),
        st.sampled_from(["nothing", "close", "note", "copy"]),
    ),
    max_size=8,
)
CHANGING = frozenset({Step.CREATE, Step.UPDATE, Step.REOPEN, Step.CLOSE})


class Tracker:
    """GitHub's issues in memory; time passes in whole hours."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.hour = 0

    def issues(self) -> list[Issue]:
        return [i for d in self.documents if (i := _issue_of(d, "bot")) is not None]

    def carry_out(self, steps: Sequence[Any]) -> None:
        for action in steps:
            if action.step is Step.CREATE:
                self._add(action.title, action.body)
            elif action.step in CHANGING:
                document = self.documents[action.number - 1]
                document["body"] = action.body or document["body"]
                if action.step is Step.CLOSE:
                    self.close(document)
                elif action.step is Step.REOPEN:
                    document["state"] = "open"

    def close(self, document: dict[str, Any]) -> None:
        document["state"], document["closed_at"] = "closed", self.at().isoformat()

    def copy(self) -> None:
        """A second issue of a section, as a lost answer leaves one."""
        if self.documents:
            self._add(self.documents[0]["title"], self.documents[0]["body"])

    def at(self) -> datetime.datetime:
        return datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            hours=self.hour
        )

    def _add(self, title: str, body: str) -> None:
        number = len(self.documents) + 1
        user = {"login": "bot", "type": "Bot"}
        made = {"number": number, "state": "open", "title": title, "body": body, "user": user}
        self.documents.append(made)


@given(ROUNDS)
def test_issues_follow_the_problems_and_nothing_moves_twice(
    rounds: list[tuple[tuple[int, int], bool, str]],
) -> None:
    tracker, seen = Tracker(), dict.fromkeys(SECTIONS, 0)
    newest = dict.fromkeys(SECTIONS, tracker.at())
    notes: set[str] = set()
    for counts, complete, deed in rounds:
        tracker.hour += 1
        drafts = []
        for name, count in zip(SECTIONS, counts, strict=True):
            if count > seen[name]:
                newest[name] = tracker.at()
            seen[name] = count
            if count:
                drafts.append(_draft(name, count, newest[name]))
        was_open = {i.number for i in tracker.issues() if i.is_open}
        steps = plan(drafts, tracker.issues(), SCOPE, complete=complete, most_new=9)
        tracker.carry_out(steps)
        by_key: dict[str, list[Issue]] = {}
        for issue in tracker.issues():
            by_key.setdefault(issue.key, []).append(issue)
        for draft in drafts:
            of_it = by_key[draft.key]
            assert sum(issue.is_open for issue in of_it) <= 1
            assert f"{draft.total} problems of {draft.name}" in of_it[0].body
        if complete:
            keys = {draft.key for draft in drafts}
            assert {i.key for i in tracker.issues() if i.is_open} <= keys
        else:
            closed = was_open - {i.number for i in tracker.issues() if i.is_open}
            assert all(len(by_key[_key_of(tracker, number)]) > 1 for number in closed)
        again = plan(drafts, tracker.issues(), SCOPE, complete=complete, most_new=9)
        assert [action for action in again if action.step in CHANGING] == []
        assert all(note in "".join(d["body"] for d in tracker.documents) for note in notes)
        _do(deed, tracker, notes)


def _do(deed: str, tracker: Tracker, notes: set[str]) -> None:
    if deed == "copy":
        tracker.copy()
    elif deed == "close" and tracker.documents:
        tracker.hour += 1
        tracker.close(tracker.documents[0])
    elif deed == "note" and tracker.documents:
        note = f"\r\na note of hour {tracker.hour}\r\n"
        tracker.documents[0]["body"] = f"{note}{tracker.documents[0]['body']}{note}"
        notes.add(note)


def _draft(name: str, total: int, newest: datetime.datetime) -> Draft:
    return Draft(
        key=name.encode().hex().ljust(32, "0"),
        name=name,
        title=f"Security problems: {name}",
        total=total,
        newest=newest,
        write=lambda most: f"{total} problems of {name}",
    )


def _key_of(tracker: Tracker, number: int) -> str:
    return next(issue.key for issue in tracker.issues() if issue.number == number)
