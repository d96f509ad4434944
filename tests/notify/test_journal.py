"""The law of the journal: what is new is told once, whatever fails between."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from secagg.history.audit import AuditEntry
from secagg.model.problem import RunRecord
from secagg.notify.journal import Deliveries, DeliveryJournal, Sending
from secagg.report.filters import new_since
from tests.report.make import BRANCH, NOW, identity, problem, run

# A scan of one of two branches, or none, and then a call that ends so, or none.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([BRANCH, BRANCH, "release", None]),
        st.sampled_from(["sent", "sent", "failed", "killed", None]),
    ),
    max_size=8,
)


class Log:
    """The audit log of a store, in memory."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def audit(self, *, subjects: Sequence[str]) -> list[AuditEntry]:
        return [entry for entry in reversed(self.entries) if entry.subject in subjects]


@given(STEPS)
def test_each_problem_is_told_once_in_whatever_order_calls_fail(
    steps: list[tuple[str | None, str | None]],
) -> None:
    """Each scan finds one new problem: none is lost, and none is told twice."""
    log = Log()
    runs: list[RunRecord] = []
    told: list[str] = []
    new_to_it: set[str] = set()
    for number, (branch, call) in enumerate(steps):
        if branch is not None:
            at = NOW + datetime.timedelta(hours=number)
            runs.append(run(key=identity(f"run {number}"), branch=branch, started_at=at))
        journal = DeliveryJournal(log, "notify x", "ana")  # type: ignore[arg-type]
        before = journal.deliveries()
        pending = before.pending(runs)
        if call is None or not pending:
            continue
        message = _new(runs, before, {made.branch for made in pending})
        new_to_it.update(message)
        name = journal.begin(pending, before)
        assert name is not None
        if call != "killed":
            journal.end(name, pending, Sending(call))
        if call == "sent":
            told += message
            # All that was new to the target before is told now.
            branches = {made.branch for made in pending}
            known = {made.key for made in runs if made.branch in branches}
            assert new_to_it & known <= set(told)
    assert len(told) == len(set(told))


def _new(runs: list[RunRecord], deliveries: Deliveries, branches: set[str]) -> list[str]:
    """The problems, one a run and named by it, that ``--new-since last`` selects."""
    since = deliveries.new_since(runs)
    return [
        made.key
        for made in runs
        if made.branch in branches
        and new_since(since, problem(made.key, branch=made.branch, first_seen=made.started_at))
    ]
