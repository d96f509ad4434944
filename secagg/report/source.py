"""The interfaces of a report: the source of its problems, and the sink of decisions."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from secagg.model.problem import Problem, RunRecord, State


class ProblemSource(Protocol):
    """The problems and runs of the history, without filters and in any order."""

    def problems(self) -> Iterable[Problem]:
        """Return every problem of the history, in any state."""
        ...

    def runs(self) -> Sequence[RunRecord]:
        """Return the latest runs, as many as a chart can show."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """A problem source in memory."""

    recorded_problems: Sequence[Problem] = ()
    recorded_runs: Sequence[RunRecord] = ()

    def problems(self) -> Sequence[Problem]:
        return self.recorded_problems

    def runs(self) -> Sequence[RunRecord]:
        return self.recorded_runs


class TriageSink(Protocol):
    """The part of the store that the page may change."""

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
        """Record a decision on each of ``identities``, all or none.

        Raises :class:`secagg.errors.SecaggError` for an unknown problem, and where the store cannot
        be written.
        """
        ...
