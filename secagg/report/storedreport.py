"""Answer a report's query from the store, in SQL (:mod:`secagg.report.stored`)."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any, Protocol, overload

from sqlalchemy import ColumnElement, Integer, Select, Text, and_, case, func, literal, or_, true

from secagg.history import current
from secagg.history import tables as t
from secagg.history.currentcolumns import NO_PLACE, names_in
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, RunRecord
from secagg.output.codehost import CodeHost
from secagg.report.filters import Filters, filter_words, unmatched_sentence
from secagg.report.overview import MOST_LISTED, Change, ComponentCount, Overview
from secagg.report.query import (
    NO_OWNER,
    NO_PACKAGE,
    NO_TOOL,
    Answer,
    GroupBy,
    Query,
    Section,
    sections_of,
)
from secagg.report.standing import (
    SEVERITY_LABELS,
    WORST_FIRST,
    LastRuns,
    newest_runs,
)
from secagg.report.stored import UNDECIDED, LocalStore, StoredQuestion, StoreScope
from secagg.report.storedcounts import count_by_state
from secagg.report.upgrades import Upgrade, best_of, has_best, order_of_group, upgrades
from secagg.system.dates import utc_today

_P = t.current_problem.c
# How many groups of problems that one upgrade may close are looked at first.
_GROUPS = 50
# Groups that are read from the database at once.
_ROWS = 5000
_SHOWN_RANKS = {str(s): s.rank for s in Severity} | {SEVERITY_LABELS[-1]: Severity.HIGH.rank}


class ClosableStore(LocalStore, Protocol):
    """A store that a report closes when it is written."""

    def close(self) -> None:
        """Close all connections."""
        ...


class StoredRows(Sequence[Problem]):
    """The rows of an answer, which are read from the store while they are iterated over."""

    def __init__(
        self, question: StoredQuestion, sort: Sequence[str], total: int, details: bool
    ) -> None:
        self._question, self._sort = question, sort
        self._total, self._details = total, details

    def __len__(self) -> int:
        return self._total

    def __iter__(self) -> Iterator[Problem]:
        return self._question.each(self._sort, details=self._details)

    @overload
    def __getitem__(self, index: int) -> Problem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Problem]: ...
    def __getitem__(self, index: int | slice) -> Problem | Sequence[Problem]:
        return list(self)[index]


class StoredAnswer(Answer):
    """An answer whose counts are made by the database.

    ``matching`` and ``related`` read all problems: formats that show each need them.
    """

    def __init__(self, question: StoredQuestion, query: Query, *, details: bool) -> None:
        self.question = question
        self._details = details
        self._rows: Sequence[Problem]
        if query.limit is None:
            self._total = question.total()
            self._rows = StoredRows(question, query.sort, self._total, details)
        else:
            rows, _, self._total = question.first_rows(query.sort, query.limit, details=details)
            self._rows = rows

    @property
    def rows(self) -> Sequence[Problem]:
        return self._rows

    @property
    def total(self) -> int:
        return self._total

    @property
    def matching(self) -> Sequence[Problem]:
        return self.question.all(details=self._details)

    @property
    def related(self) -> Sequence[Problem]:
        return self.question.all(details=self._details, related=True)

    def by_repository(self, *, every_state: bool) -> dict[str, Counter[str]]:
        question = self.question
        groups = (_P.branch_id, _P.severity)
        counted = question.select(*groups, func.count(), related=every_state).group_by(*groups)
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for branch, label, number in question.connection.execute(counted):
            counts[question.branches[branch][0]][label] += number
        return dict(counts)

    def worst(
        self, limit: int | None, *, every_state: bool, repository: str | None = None
    ) -> Sequence[Problem]:
        return self.question.worst(
            limit, related=every_state, repository=repository, details=self._details
        )

    def sections(self, by: GroupBy) -> list[Section]:
        return sections_of(self.rows, by, self._ranks(by))

    def totals(self, by: GroupBy) -> dict[str, int]:
        return {name: ranks.total() for name, ranks in self._ranks(by).items()}

    def failing(self, threshold: Severity, today: datetime.date) -> int:
        as_severe = [label for label, rank in _SHOWN_RANKS.items() if rank >= threshold.rank]
        counted = self.question.select(func.count()).where(
            self.question.active,
            or_(_P.severity.in_(as_severe), _P.severity == SEVERITY_LABELS[-1]),
        )
        return int(self.question.connection.execute(counted).scalar_one())

    def _ranks(self, by: GroupBy) -> dict[str, Counter[int]]:
        """Return, by section, the number of problems of each rank."""
        question = self.question
        columns: dict[GroupBy, Any] = {
            GroupBy.SEVERITY: _P.severity,
            GroupBy.COMPONENT: _P.component,
            GroupBy.OWNER: question.owners,
            GroupBy.PACKAGE: func.coalesce(_P.package, NO_PACKAGE),
            GroupBy.RULE: _P.rule_id,
            GroupBy.KIND: _P.kind,
            GroupBy.TOOL: _P.tools,
        }
        column = columns[by]
        nameless = {GroupBy.OWNER: NO_OWNER, GroupBy.TOOL: NO_TOOL}.get(by)
        counted = question.select(column, _P.severity, func.count()).group_by(column, _P.severity)
        ranks: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for name, label, number in question.connection.execute(counted):
            for one in [name] if nameless is None else names_in(name) or [nameless]:
                ranks[one][_SHOWN_RANKS[label]] += number
        return dict(ranks)


class StoredSource:
    """The problems of a store for one report (:class:`secagg.report.source.AnsweringSource`).

    All of a report is read in one transaction, so that its parts agree.
    """

    def __init__(
        self,
        store: ClosableStore,
        scope: StoreScope,
        runs: Sequence[RunRecord],
        *,
        code: CodeHost | None,
        details: bool,
    ) -> None:
        self.code = code
        self._scope, self._runs, self._details = scope, runs, details
        self._ends = ExitStack()
        self._ends.callback(store.close)
        self._connection = self._ends.enter_context(store.reading())

    def close(self) -> None:
        self._ends.close()

    def runs(self) -> Sequence[RunRecord]:
        return self._runs

    def problems(self) -> Sequence[Problem]:
        question = StoredQuestion(self._connection, self._scope, Filters(), utc_today())
        return question.all(details=self._details, related=True)

    def answer(self, query: Query, today: datetime.date) -> Answer:
        question = StoredQuestion(self._connection, self._scope, query.filters, today)
        return StoredAnswer(question, query, details=self._details)

    def overview(self, answer: Answer, runs: Sequence[RunRecord], today: datetime.date) -> Overview:
        assert isinstance(answer, StoredAnswer)
        return overview(answer.question, runs)

    def unmatched(self, filters: Filters, today: datetime.date) -> list[str]:
        sentences = []
        for option, word, alone in filter_words(filters):
            question = StoredQuestion(self._connection, self._scope, alone, today)
            found = question.select(literal(1), related=True).limit(1)
            if self._connection.execute(found).first() is None:
                present = self._present(option, today)
                sentences.append(unmatched_sentence(option, word, present))
        return sentences

    def _present(self, option: str, today: datetime.date) -> set[str]:
        """Return the words of an option that problems have, if they are to be listed."""
        question = StoredQuestion(self._connection, self._scope, Filters(), today)
        columns = {"tool": _P.tools, "component": _P.component, "owner": question.owners}
        if option not in columns:
            return set()
        values = self._connection.execute(
            question.select(columns[option], related=True).distinct()
        ).scalars()
        if option == "component":
            return set(values)
        return {name for value in values for name in names_in(value)}


def overview(
    question: StoredQuestion, runs: Sequence[RunRecord], *, top: int = MOST_LISTED
) -> Overview:
    """Summarize the problems that match as :func:`secagg.report.overview.overview` does."""
    newest = newest_runs(runs)
    result = Overview(
        by_severity={label: Change() for label in SEVERITY_LABELS},
        last_run=newest[0] if newest else None,
        incomplete=[run for run in newest[1:] if run.verdict == "incomplete"],
        runs=len(runs),
    )
    _count(question, runs, result, top)
    result.upgrades = _upgrades(question, top)
    return result


def _count(question: StoredQuestion, runs: Sequence[RunRecord], result: Overview, top: int) -> None:
    """Count by severity, state, change and component.

    PostgreSQL shares the work among processes where it can tell how many groups there are: none
    is made by an expression.
    """
    starts = question.starts_of(LastRuns.of(runs))
    since = starts.c.value
    is_reopened = and_(question.active, _P.reopened_at >= since)
    conditions = (
        UNDECIDED,
        question.in_asked_states,
        and_(question.in_asked_states, question.overdue),
        and_(_P.fixed_at.is_not(None), _P.fixed_at >= since),
        is_reopened,
        and_(question.active, _P.first_seen >= since, is_reopened.is_not(true())),
    )
    counts = (func.count().filter(condition) for condition in conditions)
    counted = question.select(_P.severity, *counts, related=True, starts=starts)
    undecided = 0
    for label, *numbers in question.connection.execute(counted.group_by(_P.severity)):
        opened, total, overdue, fixed, reopened, new = numbers
        result.by_severity[label] = Change(count=total, more=reopened + new, fewer=fixed)
        result.total += total
        result.overdue += overdue
        result.fixed += fixed
        result.reopened += reopened
        result.new += new
        undecided += opened
    result.by_state = count_by_state(question, undecided)
    components: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    branches: set[int] = set()
    groups = (_P.branch_id, _P.component, _P.severity)
    listed = question.select(*groups, func.count()).group_by(*groups)
    for branch, component, label, number in question.connection.execute(listed):
        branches.add(branch)
        components[component, *question.branches[branch]][label] += number
    result.several = len(branches) > 1
    worst = sorted(
        components.items(), key=lambda item: (*(-item[1][label] for label in WORST_FIRST), item[0])
    )
    result.components = [
        ComponentCount(
            component=component,
            total=counts.total(),
            by_severity={label: counts[label] for label in SEVERITY_LABELS if counts[label]},
            repository=repository,
            branch=branch,
        )
        for (component, repository, branch), counts in worst[:top]
    ]


def _upgrades(question: StoredQuestion, top: int) -> list[Upgrade]:
    """Return the best upgrades; only the problems of groups that may be among them are read."""
    place: ColumnElement[str] = case((_P.place == NO_PLACE, _P.component), else_=_P.place)
    kind = func.coalesce(_P.package_type, "")
    group = (_P.branch_id, kind, _P.package, place)
    # No upgrade closes a problem without a fix.
    number = func.sum(case((_P.has_fix, 1), else_=0))
    worst = func.max(case(_SHOWN_RANKS, value=_P.severity))
    vulnerable = and_(_P.kind == str(Kind.VULNERABILITY), _P.package.is_not(None), question.active)
    grouped = (
        question.select(*group, number, worst, _P.repository, _P.branch)
        .where(vulnerable)
        .group_by(*group, _P.repository, _P.branch)
        .having(number > 0)
        .order_by(number.desc(), worst.desc(), _P.package, place, kind, _P.repository, _P.branch)
    )
    best: list[Upgrade] = []
    groups, size = _rows_of(question, grouped), _GROUPS
    while some := list(islice(groups, size)):
        _, type_, package, where, count, rank, repository, branch = some[0]
        following = order_of_group(count, rank, package, where, (type_, repository, branch))
        if has_best(best, top, following):
            break
        keys = {tuple(row[:4]) for row in some}
        members = question.select(_P.finding_id, *group).where(
            vulnerable,
            question.one_of(_P.branch_id, sorted({one[0] for one in keys}), Integer()),
            question.one_of(_P.package, sorted({one[2] for one in keys}), Text()),
        )
        found = [
            (row[1], row[0]) for row in question.connection.execute(members) if row[1:] in keys
        ]
        problems = current.load(question.connection, found, question.today, details=False)
        best = best_of(best, upgrades(problems, top), top)
        size *= 4
    return best


def _rows_of(question: StoredQuestion, grouped: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """Yield the groups in order; the database counts all of them for each part that it gives."""
    start, size = 0, _ROWS
    while rows := question.connection.execute(grouped.limit(size).offset(start)).all():
        yield from rows
        start, size = start + size, size * 10
