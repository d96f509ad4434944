"""Keep the problems as they are now, one row each, so that a report need not decode documents.

:data:`secagg.history.tables.current_problem` has the columns by which a report filters, sorts and
counts, and :data:`~secagg.history.tables.current_text` what a person may search for. Both follow
from the other tables: a change of these calls :func:`refresh` or :func:`redecide` in the same
transaction. Only rows that differ are written.

Nothing here depends on the clock. A decision is kept with the day on which it expires, and the
query compares (:mod:`secagg.report.stored`).
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from secagg.history import carryover, replay
from secagg.history import tables as t
from secagg.history.bulk import chunks, insert_rows, select_in
from secagg.history.contents import WrittenProblem
from secagg.history.currentcolumns import current_rows, ids_of
from secagg.history.currentdecisions import DecisionsInForce, settle_rows
from secagg.history.document import decode
from secagg.history.engine import from_text
from secagg.history.standing import Standing
from secagg.model.problem import Problem

# The key of an advisory lock: "secu" in ASCII. The repository's id is the second key.
_LOCK = 0x73656375
_PROBLEM_COLUMNS = tuple(column.name for column in t.current_problem.c)
_TEXT_COLUMNS = tuple(column.name for column in t.current_text.c)

# Texts that a document leaves out where they are empty.
_OPTIONAL = tuple(f.name for f in fields(Problem) if f.type == "str | None")
_FIELDS = tuple(f.name for f in fields(Problem))
_VALUES = attrgetter(*_FIELDS)

Key = tuple[int, int]
"""A branch and a finding."""


class _Stored(NamedTuple):
    """A problem on a branch in the other tables; ``tools`` are those of its content, as bits."""

    branch: int
    finding: int
    standing: Standing
    tools: int

    @property
    def missing(self) -> int:
        """The tools (as bits) that reported it earlier, and not in the run that saw it last."""
        return 0 if self.standing.fixed is not None else self.standing.knew & ~self.tools


def refresh(
    connection: Connection,
    branch: int,
    findings: Collection[int] | None,
    seen: Mapping[int, WrittenProblem] | None = None,
) -> None:
    """Update the rows of ``findings`` on a branch that differ; of all findings for None.

    ``seen`` are problems that the caller has in memory, so that their documents are not read.
    """
    if findings is not None and not findings:
        return
    repository, name = _names_of(connection, branch)
    _lock(connection, repository)
    names = _repository_name(connection, repository), name
    now = {one.finding: one for one in _standing_rows(connection, branch, findings)}
    decisions = DecisionsInForce(connection, names[0], repository)
    rows: dict[int, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
    for one, problem, identities in _problems(connection, branch, now, seen or {}):
        decision = decisions.on(identities, problem)
        rows[one.finding] = current_rows(
            (branch, one.finding, *names), problem, decision, missing=bool(one.missing)
        )
    _write(connection, branch, findings, rows)


def redecide(connection: Connection, repository: str, identities: Collection[str]) -> None:
    """Update the rows that a decision on one of ``identities`` may be about."""
    if not identities:
        return
    number = connection.execute(
        select(t.repository.c.id).where(t.repository.c.name == repository)
    ).scalar_one()
    _lock(connection, number)
    findings = _named(connection, number, identities)
    branches = select(t.branch.c.id).where(t.branch.c.repository_id == number)
    for branch in connection.execute(branches).scalars().all():
        refresh(connection, branch, findings)


def after_import(
    connection: Connection,
    branch: int,
    touched: Collection[int],
    opened: Collection[int],
    seen: Mapping[int, WrittenProblem],
) -> None:
    """Bring the rows of a branch up to date after a run.

    ``touched`` are the findings whose standing changed, ``opened`` those that the run saw
    differently from its neighbours: their other identities may share a decision with other
    problems.
    """
    changing = select(t.current_problem.c.finding_id).where(
        t.current_problem.c.branch_id == branch, t.current_problem.c.may_change
    )
    findings = {*touched, *connection.execute(changing).scalars()}
    refresh(connection, branch, findings, seen)
    others = {
        other
        for finding in opened
        if finding in seen
        for other in seen[finding].problem.known_as
        if other != seen[finding].problem.identity
    }
    if not others:
        return
    repository, _ = _names_of(connection, branch)
    decided = select(t.decision.c.id).where(
        t.decision.c.repository_id == repository, t.decision.c.undone_at.is_(None)
    )
    if connection.execute(decided.limit(1)).first() is None:
        return
    named = select(t.finding.c.id).where(t.finding.c.repository_id == repository)
    rows = select_in(connection, named, t.finding.c.identity, others)
    sharing = {finding for (finding,) in rows}
    if sharing:
        branches = select(t.branch.c.id).where(t.branch.c.repository_id == repository)
        for one in connection.execute(branches).scalars().all():
            refresh(connection, one, sharing)


def rebuild(connection: Connection) -> None:
    """Update all rows, one branch at a time."""
    for branch in connection.execute(select(t.branch.c.id)).scalars().all():
        refresh(connection, branch, None)


SEARCH_INDEXES = {
    "ix_current_text_texts": "(texts gin_trgm_ops)",
    "ix_current_text_decided": "(decided_texts gin_trgm_ops) WHERE decided_texts IS NOT NULL",
}
"""The indexes for searches in PostgreSQL, by name."""


LONGEST_INDEXED = 500
"""Characters up to which a text is in an index; PostgreSQL refuses the row of a much longer one."""
INDEXED = frozenset({"component", "files", "ids", "owners", "packaged"})
"""The columns of current problems whose texts PostgreSQL has in an index (revision 0009)."""
QUESTION_INDEXES = frozenset(
    f"ix_current_problem_{name}"
    for name in (
        *(*INDEXED, "worst", "decided_owner", "first_seen", "due", "long"),
        *("counts", "owned", "settled"),
    )
)
"""The indexes for questions in PostgreSQL."""


def make_search_indexes(connection: Connection) -> None:
    """Make the indexes for searches, where the database has the extension ``pg_trgm``.

    Without them a search looks through all rows.
    """
    if connection.dialect.name != "postgresql":
        return
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            for name, of in SEARCH_INDEXES.items():
                connection.execute(
                    text(f"CREATE INDEX IF NOT EXISTS {name} ON current_text USING gin {of}")
                )
    except DBAPIError:
        # The user may not make it, or the server's package lacks it.
        return


def load(
    connection: Connection, keys: Sequence[Key], today: datetime.date, *, details: bool
) -> list[Problem]:
    """Return the problems of ``keys``, in their order, as they are on ``today`` (UTC)."""
    by_key: dict[Key, Problem] = {}
    for some in chunks(keys, 300):
        by_key.update(_loaded(connection, some, today, details))
    return [by_key[key] for key in keys]


def _loaded(
    connection: Connection, keys: Sequence[Key], today: datetime.date, details: bool
) -> dict[Key, Problem]:
    c, s = t.current_problem.c, t.standing.c
    statement: Select[*tuple[Any, ...]] = (
        select(
            *(c.branch_id, c.finding_id, c.repository, c.branch, c.decision_id),
            *(c.first_seen, c.reopened_at, c.fixed_at),
            *replay.STANDING,
            *(t.content.c.document, t.content.c.tools),
        )
        .join(t.standing, (s.branch_id == c.branch_id) & (s.finding_id == c.finding_id))
        .join(t.content, t.content.c.id == s.content_id)
        .where(tuple_(c.branch_id, c.finding_id).in_(keys))
    )
    rows: Sequence[Any] = connection.execute(statement).all()
    standings = [replay.standing_of(row[8:-2], _NEWEST) for row in rows]
    last_seen = _times(connection, {one.last for one in standings} - {_NEWEST})
    newest = _newest_times(
        connection, {row[0] for row, one in zip(rows, standings, strict=True) if one.last < 0}
    )
    problems: list[Problem] = []
    decided: list[tuple[int, Problem]] = []
    missing: defaultdict[int, dict[int, tuple[int, str, int]]] = defaultdict(dict)
    for index, (row, one) in enumerate(zip(rows, standings, strict=True)):
        branch, finding, repository, name, decision, first_seen, reopened_at, fixed_at = row[:8]
        problem = decode(row[-2], details=details)
        problem.repository, problem.branch = repository, name
        problem.epss, problem.baseline = one.epss, one.baseline
        problem.first_seen = from_text(first_seen)
        problem.last_seen = newest[branch] if one.last == _NEWEST else last_seen[one.last]
        problem.reopened_at = None if reopened_at is None else from_text(reopened_at)
        problem.fixed_at = None if fixed_at is None else from_text(fixed_at)
        if decision is not None:
            decided.append((decision, problem))
        stored = _Stored(branch, finding, one, row[-1])
        if stored.missing:
            missing[branch][finding] = index, one.component, stored.missing
        problems.append(problem)
    settle_rows(connection, decided, today)
    for branch, of_branch in missing.items():
        carryover.carry_over(connection, branch, of_branch, problems, until=None, details=details)
    return {(row[0], row[1]): problem for row, problem in zip(rows, problems, strict=True)}


# Stands for the branch's newest run: no run has that id.
_NEWEST = -1


def _names_of(connection: Connection, branch: int) -> tuple[int, str]:
    """Return the id of a branch's repository, and the branch's name."""
    statement = select(t.branch.c.repository_id, t.branch.c.name).where(t.branch.c.id == branch)
    repository, name = connection.execute(statement).one()
    return repository, name


def _repository_name(connection: Connection, repository: int) -> str:
    statement = select(t.repository.c.name).where(t.repository.c.id == repository)
    return str(connection.execute(statement).scalar_one())


def _lock(connection: Connection, repository: int) -> None:
    """Lock the rows of a repository; SQLite allows only one writer anyway.

    An import and a decision would else not see each other's rows.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK, repository)))


def _standing_rows(
    connection: Connection, branch: int, findings: Collection[int] | None
) -> Iterator[_Stored]:
    statement: Select[*tuple[Any, ...]] = (
        select(t.standing.c.finding_id, t.content.c.tools, *replay.STANDING)
        .join(t.content, t.content.c.id == t.standing.c.content_id)
        .where(t.standing.c.branch_id == branch, t.standing.c.superseded_run_id.is_(None))
    )
    rows: Iterable[Any] = (
        connection.execute(statement)
        if findings is None
        else select_in(connection, statement, t.standing.c.finding_id, findings)
    )
    for finding, tools, *columns in rows:
        yield _Stored(branch, finding, replay.standing_of(columns, _NEWEST), tools)


def _problems(
    connection: Connection,
    branch: int,
    now: Mapping[int, _Stored],
    seen: Mapping[int, WrittenProblem],
) -> Iterator[tuple[_Stored, Problem, frozenset[str]]]:
    """Yield each of ``now`` with its problem, without decision, and the ids that it goes by."""
    runs = {
        run
        for standing in (one.standing for one in now.values())
        for run in (standing.first, standing.last, standing.fixed, standing.reopened)
        if run is not None
    }
    times = _times(connection, runs - {_NEWEST})
    times[_NEWEST] = _newest_times(connection, [branch])[branch]
    fresh = {
        finding
        for finding, one in now.items()
        if finding in seen
        and seen[finding].seen.content == one.standing.content
        and not one.missing
    }
    for finding in fresh:
        problem = _as_stored(seen[finding].problem)
        yield now[finding], _dated(problem, now[finding].standing, times), ids_of(problem)
    others = now.keys() - fresh
    problems: list[Problem] = []
    order: list[tuple[_Stored, frozenset[str]]] = []
    missing: dict[int, tuple[int, str, int]] = {}
    by_content = {now[finding].standing.content: now[finding] for finding in others}
    statement = select(t.content.c.id, t.content.c.document)
    for content, document in select_in(connection, statement, t.content.c.id, by_content):
        one = by_content[content]
        if one.missing:
            missing[one.finding] = len(problems), one.standing.component, one.missing
        problems.append(_dated(decode(document), one.standing, times))
        # What an earlier run knew it as does not count for decisions.
        order.append((one, ids_of(problems[-1])))
    carryover.carry_over(connection, branch, missing, problems, until=None, details=True)
    for (one, identities), problem in zip(order, problems, strict=True):
        yield one, problem, identities


def _as_stored(problem: Problem) -> Problem:
    """Return a copy as its document would be decoded: without empty texts."""
    # Much quicker than replace().
    values = dict(zip(_FIELDS, _VALUES(problem), strict=True))
    for name in _OPTIONAL:
        if values[name] == "":
            values[name] = None
    return Problem(**values)


def _dated(problem: Problem, standing: Standing, times: Mapping[int, datetime.datetime]) -> Problem:
    problem.epss = standing.epss
    problem.first_seen, problem.last_seen = times[standing.first], times[standing.last]
    problem.fixed_at = None if standing.fixed is None else times[standing.fixed]
    problem.reopened_at = None if standing.reopened is None else times[standing.reopened]
    problem.triage = None
    return problem


def _times(connection: Connection, runs: Collection[int]) -> dict[int, datetime.datetime]:
    statement = select(t.run.c.id, t.run.c.started_at)
    return {run: from_text(at) for run, at in select_in(connection, statement, t.run.c.id, runs)}


def _newest_times(
    connection: Connection, branches: Collection[int]
) -> dict[int, datetime.datetime]:
    newest = select(func.max(t.run.c.started_at)).where(t.run.c.branch_id == t.branch.c.id)
    statement = select(t.branch.c.id, newest.scalar_subquery())
    rows = select_in(connection, statement, t.branch.c.id, branches)
    return {branch: from_text(at) for branch, at in rows}


def _write(
    connection: Connection,
    branch: int,
    findings: Collection[int] | None,
    rows: Mapping[int, tuple[tuple[Any, ...], tuple[Any, ...]]],
) -> None:
    for number, (table, columns) in enumerate(
        ((t.current_problem, _PROBLEM_COLUMNS), (t.current_text, _TEXT_COLUMNS))
    ):
        before = _rows_before(connection, table, branch, findings)
        gone = [
            finding
            for finding, row in before.items()
            if finding not in rows or rows[finding][number] != row
        ]
        for some in chunks(gone):
            connection.execute(
                delete(table).where(table.c.branch_id == branch, table.c.finding_id.in_(some))
            )
        new = (row[number] for finding, row in rows.items() if before.get(finding) != row[number])
        insert_rows(connection, table, columns, new)


def _rows_before(
    connection: Connection, table: Any, branch: int, findings: Collection[int] | None
) -> dict[int, tuple[Any, ...]]:
    statement = select(table).where(table.c.branch_id == branch)
    # The first run of a branch looks nothing up.
    if connection.execute(statement.limit(1)).first() is None:
        return {}
    rows: Iterable[Any] = (
        connection.execute(statement)
        if findings is None
        else select_in(connection, statement, table.c.finding_id, findings)
    )
    return {row[1]: tuple(row) for row in rows}


def _named(connection: Connection, repository: int, identities: Collection[str]) -> set[int]:
    """Return the findings that a decision on one of ``identities`` may be about."""
    of_repository = select(t.finding.c.id).where(t.finding.c.repository_id == repository)
    rows = select_in(connection, of_repository, t.finding.c.identity, identities)
    decided = {finding for (finding,) in rows}
    branches = select(t.branch.c.id).where(t.branch.c.repository_id == repository)
    of_branches = t.alias.c.branch_id.in_(branches)
    # Problems that go by a decided id too, and problems whose id a decided one goes by too.
    other = select(t.alias.c.finding_id).where(of_branches)
    findings = {*decided}
    findings |= {f for (f,) in select_in(connection, other, t.alias.c.identity, identities)}
    parts = select(t.alias.c.identity).where(of_branches)
    names = {name for (name,) in select_in(connection, parts, t.alias.c.finding_id, decided)}
    rows = select_in(connection, of_repository, t.finding.c.identity, names)
    return findings | {finding for (finding,) in rows}
