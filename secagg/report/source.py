"""The interfaces of a report: the source of its problems, and the sink of decisions."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from secagg.model.problem import Problem, RunRecord, State
from secagg.output.codehost import CodeHost
from secagg.report.filters import Filters
from secagg.report.overview import Overview
from secagg.report.query import Answer, Query

EVERY_BRANCH = "*"
"""The name of every branch, which git allows none to have."""


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
    """A problem source in memory. ``code`` is the site that shows its code, where it is known."""

    recorded_problems: Sequence[Problem] = ()
    recorded_runs: Sequence[RunRecord] = ()
    code: CodeHost | None = None

    def problems(self) -> Sequence[Problem]:
        return self.recorded_problems

    def runs(self) -> Sequence[RunRecord]:
        return self.recorded_runs


@runtime_checkable
class AnsweringSource(ProblemSource, Protocol):
    """A source that answers a query itself, and keeps few problems in memory."""

    def answer(self, query: Query, today: datetime.date) -> Answer:
        """Return the answer to ``query`` on ``today`` (UTC); it holds until :meth:`close`."""
        ...

    def overview(self, answer: Answer, runs: Sequence[RunRecord], today: datetime.date) -> Overview:
        """Summarize the answer that :meth:`answer` returned."""
        ...

    def unmatched(self, filters: Filters, today: datetime.date) -> list[str]:
        """Return what :func:`secagg.report.filters.unmatched_filters` does."""
        ...

    def close(self) -> None:
        """Release the history."""
        ...


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
    ) -> str:
        """Record a decision on each of ``identities``, all or none; return the batch's name.

        Raises :class:`secagg.errors.SecaggError` for an unknown problem, and where the store cannot
        be written.
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
