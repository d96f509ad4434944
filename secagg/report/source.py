"""Where a report's problems come from, and where decisions from its page go."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeHost:
    """Where people read the code of ``repository``: a file's page is ``files``, commit and path.

    ``files`` is such as ``https://github.com/acme/shop/blob/``.
    """

    repository: str
    files: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A source that is in memory already. ``code`` is where its code is read, if anybody knows."""

    given_problems: Sequence[Problem] = ()
    given_runs: Sequence[RunRecord] = ()
    code: CodeHost | None = None

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
    ) -> str:
        """Record one decision on every problem named, all or none, and return the batch's name.

        Raises :class:`secagg.errors.SecaggError` where one of them is not known or the store
        cannot be written.
        """
        ...

    def undo(self, batch: str, *, by: str) -> Sequence[str]:
        """Take back the decisions of ``batch`` and return the identities that they were on.

        Raises :class:`secagg.errors.SecaggError` where there is none to take back.
        """
        ...

    def past(self, problem: Problem) -> Sequence[Mapping[str, Any]]:
        """Return what was decided on ``problem``, newest first.

        Each has ``at``, ``who``, ``what`` (``triage`` or ``undo``), ``before`` and ``after``.
        """
        ...
