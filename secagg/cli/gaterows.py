"""The rows that ``secagg gate`` lists: those of a decision that pass the filters of the report."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import msgspec

from secagg.cli.report import note_unmatched_filters
from secagg.errors import UsageError
from secagg.model.problem import Problem, RunRecord, Triage
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import has_store, open_store_of
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.record import first_seen, problem_of
from secagg.policy.decision import Judgement
from secagg.report.filters import FilterWords, filters_of, predicates, select

# As many as the report reads.
_RUNS = 400


def filtered(
    decision: DecisionDocument,
    outcome: Outcome,
    gate: Gate,
    words: FilterWords,
    now: datetime.datetime,
) -> DecisionDocument:
    """Return ``decision`` with the rows that pass ``words``; note on standard error how many."""
    problems = [_problem(judgement) for judgement in outcome.decision.judgements]
    runs: Sequence[RunRecord] = ()
    if words.new_since is not None or words.older_than is not None:
        runs = _with_dates(problems, gate)
    filters = filters_of(words, runs, now)
    note_unmatched_filters(filters, problems, now)
    passing = {p.identity for p in select(problems, predicates(filters, now.date()))}
    console.err(f"secagg: note: {len(passing)} of {len(problems)} problems pass the filters\n")
    rows = [finding for finding in decision.findings if finding.id in passing]
    return msgspec.structs.replace(decision, findings=rows)


def _problem(judgement: Judgement) -> Problem:
    """Return the row as a problem, which filters need, with the decision on it."""
    problem = problem_of(judgement)
    exception = judgement.exception
    if exception is not None and exception.on_one:
        problem.triage = Triage(state=exception.state, reason=exception.reason or "")
    return problem


def _with_dates(problems: Sequence[Problem], gate: Gate) -> Sequence[RunRecord]:
    """Set when ``problems`` were first seen, by the store, and return the branch's runs.

    A problem that no run has seen is first seen now. Raises :class:`UsageError` without a history.
    """
    url, origin = gate.options.store, gate.origin
    if not has_store(url, gate.root):
        raise UsageError(
            "--older-than and --new-since need a history, and there is none",
            hint="leave --no-store out, or record a scan with secagg scan",
        )
    names = [name for problem in problems for name in (problem.identity, *problem.known_as)]
    dates = first_seen(url, gate.root, origin=origin, identities=names)
    now = datetime.datetime.now(datetime.UTC)
    for problem in problems:
        seen = [dates[n] for n in (problem.identity, *problem.known_as) if n in dates]
        problem.first_seen = min(seen, default=now)
    with open_store_of(url, gate.root) as store:
        return store.runs(origin.repository, origin.branch, limit=_RUNS)
