"""A history in memory that takes decisions."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from secagg.errors import StoreError
from secagg.model.problem import Problem, RunRecord, State, Triage
from tests.report.make import NOW


class Memory:
    """Both a source and a sink."""

    def __init__(self, problems: Sequence[Problem], runs: Sequence[RunRecord]) -> None:
        self._problems = {problem.identity: problem for problem in problems}
        self._runs = runs

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
    ) -> None:
        for identity in identities:
            if identity not in self._problems:
                raise StoreError(f"no problem {identity}")
        for identity in identities:
            self._problems[identity].triage = Triage(
                state=state, reason=reason, by=by, owner=owner, at=NOW, expires=expires
            )
