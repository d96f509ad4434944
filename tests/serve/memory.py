"""A history in memory that takes decisions."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from secagg.errors import StoreError
from secagg.model.problem import Problem, RunRecord, State, Triage
from tests.report.make import NOW


class Memory:
    """Both a source and a sink."""

    def __init__(self, problems: Sequence[Problem], runs: Sequence[RunRecord]) -> None:
        self._problems = {problem.identity: problem for problem in problems}
        self._runs = runs
        self._batches: dict[str, dict[str, Triage | None]] = {}
        self._log: list[tuple[str, str, str, dict[str, Any] | None]] = []

    def problems(self) -> list[Problem]:
        return list(self._problems.values())

    def runs(self) -> Sequence[RunRecord]:
        return self._runs

    def decide(
        self,
        identities: Sequence[str],
        *,
        state: State,
        reason: str,
        by: str,
        owner: str | None = None,
        expires: datetime.date | None = None,
    ) -> str:
        for identity in identities:
            if identity not in self._problems:
                raise StoreError(f"no problem {identity}")
        made = Triage(state=state, reason=reason, by=by, owner=owner, at=NOW, expires=expires)
        batch = f"b-{len(self._batches)}"
        self._batches[batch] = {i: self._problems[i].triage for i in identities}
        for identity in identities:
            self._problems[identity].triage = made
            after = {"state": state, "reason": reason, "owner": owner, "expires": expires}
            self._log.insert(0, (identity, by, "triage", after))
        return batch

    def undo(self, batch: str, *, by: str) -> list[str]:
        before = self._batches.pop(batch, None)
        if before is None:
            raise StoreError(f"no batch {batch}")
        for identity, triage in before.items():
            self._problems[identity].triage = triage
            self._log.insert(0, (identity, by, "undo", None))
        return list(before)

    def past(self, problem: Problem) -> list[dict[str, Any]]:
        return [
            {"at": NOW, "who": who, "what": what, "before": None, "after": after}
            for identity, who, what, after in self._log
            if identity == problem.identity
        ]
