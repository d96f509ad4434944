"""Questions to the store: filters, orders, pages and counts of problems in SQL.

The rules are those of :mod:`secagg.report.filters`, :mod:`secagg.report.query` and
:mod:`secagg.report.overview`, over the rows that :mod:`secagg.history.current` keeps. Only the
documents of the rows that are shown are decoded.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    union,
)
from sqlalchemy import (
    column as column_of,
)
from sqlalchemy.dialects.postgresql import ARRAY

from secagg.history import current, reading
from secagg.history import currentcolumns as columns
from secagg.history import tables as t
from secagg.history.currentcolumns import clean
from secagg.history.engine import to_text
from secagg.model.finding import Severity
from secagg.model.problem import Problem
from secagg.report.cursors import beyond, cursor_of, values_of
from secagg.report.filters import Filters, predicates
from secagg.report.query import KEYS, unknown_key
from secagg.report.standing import ACTIVE, SEVERITY_LABELS, LastRuns, ShownState
from secagg.report.storedsql import begins, escaped, first_values, in_index, sort_columns

_P = t.current_problem.c
_X = t.current_text.c
# What holds for an open problem that nobody has decided about: for most of them.
UNDECIDED = and_(_P.fixed_at.is_(None), _P.decided.is_(None), _P.excepted.is_(None))
_BATCH = 500
# A question about so many branches looks up what they have; one about more, what the store has.
_FEW_BRANCHES = 50
# Up to so many values of a column are looked up in its index one by one.
_STEPS = 10_000


class LocalStore(Protocol):
    """A store whose database can be asked: :class:`secagg.history.Store`."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that reads."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreScope:
    """The branches that a question is about.

    By default it is the default branch of each repository; ``branch`` is that branch of each, and
    without ``default_branches`` it is every branch. ``readable`` tells by the name of a repository
    whether it counts at all.
    """

    repository: str | None = None
    branch: str | None = None
    default_branches: bool = True
    readable: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows in order. ``after`` is the cursor of the next page, None at the end.

    ``total`` counts all that match; it is None on a page after the first.
    """

    rows: list[Problem]
    after: str | None
    total: int | None


def page(
    store: LocalStore,
    scope: StoreScope,
    filters: Filters,
    *,
    today: datetime.date,
    sort: Sequence[str] = (),
    after: str | None = None,
    limit: int = 100,
    details: bool = True,
) -> Page:
    """Return ``limit`` problems that match ``filters``, in the order of ``sort``, after a cursor.

    Without states in the filters, the open and confirmed ones match. A problem that an import adds
    or removes meanwhile moves no other to another page. Raises :class:`UsageError` for an unknown
    key, and for a cursor that is not one of the same order.
    """
    with store.reading() as connection:
        question = StoredQuestion(connection, scope, filters, today)
        if after is None:
            rows, following, total = question.first_rows(sort, limit, details=details)
            return Page(rows=rows, after=following, total=total)
        rows, following = question.rows(sort, after, limit, details=details)
        return Page(rows=rows, after=following, total=None)


class StoredQuestion:
    """A question to the store on ``today`` (UTC), in the transaction of ``connection``."""

    def __init__(
        self, connection: Connection, scope: StoreScope, filters: Filters, today: datetime.date
    ) -> None:
        self.connection = connection
        self.today = today
        self.branches = branches_of(connection, scope)
        self._postgresql = connection.dialect.name == "postgresql"
        every = select(func.count()).select_from(t.branch)
        # Where no branch is left out, the database need not look at each row's.
        self._whole = connection.execute(every).scalar_one() == len(self.branches)
        self._day = bindparam("today", today.isoformat(), Text)
        self.in_force: ColumnElement[bool] = and_(
            _P.decision_id.is_not(None),
            or_(_P.decision_expires.is_(None), _P.decision_expires >= self._day),
        )
        self._is_decided = and_(_P.decided.is_not(None), self.in_force)
        self._is_excepted = and_(
            _P.excepted.is_not(None),
            or_(_P.exception_expires.is_(None), _P.exception_expires >= self._day),
        )
        self.state = self._state()
        self.active = self.in_states(ACTIVE)
        self.late: ColumnElement[bool] = and_(_P.due.is_not(None), _P.due < self._day)
        self.overdue: ColumnElement[bool] = and_(self.late, self.active)
        self.owners = self._effective(_P.decided_owner, _P.owners)
        self._with_text = False
        # Whether a filter compares more than the text of a column that has an index.
        self._looks_at_rows = bool(
            filters.text
            or filters.owners
            or filters.overdue
            or filters.older_than is not None
            or filters.new_since is not None
        )
        # The starts of last runs that a filter compares with.
        self._starts: Any = None
        self._listed = ""
        self.states = frozenset(map(str, filters.states or ACTIVE))
        self.related = [*self._in_branches(), *self._conditions(filters)]
        self.in_asked_states = self.in_states(filters.states or ACTIVE)
        self.matching = [*self.related, self.in_asked_states]

    def select(
        self, *columns: Any, related: bool = False, starts: Any = None
    ) -> Select[*tuple[Any, ...]]:
        """Select ``columns`` of the rows that match, or that are ``related``: in any state.

        ``starts`` are those of :meth:`starts_of`, if the columns compare with them.
        """
        source: Any = t.current_problem
        if self._with_text:
            source = source.join(
                t.current_text,
                and_(_X.branch_id == _P.branch_id, _X.finding_id == _P.finding_id),
            )
        for one in {id(one): one for one in (self._starts, starts) if one is not None}.values():
            source = source.outerjoin(one, cast(one.c.key, Integer) == _P.branch_id)
        conditions = self.related if related else self.matching
        return select(*columns).select_from(source).where(*conditions)

    def total(self) -> int:
        """Count the rows that match.

        Where open problems match, only the few that are settled may have another state. The others
        are counted without their states, which the index of one filter's column can do.
        """
        if self._looks_at_rows or str(ShownState.OPEN) not in self.states:
            return int(self.connection.execute(self.select(func.count())).scalar_one())
        related = self.select(func.count(), related=True)
        others = related.where(not_(UNDECIDED), not_(self.in_asked_states))
        # PostgreSQL shares the work of each among processes, and not that of a query of both.
        number, fewer = (self.connection.execute(one).scalar_one() for one in (related, others))
        return int(number - fewer)

    def rows(
        self, sort: Sequence[str], after: str | None, limit: int, *, details: bool
    ) -> tuple[list[Problem], str | None]:
        """Return the rows of a page, and the cursor after it; None at the end."""
        order = self._order(sort)
        statement = self._ordered(order)
        if after is not None:
            columns = [column for column, _ in order]
            statement = statement.where(beyond(order, values_of(after, sort, columns)))
        rows = self.connection.execute(statement.limit(limit + 1)).all()
        return self._page(rows, sort, limit, len(order), details=details)

    def first_rows(
        self, sort: Sequence[str], limit: int, *, details: bool
    ) -> tuple[list[Problem], str | None, int]:
        """Return the rows of the first page, the cursor after it, and how many match in all."""
        if not self._with_text:
            rows, following = self.rows(sort, None, limit, details=details)
            return rows, following, self.total()
        # No index has the order of what a search finds, so the rows are all read once.
        order = self._order(sort)
        counted = self._ordered(order).add_columns(func.count().over()).limit(limit + 1)
        found = self.connection.execute(counted).all()
        problems, following = self._page(found, sort, limit, len(order), details=details)
        return problems, following, found[0][-1] if found else 0

    def _ordered(self, order: Sequence[tuple[Any, bool]]) -> Select[*tuple[Any, ...]]:
        """Select the keys and what they are sorted by, in order."""
        statement = self.select(_P.branch_id, _P.finding_id, *(column for column, _ in order))
        return statement.order_by(*(column.desc() if down else column for column, down in order))

    def _page(
        self, rows: Sequence[Any], sort: Sequence[str], limit: int, keys: int, *, details: bool
    ) -> tuple[list[Problem], str | None]:
        """Load the problems of ``rows``, of which one more than ``limit`` tells of a next page."""
        loaded = current.load(
            self.connection,
            [(row[0], row[1]) for row in rows[:limit]],
            self.today,
            details=details,
        )
        more = len(rows) > limit > 0
        return loaded, cursor_of(sort, rows[limit - 1][2 : 2 + keys]) if more else None

    def each(self, sort: Sequence[str], *, details: bool) -> Iterator[Problem]:
        """Yield all rows in order; a few are in memory at a time."""
        after = None
        while True:
            problems, after = self.rows(sort, after, _BATCH, details=details)
            yield from problems
            if after is None:
                return

    def all(self, *, details: bool, related: bool = False) -> list[Problem]:
        """Return all that match, or are ``related``, by severity, repository, branch and id."""
        order = (_P.rank.desc(), _P.repository, _P.branch, _P.identity)
        statement = self.select(_P.branch_id, _P.finding_id, related=related).order_by(*order)
        rows = self.connection.execute(statement).all()
        keys = [(branch, finding) for branch, finding in rows]
        return current.load(self.connection, keys, self.today, details=details)

    def worst(
        self, limit: int | None, *, related: bool, repository: str | None, details: bool
    ) -> list[Problem]:
        """Return the worst that match, or are ``related``, of all or of one repository."""
        order = self._order(())
        columns = (_P.branch_id, _P.finding_id)
        statement = self.select(*columns, related=related)
        if repository is not None:
            statement = statement.where(_P.repository == clean(repository))
        statement = statement.order_by(
            *(column.desc() if down else column for column, down in order)
        ).limit(limit)
        rows = self.connection.execute(statement).all()
        keys = [(branch, finding) for branch, finding in rows]
        return current.load(self.connection, keys, self.today, details=details)

    def _in_branches(self) -> list[ColumnElement[bool]]:
        return [] if self._whole else [self.one_of(_P.branch_id, list(self.branches), Integer())]

    def one_of(self, column: Any, values: Sequence[Any], type_: Any) -> ColumnElement[bool]:
        """Compare with as many values as there may be, in one parameter."""
        if self._postgresql:
            listing = bindparam(None, list(values), ARRAY(type_), unique=True)
            equal: ColumnElement[bool] = column == any_(listing)
            return equal
        listed = func.json_each(json.dumps(list(values))).table_valued("value")
        among: ColumnElement[bool] = column.in_(select(listed.c.value))
        return among

    def _state(self) -> ColumnElement[str]:
        return case(
            (_P.fixed_at.is_not(None), literal(str(ShownState.FIXED))),
            (self._is_decided, _P.decided),
            (self._is_excepted, _P.excepted),
            else_=literal(str(ShownState.OPEN)),
        )

    def in_states(self, states: Collection[ShownState]) -> ColumnElement[bool]:
        """Tell whether a row is in one of ``states``.

        It says the same as a comparison of :attr:`state`, of which no database can estimate how
        many rows it holds for.
        """
        names = sorted(map(str, states))
        settled = or_(self._is_decided, self._is_excepted)
        conditions = {
            ShownState.FIXED: _P.fixed_at.is_not(None),
            ShownState.OPEN: and_(_P.fixed_at.is_(None), not_(settled)),
        }
        return or_(
            *(condition for state, condition in conditions.items() if state in states),
            and_(
                _P.fixed_at.is_(None),
                or_(
                    and_(self._is_decided, _P.decided.in_(names)),
                    and_(not_(self._is_decided), self._is_excepted, _P.excepted.in_(names)),
                ),
            ),
        )

    def _effective(self, decided: Any, own: Any) -> ColumnElement[str]:
        """Return the owners by the decision in force, else those of the file."""
        return case((and_(decided.is_not(None), self.in_force), decided), else_=own)

    def _conditions(self, filters: Filters) -> Iterator[ColumnElement[bool]]:
        """Yield a condition for each filter that is set, but for the states."""
        if filters.severities:
            yield _P.severity.in_(sorted(filters.severities))
        if filters.at_least is not None:
            yield or_(
                _P.severity.in_([str(s) for s in Severity if s.rank >= filters.at_least.rank]),
                _P.severity == SEVERITY_LABELS[-1],
            )
        if filters.kinds:
            yield _P.kind.in_(sorted(map(str, filters.kinds)))
        for name, column, problem_of in (
            ("tools", _P.tools, columns.problem_of_tools),
            ("components", _P.component, columns.problem_of_component),
            ("paths", _P.files, columns.problem_of_files),
            ("packages", _P.packaged, columns.problem_of_package),
        ):
            if patterns := getattr(filters, name):
                yield self._fitting(Filters(**{name: patterns}), column, problem_of)
        if filters.owners:
            named = Filters(owners=filters.owners)
            own, decided = (
                self._fitting(named, column, columns.problem_of_owners)
                for column in (_P.owners, _P.decided_owner)
            )
            by_decision = and_(_P.decided_owner.is_not(None), self.in_force)
            yield or_(and_(own, not_(by_decision)), and_(decided, by_decision))
        if filters.ids:
            by_id = self._fitting(Filters(ids=filters.ids), _P.ids, columns.problem_of_ids)
            yield or_(by_id, *begins(filters.ids))
        if filters.older_than is not None:
            yield self._is_older(filters.older_than.days)
        if isinstance(filters.new_since, LastRuns):
            self._starts = self.starts_of(filters.new_since)
            yield _P.news_at >= self._starts.c.value
        elif filters.new_since is not None:
            yield _P.news_at >= to_text(filters.new_since)
        if filters.fix_available is not None:
            yield _P.has_fix if filters.fix_available else _P.has_fix.is_(False)
        if filters.overdue:
            yield self.overdue
        for word in filters.text.casefold().split():
            self._with_text = True
            yield from self._says(clean(word))

    def _fitting(
        self, filters: Filters, column: Any, problem_of: Callable[[str], Problem]
    ) -> ColumnElement[bool]:
        """Match the values that a column has with patterns, which SQL does not know."""
        checks = predicates(filters, self.today)
        few = len(self.branches) <= _FEW_BRANCHES
        values = self._values(column, *(self._in_branches() if few else ()))
        fitting = [v for v in values if all(check(problem_of(v)) for check in checks)]
        if few:
            return self.one_of(column, fitting, Text()) if fitting else false()
        conditions = []
        for indexed in (True, False):
            some = [v for v in fitting if (len(v) <= current.LONGEST_INDEXED) is indexed]
            if some:
                conditions += [and_(self.one_of(column, some, Text()), in_index(column, indexed))]
        return or_(false(), *conditions)

    def _values(self, column: Any, *conditions: ColumnElement[bool]) -> Collection[str]:
        """Return the distinct values of a column."""
        statement = select(column).where(column.is_not(None), *conditions)
        if not self._postgresql or conditions or column.name not in current.INDEXED:
            return self.connection.execute(statement.distinct()).scalars().all()
        first = self.connection.execute(first_values(column, _STEPS)).scalars().all()
        if len(first) < _STEPS:
            long = statement.where(in_index(column, False)).distinct()
            return [*first, *self.connection.execute(long).scalars()]
        # So many that looking each up takes longer than reading the index.
        parts = (statement.where(in_index(column, indexed)) for indexed in (True, False))
        return self.connection.execute(union(*parts)).scalars().all()

    def _is_older(self, days: int) -> ColumnElement[bool]:
        if days <= 0:
            return true()
        try:
            before = (self.today - datetime.timedelta(days=days - 1)).isoformat()
        except OverflowError:
            return false()
        return or_(
            and_(_P.fixed_at.is_(None), _P.first_seen < before),
            and_(_P.fixed_at.is_not(None), _P.days_until_fixed >= days),
        )

    def starts_of(self, last: LastRuns) -> Any:
        """Return a table of the branches (``key``) and the starts of their last runs (``value``).

        One that a filter has joined to the rows is returned again.
        """
        starts = {
            branch: to_text(start)
            for branch, (repository, name) in self.branches.items()
            if (start := last.since_of(repository, name)) is not None
        }
        listed = json.dumps(starts)
        if self._starts is not None and self._listed == listed:
            return self._starts
        self._listed = listed
        # The database would compare by its own language else.
        value: Any = column_of("value", _P.news_at.type)
        if not self._postgresql:
            return func.json_each(listed).table_valued(column_of("key", Text), value, name=None)
        # In a query of their own PostgreSQL does not see how many these are. It takes them for few
        # and looks the rows of each branch up: most branches have few that are as new as this.
        keys, values = (
            select(bindparam(None, list(some), ARRAY(kind), unique=True)).scalar_subquery()
            for some, kind in ((starts, Integer), (starts.values(), Text))
        )
        pairs = func.unnest(keys, values).table_valued(column_of("key", Integer), value, name=None)
        return pairs.render_derived()

    def _says(self, word: str) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions of a word; the first is one that an index of trigrams answers."""
        pattern = f"%{escaped(word)}%"
        plain = _X.texts.like(pattern, escape="\\")
        decided = _X.decided_texts.like(pattern, escape="\\")
        yield or_(plain, decided)
        yield case((and_(_X.decided_texts.is_not(None), self.in_force), decided), else_=plain)

    def _order(self, sort: Sequence[str]) -> list[tuple[Any, bool]]:
        """Return the columns to sort by, and whether each goes down; all together are unique."""
        keys = partial(sort_columns, owners=self.owners, state=self.state)
        order: list[tuple[Any, bool]] = []
        for name in sort:
            reverse, key = name.startswith("-"), name.removeprefix("-")
            if key not in KEYS and key != "state":
                raise unknown_key(key)
            order += [(column, down is not reverse) for column, down in keys(key)]
        order += keys("severity")
        if self._starts is not None and not sort:
            # By the index of this order PostgreSQL would compare each row with each branch's start.
            order[0] = (_P.worst.concat(""), False)
        order += [(_P.identity, False), (_P.rank, True), (_P.repository, False), (_P.branch, False)]
        return order


def branches_of(connection: Connection, scope: StoreScope) -> dict[int, tuple[str, str]]:
    """Return the repository and name of each branch of ``scope`` by its id."""
    chosen = reading.branches_of(
        connection,
        scope.repository,
        scope.branch,
        default_only=scope.default_branches and scope.branch is None,
    )
    readable = scope.readable
    return {
        number: names for number, names in chosen.items() if readable is None or readable(names[0])
    }
