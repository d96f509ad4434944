"""Find the decisions on problems as they are now, and for how long each counts.

:mod:`secagg.history.current` keeps them with the problems.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select, tuple_

from secagg.history import deciding, reading
from secagg.history import tables as t
from secagg.history.bulk import chunks, select_in
from secagg.history.currentcolumns import BEFORE_ALL, CurrentDecision
from secagg.model.approval import SETTLED, people, signers
from secagg.model.problem import Problem, Triage


def decisions_of(
    connection: Connection, numbers: Collection[int], today: datetime.date
) -> dict[int | None, Triage]:
    """Return, by the ids of decisions, each with who agrees on ``today``."""
    c = t.decision.c
    named = select(c.id, c.repository_id, c.identity)
    of = {
        number: (repo, name) for number, repo, name in select_in(connection, named, c.id, numbers)
    }
    made: list[tuple[tuple[int, str], Triage]] = []
    statement = select(c.repository_id, *deciding.NUMBERED.selected_columns).where(
        c.undone_at.is_(None)
    )
    for some in chunks(set(of.values()), 300):
        rows = statement.where(tuple_(c.repository_id, c.identity).in_(some))
        made += [
            ((repository, identity), deciding.decision_of(values))
            for repository, _, identity, *values in connection.execute(rows.order_by(c.at, c.id))
        ]
    newest = deciding.newest_joined(made, today)
    return {number: newest[name] for number, name in of.items() if name in newest}


class DecisionsInForce:
    """The decisions of a repository that are not undone, and on which problem each is."""

    def __init__(self, connection: Connection, name: str, repository: int) -> None:
        statement = deciding.NUMBERED.where(
            t.decision.c.repository_id == repository, t.decision.c.undone_at.is_(None)
        ).order_by(t.decision.c.at, t.decision.c.id)
        self._made: defaultdict[str, list[tuple[str, Triage]]] = defaultdict(list)
        self._numbers: dict[str, int] = {}
        for number, identity, *values in connection.execute(statement):
            self._made[identity].append((identity, deciding.decision_of(values)))
            self._numbers[identity] = number
        self._newest = {
            identity: deciding.newest_joined(made, BEFORE_ALL)[identity]
            for identity, made in self._made.items()
        }
        self._also: Mapping[tuple[str, str], set[str]] = {}
        if self._newest:
            self._also = reading.decided_identities(connection, name)
        self._name = name

    def on(self, identities: frozenset[str], problem: Problem) -> CurrentDecision | None:
        """Return the newest decision on ``problem``, which goes by ``identities``."""
        if not self._newest:
            return None
        names = identities | self._also.get((self._name, problem.identity), set())
        by_name = {name: self._newest[name] for name in names if name in self._newest}
        newest = deciding.newest(by_name.values())
        decision = reading.in_force(newest, problem, BEFORE_ALL)
        if decision is None:
            return None
        name = next(name for name, one in by_name.items() if one is decision)
        last_day = self._last_day(name, decision, problem.approvals_needed or 1)
        return CurrentDecision(decision, self._numbers[name], last_day)

    def _last_day(self, name: str, decision: Triage, needed: int) -> datetime.date | None:
        """Return the last day on which a decision has not expired and is approved by enough."""
        if needed < 2 or decision.state not in SETTLED:
            return decision.expires
        if people(signers(decision)) < needed:
            return BEFORE_ALL
        for day in sorted({one.expires for _, one in self._made[name] if one.expires is not None}):
            after = day + datetime.timedelta(days=min(1, (datetime.date.max - day).days))
            then = deciding.newest_joined(self._made[name], after)[name]
            if people(signers(then)) < needed or day == decision.expires:
                return day
        return None
