"""Triage decisions in the store: made, taken back, and which are in force."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, text

from secagg import ids
from secagg.errors import StoreError
from secagg.history import audit
from secagg.history import tables as t
from secagg.history.bulk import select_in
from secagg.history.document import decode
from secagg.history.engine import from_text, repository_id_of, to_text
from secagg.model.approval import DecisionsMade, newest_by_place
from secagg.model.problem import State, Triage
from secagg.model.state import REOPENED
from secagg.system.dates import utc_now, utc_today

_COLUMNS = "state, reason, by, owner, at, expires, alert"


def decide(
    connection: Connection,
    repository: str,
    identities: Iterable[str],
    decision: Triage,
    *,
    dry_run: bool,
) -> list[str]:
    """Record ``decision`` on all of ``identities``, or on none if one is unknown.

    Identities may be shortened. Returns the full ones.
    """
    repository_id, full = _resolve(connection, repository, identities)
    if dry_run or not full:
        return full
    before = in_force(connection, repository)
    at = decision.at or utc_now()
    row = {
        "repository": repository_id,
        "state": decision.state.value,
        "reason": decision.reason,
        "by": decision.by,
        "owner": decision.owner,
        "at": to_text(at),
        "expires": decision.expires.isoformat() if decision.expires else None,
        "alert": decision.alert,
    }
    connection.execute(
        text(
            f"INSERT INTO decision (repository_id, identity, {_COLUMNS}) VALUES "  # noqa: S608
            "(:repository, :identity, :state, :reason, :by, :owner, :at, :expires, :alert)"
        ),
        [{**row, "identity": identity} for identity in full],
    )
    after = {name: row[name] for name in _COLUMNS.split(", ")}
    who = decision.by or "unknown"
    audit.add(
        connection,
        [
            audit.change(
                who, "triage", identity, before=_document(before.get(identity)), after=after
            )
            for identity in full
        ],
    )
    return full


def undo(
    connection: Connection,
    repository: str,
    identities: Iterable[str],
    who: str,
    *,
    dry_run: bool,
) -> dict[str, str]:
    """Undo the newest decision on each problem, so that the one before it is in force again.

    Returns the full identities of the problems that had a decision, and the id that each decision
    was made under: that of the problem, or another one that it goes by.
    """
    repository_id, full = _resolve(connection, repository, identities)
    c = t.decision.c
    numbers: dict[str, int] = {}
    order: dict[str, int] = {}
    statement = NUMBERED.where(c.repository_id == repository_id, c.undone_at.is_(None))
    for position, row in enumerate(connection.execute(statement.order_by(c.at, c.id))):
        order[row.identity], numbers[row.identity] = position, row.id
    known_as = _known_as(connection, repository_id, full) if numbers else {}
    wholes = decided_identities(connection, repository).get(repository, {}) if numbers else {}
    undone: dict[str, str] = {}
    for identity in full:
        names = {identity, *known_as.get(identity, ()), *wholes.get(identity, ())} & order.keys()
        if names:
            undone[identity] = max(names, key=order.__getitem__)
    if dry_run or not undone:
        return undone
    names = set(undone.values())
    before = in_force(connection, repository)
    connection.execute(
        text("UPDATE decision SET undone_at = :now WHERE id = :number"),
        [{"number": numbers[name], "now": to_text(utc_now())} for name in sorted(names)],
    )
    _audit_undo(connection, repository, {name: before[name] for name in sorted(names)}, who)
    return undone


def _known_as(
    connection: Connection, repository_id: int, identities: Iterable[str]
) -> dict[str, set[str]]:
    """Return the ids that each problem goes by now, on any branch."""
    statement = (
        select(t.finding.c.identity, t.content.c.document)
        .join(t.standing, t.standing.c.finding_id == t.finding.c.id)
        .join(t.content, t.content.c.id == t.standing.c.content_id)
        .where(t.finding.c.repository_id == repository_id, t.standing.c.superseded_run_id.is_(None))
    )
    names: dict[str, set[str]] = {}
    rows = select_in(connection, statement, t.finding.c.identity, identities)
    for identity, document in rows:
        names.setdefault(identity, set()).update(decode(document, details=False).known_as)
    return names


BATCH = "b-"
"""How the name of a batch begins, which no id of a problem does."""


def batch_of(decision: Triage) -> str:
    """Name the batch of ``decision``: all that one person decided in one moment share it."""
    at = to_text(decision.at) if decision.at else ""
    return BATCH + hashlib.sha256(f"{at} {decision.by}".encode()).hexdigest()[:10]


def undo_batch(
    connection: Connection, repository: str, batch: str, who: str, *, dry_run: bool
) -> list[str]:
    """Take back every decision of ``batch``; what was decided before or since holds.

    Returns the identities. Raises :class:`StoreError` where no decision that is not taken back is
    of it.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT d.at, d.by FROM decision d "
            "JOIN repository r ON r.id = d.repository_id "
            "WHERE r.name = :repository AND d.undone_at IS NULL AND d.alert IS NULL"
        ),
        {"repository": repository},
    )
    moments = [
        (at, by)
        for at, by in rows
        if batch_of(Triage(state=State.OPEN, reason="", by=by, at=from_text(at))) == batch
    ]
    if not moments:
        raise StoreError(
            f"no decision of the batch {batch} is to be taken back",
            hint="secagg triage names the batch when it has decided",
        )
    ((at, by),) = moments
    of = "repository_id = (SELECT id FROM repository WHERE name = :name) AND at = :at AND "
    of += "undone_at IS NULL AND alert IS NULL AND " + ("by IS NULL" if by is None else "by = :by")
    values = {"name": repository, "at": at} | ({} if by is None else {"by": by})
    found = connection.execute(
        text(f"SELECT DISTINCT identity FROM decision WHERE {of}"),  # noqa: S608
        values,
    )
    identities = sorted(identity for (identity,) in found)
    if dry_run:
        return identities
    before = in_force(connection, repository)
    connection.execute(
        text(f"UPDATE decision SET undone_at = :now WHERE {of}"),  # noqa: S608
        {**values, "now": to_text(utc_now())},
    )
    _audit_undo(connection, repository, {i: before[i] for i in identities}, who)
    return identities


def undo_dismissal(connection: Connection, repository: str, alert: str, who: str) -> list[str]:
    """Undo every decision that was made by dismissing ``alert``; return their identities."""
    before = {
        identity: decision
        for identity, decision in _decisions(connection, repository)
        if decision.alert == alert
    }
    if not before:
        return []
    connection.execute(
        text(
            "UPDATE decision SET undone_at = :now WHERE alert = :alert AND undone_at IS NULL "
            "AND repository_id = (SELECT id FROM repository WHERE name = :name)"
        ),
        {"now": to_text(utc_now()), "alert": alert, "name": repository},
    )
    _audit_undo(connection, repository, before, who)
    return list(before)


def _audit_undo(
    connection: Connection, repository: str, before: Mapping[str, Triage], who: str
) -> None:
    """Add an entry to the audit log for each undone decision of ``before``."""
    after = in_force(connection, repository)
    entries = [
        audit.change(
            who,
            "undo",
            identity,
            before=_document(decision),
            after=_document(after.get(identity)),
        )
        for identity, decision in before.items()
    ]
    audit.add(connection, entries)


def in_force(connection: Connection, repository: str) -> dict[str, Triage]:
    """Return the newest decision on each identity that is not undone, with who agrees."""
    newest = newest_decisions(connection, repository)
    return {identity: decisions[-1] for identity, decisions in newest.items()}


def made_in(connection: Connection, repositories: Iterable[str]) -> dict[str, DecisionsMade]:
    """Return, by repository, every decision that is not undone; none for one without."""
    made: dict[str, dict[str, list[Triage]]] = {}
    rows = select_in(connection, _NOT_UNDONE, t.repository.c.name, repositories)
    for repository, identity, *values in rows:
        made.setdefault(repository, {}).setdefault(identity, []).append(decision_of(values))
    only = next(iter(made)) if len(made) == 1 else None
    wholes = decided_identities(connection, only) if made else {}
    return {
        name: DecisionsMade(decisions, wholes.get(name, {})) for name, decisions in made.items()
    }


def decided_identities(
    connection: Connection, repository: str | None = None
) -> dict[str, dict[str, set[str]]]:
    """Return, by repository and identity, the decided identities that include this one.

    When fewer tools run, a part of a group may remain: the decision on the whole group counts.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT r.name, a.identity, f.identity FROM decision d "
            "JOIN repository r ON r.id = d.repository_id "
            "JOIN finding f ON f.repository_id = d.repository_id AND f.identity = d.identity "
            "JOIN alias a ON a.finding_id = f.id WHERE d.undone_at IS NULL "
            "AND (CAST(:repository AS TEXT) IS NULL OR r.name = :repository)"
        ),
        {"repository": repository},
    )
    decided: dict[str, dict[str, set[str]]] = {}
    for name, identity, whole in rows:
        decided.setdefault(name, {}).setdefault(identity, set()).add(whole)
    return decided


def newest_decisions(connection: Connection, repository: str) -> dict[str, list[Triage]]:
    """Return, by identity, the newest decision made here and the newest made at GitHub."""
    by_identity: dict[str, list[Triage]] = {}
    for identity, decision in _decisions(connection, repository):
        by_identity.setdefault(identity, []).append(decision)
    today = utc_today()
    return {name: newest_by_place(made, today) for name, made in by_identity.items()}


_VALUES = [t.decision.c[name] for name in _COLUMNS.split(", ")]
NUMBERED = select(t.decision.c.id, t.decision.c.identity, *_VALUES)
"""Selects decisions: the id, the identity, and the values of :func:`decision_of`."""

_NOT_UNDONE = (
    select(t.repository.c.name, t.decision.c.identity, *_VALUES)
    .join(t.repository, t.repository.c.id == t.decision.c.repository_id)
    .where(t.decision.c.undone_at.is_(None))
    .order_by(t.decision.c.at, t.decision.c.id)
)


def _decisions(connection: Connection, repository: str) -> Iterator[tuple[str, Triage]]:
    """Yield each identity and decision that is not undone, the oldest first."""
    statement = _NOT_UNDONE.where(t.repository.c.name == repository)
    for _, identity, *values in connection.execute(statement):
        yield identity, decision_of(values)


def decision_of(values: Sequence[Any]) -> Triage:
    """Make a decision of the values that :data:`NUMBERED` selects after the identity."""
    state, reason, by, owner, at, expires, alert = values
    return Triage(
        state=State(state),
        reason=reason,
        by=by,
        owner=owner,
        at=from_text(at),
        expires=datetime.date.fromisoformat(expires) if expires else None,
        alert=alert,
    )


def newest(decisions: Iterable[Triage | None]) -> Triage | None:
    """Return the newest of ``decisions``; one without a time is the oldest.

    Of two of the same time, the one that leaves the problem open, then the one with more people:
    an approval in the file is the same decision under the id that the problem has since.
    """
    oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    existing = (decision for decision in decisions if decision is not None)
    return max(
        existing,
        key=lambda d: (d.at or oldest, d.state in REOPENED, len(d.approved_by)),
        default=None,
    )


def _resolve(
    connection: Connection, repository: str, identities: Iterable[str]
) -> tuple[int, list[str]]:
    repository_id = repository_id_of(connection, repository)
    given = list(identities)
    whole = _whole_ids(connection, repository_id, given)
    full = dict.fromkeys(
        one if one in whole else _full_id(connection, repository_id, one) for one in given
    )
    return repository_id, list(full)


# As many as every database takes in one statement.
_AT_ONCE = 500


def _whole_ids(connection: Connection, repository_id: int, given: Sequence[str]) -> set[str]:
    """Those of ``given`` that are a problem's own id, whole.

    They are looked up at once: looking for the problems of which each is the beginning takes a
    look at all of them, which for a bulk decision is too slow.
    """
    asked = [one for one in given if len(one) == ids.WHOLE]
    found: set[str] = set()
    for at in range(0, len(asked), _AT_ONCE):
        values = {f"i{n}": one for n, one in enumerate(asked[at : at + _AT_ONCE])}
        names = ", ".join(f":{name}" for name in values)
        rows = connection.execute(
            text(
                f"SELECT identity FROM finding WHERE identity IN ({names}) "  # noqa: S608
                "AND repository_id = :repository"
            ),
            {**values, "repository": repository_id},
        )
        found.update(identity for (identity,) in rows)
    return found


def _full_id(connection: Connection, repository_id: int, shortened: str) -> str:
    """Return the id of the problem with the id ``shortened``. Raises :class:`UsageError`."""
    prefix = ids.read_id(shortened)
    rows = _ids_with_prefix(connection, repository_id, prefix)
    rows = rows or _ids_with_prefix(connection, repository_id, prefix[: ids.NEAR])
    return ids.resolve(prefix, [(row, (name,)) for row, name in rows], source="the store")


def _ids_with_prefix(
    connection: Connection, repository_id: int, prefix: str
) -> list[tuple[str, str]]:
    """Return problems that have, or had, an id with ``prefix``: their id now, and that id.

    A problem that has got another id since is found by its own id only.
    """
    statement = text(
        "SELECT identity, identity FROM finding "
        "WHERE repository_id = :repository AND identity LIKE :start "
        "UNION SELECT f.identity, a.identity FROM alias a JOIN finding f ON f.id = a.finding_id "
        "JOIN standing s ON s.branch_id = a.branch_id AND s.finding_id = f.id "
        "WHERE f.repository_id = :repository AND a.identity LIKE :start "
        "AND s.superseded_run_id IS NULL"
    )
    values = {"repository": repository_id, "start": f"{prefix}%"}
    return [(row, name) for row, name in connection.execute(statement, values)]


def _document(decision: Triage | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "state": decision.state.value,
        "reason": decision.reason,
        "by": decision.by,
        "owner": decision.owner,
        "at": to_text(decision.at) if decision.at else None,
        "expires": decision.expires.isoformat() if decision.expires else None,
        "alert": decision.alert,
    }
