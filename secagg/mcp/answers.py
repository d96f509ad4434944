"""The answers to an assistant, as plain values: what ``report``, ``show`` and ``gate`` show."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.errors import UsageError
from secagg.mcp.untrusted import MOST_ROWS, Marker, answer_of
from secagg.model.finding import Severity
from secagg.model.problem import Problem, RunRecord, State
from secagg.model.severity import label_of
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.report import words
from secagg.report.filters import FilterWords, filters_of, unmatched_filters
from secagg.report.jsonformat import rfc3339
from secagg.report.overview import missing_sentences, overview
from secagg.report.query import Query, answer
from secagg.report.source import ProblemSource, TriageSink
from secagg.report.standing import (
    age_days,
    has_fix,
    newest_runs,
    overdue,
    owners_of,
    severity_label,
    standing,
)
from secagg.secrets.redactor import Redactor
from secagg.system.dates import until, utc_now

# The members of a problem's document that hold no text of others.
_TRUSTED = frozenset(
    {
        *("kind", "severity", "severity_known", "state", "overdue", "age_days", "due"),
        *("line", "end_line", "score", "epss", "kev", "direct", "verified", "in_history_only"),
        *("action", "baseline", "first_seen", "last_seen", "fixed_at", "reopened_at"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSources:
    """Where answers come from.

    ``problems`` opens the history; ``show`` returns the document of ``secagg show --format json``
    for an id; ``decide`` judges the last scan as ``secagg gate`` does; ``policy`` returns the text
    of ``secagg policy show`` for a policy's name, by default the configured one.
    """

    problems: Callable[[], ProblemSource]
    show: Callable[[str], Mapping[str, Any]]
    decide: Callable[[], DecisionDocument]
    policy: Callable[[str | None], str]


class ProblemAnswers:
    """Answers each question with a document. Raises :class:`SecaggError` as the commands do."""

    def __init__(
        self,
        sources: AnswerSources,
        redactor: Redactor,
        *,
        now: Callable[[], datetime.datetime] = utc_now,
    ) -> None:
        self._sources = sources
        self._marked = Marker(redactor)
        self._now = now

    def problems(
        self, filter_words: FilterWords, *, sort: Sequence[str], limit: int, offset: int
    ) -> dict[str, Any]:
        """Return rows of ``secagg report`` from ``offset``, at most ``limit``."""
        now = self._now()
        source = self._sources.problems()
        runs, problems = source.runs(), list(source.problems())
        filters = filters_of(filter_words, runs, now)
        limit = min(limit, MOST_ROWS)
        result = answer(
            Query(filters=filters, sort=tuple(sort), limit=offset + limit), problems, now.date()
        )
        rows = result.rows[offset:]
        total = len(result.matching)
        end = offset + len(rows)
        document = {
            "scans": self._scans(runs),
            "total": total,
            "offset": offset,
            "shown": len(rows),
            "next_offset": end if end < total else None,
            "problems": [self._row(problem, now.date()) for problem in rows],
            **self._marked(notes=unmatched_filters(filters, problems, now.date())),
        }
        return answer_of(document, "problems")

    def problem(self, identity: str) -> dict[str, Any]:
        """Return all of one problem, as ``secagg show`` has it."""
        document = self._sources.show(identity)
        fields = dict(document["problem"] or {})
        return answer_of(
            {
                "id": fields.pop("identity", None),
                **{name: value for name, value in fields.items() if name in _TRUSTED},
                **self._marked(
                    **{name: value for name, value in fields.items() if name not in _TRUSTED},
                    why_it_counts=document["policy"],
                    why_it_is_one_row=document["merge"],
                    decisions=document["decisions"],
                ),
            }
        )

    def verdict(self, limit: int) -> dict[str, Any]:
        """Return the verdict on the last scan with its reasons, as ``secagg gate`` has it."""
        decision = self._sources.decide()
        counting = decision.counting()
        rows = counting[: min(limit, MOST_ROWS)]
        document = {
            "verdict": decision.verdict,
            "complete": decision.verdict != "incomplete",
            "exit_code": decision.exit_code,
            "judged_on": decision.today.isoformat(),
            "counts": {
                "total": decision.total,
                "fail": decision.fail,
                "warn": decision.warn,
                "ignore": decision.ignore,
                "excepted": decision.excepted,
            },
            "by_counted_as": dict(decision.by_counted_as),
            "shown": len(rows),
            "counting": [self._decided(finding) for finding in rows],
            **self._marked(
                policy=decision.policy,
                why_it_fails=decision.failures,
                why_it_is_incomplete=decision.gaps,
                not_analysed=decision.not_analysed,
                notes=decision.notes,
                tools=[
                    {"tool": tool.tool, "status": tool.status, "reason": tool.reason}
                    for tool in decision.tools
                ],
            ),
        }
        return answer_of(document, "counting")

    def fixes(self, filter_words: FilterWords, limit: int) -> dict[str, Any]:
        """Return the upgrades that close the most problems, as the report's summary has them."""
        now = self._now()
        source = self._sources.problems()
        runs = source.runs()
        result = answer(
            Query(filters=filters_of(filter_words, runs, now), limit=0),
            source.problems(),
            now.date(),
        )
        summary = overview(result, runs, now.date(), top=min(limit, MOST_ROWS))
        rows = [
            {
                "closes": upgrade.closes,
                "of": upgrade.problems,
                "worst": upgrade.worst,
                "ids": [identity[:10] for identity in upgrade.identities[:20]],
                **self._marked(
                    sentence=upgrade.sentence,
                    package=upgrade.package,
                    version=upgrade.version,
                    place=upgrade.where(several=summary.several),
                ),
            }
            for upgrade in summary.upgrades
        ]
        document = {
            "scans": self._scans(runs),
            "open_problems": summary.total,
            "shown": len(rows),
            "upgrades": rows,
        }
        return answer_of(document, "upgrades")

    def policy(self, name: str | None) -> dict[str, Any]:
        """Return what a policy does, as ``secagg policy show`` has it."""
        text = self._sources.policy(name)
        return answer_of(self._marked(policy=text.splitlines()))

    def _scans(self, runs: Sequence[RunRecord]) -> dict[str, Any]:
        """Return when the last scan was, and why problems may be missing."""
        newest = newest_runs(runs)
        missing = missing_sentences(runs)
        scans: dict[str, Any] = {"complete": not missing}
        if newest:
            scans["last_at"] = rfc3339(newest[0].started_at)
            scans["last_verdict"] = newest[0].verdict
        if missing:
            scans["warning"] = "the last scan was incomplete: do not call the code clean"
        return {
            **scans,
            **self._marked(
                repositories=sorted({f"{run.repository} {run.branch}" for run in newest}),
                incomplete=missing,
            ),
        }

    def _row(self, problem: Problem, today: datetime.date) -> dict[str, Any]:
        return {
            "id": words.short_id(problem),
            "severity": severity_label(problem),
            "kind": str(problem.kind),
            "state": str(standing(problem, today)),
            "age_days": age_days(problem, today),
            "due": problem.due.isoformat() if problem.due else None,
            "overdue": overdue(problem, today),
            "fix_known": has_fix(problem),
            "known_exploited": problem.kev,
            "epss": problem.epss,
            **self._marked(
                problem=words.title(problem),
                detail=words.detail(problem),
                where=words.place(problem),
                component=problem.component,
                fix=words.remedy(problem),
                owners=owners_of(problem),
                advisories=problem.aliases,
                tools=problem.tools,
            ),
        }

    def _decided(self, finding: DecidedFinding) -> dict[str, Any]:
        return {
            "id": finding.id[:10],
            "severity": label_of(Severity(finding.severity), known=finding.severity_known),
            "counted_as": finding.counted_as,
            "action": finding.action,
            **self._marked(problem=finding.problem, where=finding.where, why=finding.why),
        }


class Decisions:
    """Decides on problems for an assistant: one at a time, with a limit for each session."""

    def __init__(self, sink: TriageSink, *, by: str, most: int) -> None:
        self._sink = sink
        self._by = by
        self._left = most
        self._batches: set[str] = set()

    def decide(self, identity: str, state: str, reason: str, expires: str | None) -> dict[str, Any]:
        """Record a decision; return the batch by which a person can take it back.

        ``expires`` is as in ``secagg triage``: 30d or 2026-12-31.
        """
        if self._left <= 0:
            raise UsageError(
                "this session has made as many decisions as it may",
                hint="a person decides on the others: secagg triage -i",
            )
        if not reason.strip():
            raise UsageError("a decision needs a reason")
        last_day = None if expires is None else _last_day(expires)
        batch = self._sink.decide(
            [identity], state=State(state), reason=reason.strip(), by=self._by, expires=last_day
        )
        self._left -= 1
        self._batches.add(batch)
        return answer_of({"decided": state, "batch": batch, "decisions_left": self._left})

    def undo(self, batch: str) -> dict[str, Any]:
        """Take back the decision ``batch`` of this session; those of people are theirs."""
        if batch not in self._batches:
            raise UsageError(f"{batch} is no decision of this session")
        undone = self._sink.undo(batch, by=self._by)
        return answer_of({"taken_back": list(undone)})


def _last_day(text: str) -> datetime.date:
    try:
        return until(text, utc_now().date())
    except ValueError as error:
        raise UsageError(f"expires: {error}", hint="such as 30d or 2026-12-31") from None
