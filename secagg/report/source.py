"""Where a report's problems come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from secagg.model.problem import Problem, RunRecord


class ProblemSource(Protocol):
    """The history as the report needs it: all problems, the fixed ones among them, and the runs.

    ``runs`` may come in any order. Both answers are what was recorded, unfiltered.
    """

    def problems(self) -> Iterable[Problem]:
        """Every problem that the history knows, in any order and state."""
        ...

    def runs(self) -> Sequence[RunRecord]:
        """The recorded scans; as many of the latest as a chart can show are enough."""
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
