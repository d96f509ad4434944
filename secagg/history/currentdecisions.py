"""Find the decisions on problems as they are now, and for how long each counts.

:mod:`secagg.history.current` keeps them with the problems.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from secagg.history import deciding, reading
from secagg.history import tables as t
from secagg.history.bulk import select_in
from secagg.history.currentcolumns import BEFORE_ALL, CurrentDecision, ids_of
from secagg.model.approval import (
    SETTLED,
    DecisionsMade,
    newest_by_place,
    people,
    settle,
    signers,
)
from secagg.model.problem import Problem, Triage


def settle_rows(
    connection: Connection, rows: Collection[tuple[int, Problem]], today: datetime.date
) -> None:
    """Set the decision in force on each problem, with who agrees on ``today``.

    ``rows`` have the id of a decision on each. Others may be kept under another id of the problem.
    """
    c = t.decision.c
    numbers = {number for number, _ in rows}
    repository_of: dict[int, int] = {
        number: repository
        for number, repository in select_in(
            connection, select(c.id, c.repository_id), c.id, numbers
        )
        if number is not None
    }
    shown: defaultdict[int, list[Problem]] = defaultdict(list)
    for number, problem in rows:
        if number in repository_of:
            shown[repository_of[number]].append(problem)
    for repository, problems in shown.items():
        wholes: defaultdict[str, set[str]] = defaultdict(set)
        statement = (
            select(t.alias.c.identity, t.finding.c.identity)
            .join(t.finding, t.finding.c.id == t.alias.c.finding_id)
            .where(t.finding.c.repository_id == repository)
        )
        own = {problem.identity for problem in problems}
        for part, whole in select_in(connection, statement, t.alias.c.identity, own):
            wholes[part].add(whole)
        names = {name for problem in problems for name in ids_of(problem)}.union(*wholes.values())
        made: defaultdict[str, list[Triage]] = defaultdict(list)
        statement_of = _of_repository(repository).where(c.undone_at.is_(None))
        for _, identity, *values in select_in(connection, statement_of, c.identity, names):
            made[identity].append(deciding.decision_of(values))
        decisions = DecisionsMade(made, wholes)
        for problem in problems:
            newest = decisions.on(problem.identity, problem.known_as, today)
            settle(problem, reading.in_force(next(reversed(newest), None), problem, today))


def _of_repository(repository: int) -> Select[*tuple[Any, ...]]:
    """Return a statement for the decisions of a repository that are not undone, oldest first."""
    c = t.decision.c
    return deciding.NUMBERED.where(c.repository_id == repository, c.undone_at.is_(None)).order_by(
        c.at, c.id
    )


class DecisionsInForce:
    """The decisions of a repository that are not undone, and on which problem each is."""

    def __init__(self, connection: Connection, name: str, repository: int) -> None:
        self._made: defaultdict[str, list[Triage]] = defaultdict(list)
        self._numbers: dict[str, int] = {}
        for number, identity, *values in connection.execute(_of_repository(repository)):
            self._made[identity].append(deciding.decision_of(values))
            self._numbers[identity] = number
        wholes = deciding.decided_identities(connection, name) if self._made else {}
        self._decisions = DecisionsMade(self._made, wholes.get(name, {}))

    def on(self, identities: frozenset[str], problem: Problem) -> CurrentDecision | None:
        """Return the newest decision on ``problem``, which goes by ``identities``."""
        made = self._decisions.made_on(problem.identity, identities)
        if not made:
            return None
        newest = newest_by_place(made, BEFORE_ALL)[-1]
        decision = reading.in_force(newest, problem, BEFORE_ALL)
        if decision is None:
            return None
        # The newest of a name is its last.
        name = next(name for name, some in self._made.items() if some[-1] is made[-1])
        last_day = _last_day(made, decision, problem.approvals_needed or 1)
        return CurrentDecision(decision, self._numbers[name], last_day)


def _last_day(made: Sequence[Triage], decision: Triage, needed: int) -> datetime.date | None:
    """Return the last day on which a decision has not expired and is approved by enough."""
    if needed < 2 or decision.state not in SETTLED:
        return decision.expires
    if people(signers(decision)) < needed:
        return BEFORE_ALL
    for day in sorted({one.expires for one in made if one.expires is not None}):
        after = day + datetime.timedelta(days=min(1, (datetime.date.max - day).days))
        then = newest_by_place(made, after)[-1]
        if people(signers(then)) < needed or day == decision.expires:
            return day
    return None
