"""Where a report's problems come from, and where decisions from its page go."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from secagg.model.problem import Problem, RunRecord, State


class ProblemSource(Protocol):
    """The history as the report needs it: all problems, the fixed ones among them, and the runs.

    ``runs`` may come in any order. Both answers are what was recorded, unfiltered.
    """

    def problems(self) -> Iterable[Problem]:
        """Return every problem that the history knows, in any order and state."""
        ...

    def runs(self) -> Sequence[RunRecord]:
        """Return the recorded scans; as many of the latest as a chart can show are enough."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A source that is in memory already."""

    given_problems: Sequence[Problem] = ()
    given_runs: Sequence[RunRecord] = ()

    def problems(self) -> Sequence[Problem]:
        return self.given_problems

    def runs(self) -> Sequence[RunRecord]:
        return self.given_runs


class TriageSink(Protocol):
    """The store, as far as the page may change it."""

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
        """Record one decision on every problem named, all or none.

        Raises :class:`secagg.errors.SecaggError` where one of them is not known or the store
        cannot be written.
        """
        ...
