"""Triage decisions in the store, and the audit log of who changed what."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from secagg import ids
from secagg.errors import StoreError
from secagg.history.engine import now, read, written
from secagg.model.problem import State, Triage


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. ``subject`` is an identity or a revision; ``at`` is in UTC."""

    at: datetime.datetime
    who: str
    what: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def add(connection: Connection, entries: list[AuditEntry]) -> None:
    """Add ``entries`` in the caller's transaction, so that no change goes without its entry."""
    rows = [
        {
            "at": written(entry.at),
            "who": entry.who,
            "what": entry.what,
            "subject": entry.subject,
            "before": None if entry.before is None else json.dumps(entry.before),
            "after": None if entry.after is None else json.dumps(entry.after),
        }
        for entry in entries
    ]
    if rows:
        connection.execute(
            text(
                'INSERT INTO audit (at, who, what, subject, "before", "after") '
                "VALUES (:at, :who, :what, :subject, :before, :after)"
            ),
            rows,
        )


def entries(connection: Connection, limit: int | None) -> list[AuditEntry]:
    """Return the newest ``limit`` entries (all for None), newest first."""
    statement = 'SELECT at, who, what, subject, "before", "after" FROM audit ORDER BY id DESC'
    if limit is not None:
        statement += " LIMIT :limit"
    values = {} if limit is None else {"limit": limit}
    return [
        AuditEntry(
            at=read(at),
            who=who,
            what=what,
            subject=subject,
            before=None if before is None else json.loads(before),
            after=None if after is None else json.loads(after),
        )
        for at, who, what, subject, before, after in connection.execute(text(statement), values)
    ]


def change(who: str, what: str, subject: str, **sides: Mapping[str, Any] | None) -> AuditEntry:
    """Return an entry of this moment; ``sides`` are ``before`` and ``after``."""
    return AuditEntry(at=now(), who=who, what=what, subject=subject, **sides)


_COLUMNS = "state, reason, by, owner, at, expires, alert"


def decide(
    connection: Connection,
    repository: str,
    identities: Iterable[str],
    decision: Triage,
    *,
    dry_run: bool,
) -> list[str]:
    """Write ``decision`` for all of ``identities``, or for none if one is unknown."""
    repository_id, full = _resolve(connection, repository, identities)
    if dry_run or not full:
        return full
    before = in_force(connection, repository)
    at = decision.at or now()
    row = {
        "repository": repository_id,
        "state": decision.state.value,
        "reason": decision.reason,
        "by": decision.by,
        "owner": decision.owner,
        "at": written(at),
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
    add(
        connection,
        [
            change(who, "triage", identity, before=_document(before.get(identity)), after=after)
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
) -> list[str]:
    """Take back the newest decision on each identity; the one before it holds again."""
    repository_id, full = _resolve(connection, repository, identities)
    before = in_force(connection, repository)
    undone = [identity for identity in full if identity in before]
    if dry_run or not undone:
        return undone
    connection.execute(
        text(
            "UPDATE decision SET undone_at = :now WHERE id = (SELECT id FROM decision "
            "WHERE repository_id = :repository AND identity = :identity AND undone_at IS NULL "
            "ORDER BY at DESC, id DESC LIMIT 1)"
        ),
        [
            {"repository": repository_id, "identity": identity, "now": written(now())}
            for identity in undone
        ],
    )
    after = in_force(connection, repository)
    add(
        connection,
        [
            change(
                who,
                "undo",
                identity,
                before=_document(before[identity]),
                after=_document(after.get(identity)),
            )
            for identity in undone
        ],
    )
    return undone


def take_back(connection: Connection, repository: str, alert: str, who: str) -> list[str]:
    """Take back every decision that was made by dismissing ``alert``."""
    before = {
        identity: made
        for identity, made in _standing(connection, repository)
        if made.alert == alert
    }
    if not before:
        return []
    connection.execute(
        text(
            "UPDATE decision SET undone_at = :now WHERE alert = :alert AND undone_at IS NULL "
            "AND repository_id = (SELECT id FROM repository WHERE name = :name)"
        ),
        {"now": written(now()), "alert": alert, "name": repository},
    )
    after = in_force(connection, repository)
    add(
        connection,
        [
            change(
                who, "undo", identity, before=_document(made), after=_document(after.get(identity))
            )
            for identity, made in before.items()
        ],
    )
    return list(before)


def in_force(connection: Connection, repository: str) -> dict[str, Triage]:
    """Return the newest decision that is not undone, by the identity it was made on."""
    return dict(_standing(connection, repository))


def newest_decisions(connection: Connection, repository: str) -> dict[str, list[Triage]]:
    """As :func:`in_force`, with the newest of those made here and of those made at GitHub."""
    found: dict[str, dict[bool, Triage]] = {}
    for identity, made in _standing(connection, repository):
        found.setdefault(identity, {})[made.alert is None] = made
    return {identity: list(newest.values()) for identity, newest in found.items()}


def _standing(connection: Connection, repository: str) -> Iterator[tuple[str, Triage]]:
    """The decisions that are not undone, oldest first, by the identity they were made on."""
    rows = connection.execute(
        text(
            "SELECT d.identity, d.state, d.reason, d.by, d.owner, d.at, d.expires, d.alert "
            "FROM decision d JOIN repository r ON r.id = d.repository_id "
            "WHERE r.name = :repository AND d.undone_at IS NULL ORDER BY d.at, d.id"
        ),
        {"repository": repository},
    )
    for identity, state, reason, by, owner, at, expires, alert in rows:
        yield (
            identity,
            Triage(
                state=State(state),
                reason=reason,
                by=by,
                owner=owner,
                at=read(at),
                expires=datetime.date.fromisoformat(expires) if expires else None,
                alert=alert,
            ),
        )


def newest(decisions: Iterable[Triage | None]) -> Triage | None:
    """Return the decision made last, of those that there are."""
    made = [decision for decision in decisions if decision is not None]
    first = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return max(made, key=lambda d: d.at or first, default=None)


def _resolve(
    connection: Connection, repository: str, identities: Iterable[str]
) -> tuple[int, list[str]]:
    repository_id = connection.execute(
        text("SELECT id FROM repository WHERE name = :name"), {"name": repository}
    ).scalar()
    if repository_id is None:
        raise StoreError(
            f"the store knows no repository {repository}", hint="scan it first, or name it: --repo"
        )
    full = dict.fromkeys(_full(connection, repository_id, given) for given in identities)
    return int(repository_id), list(full)


def _full(connection: Connection, repository_id: int, given: str) -> str:
    """The id of the problem with the id ``given``. Raises :class:`UsageError`."""
    start = ids.read_id(given)
    rows = _ids_that_begin(connection, repository_id, start)
    rows = rows or _ids_that_begin(connection, repository_id, start[: ids.NEAR])
    return ids.resolve(start, [(row, (name,)) for row, name in rows], source="the store")


def _ids_that_begin(
    connection: Connection, repository_id: int, start: str
) -> list[tuple[str, str]]:
    """Problems with an id of theirs that begins with ``start``: their own id, and that one.

    What was seen under another id since goes by its own only.
    """
    statement = text(
        "SELECT identity, identity FROM finding "
        "WHERE repository_id = :repository AND identity LIKE :start "
        "UNION SELECT f.identity, a.identity FROM alias a JOIN finding f ON f.id = a.finding_id "
        "JOIN standing s ON s.branch_id = a.branch_id AND s.finding_id = f.id "
        "WHERE f.repository_id = :repository AND a.identity LIKE :start "
        "AND s.superseded_run_id IS NULL"
    )
    values = {"repository": repository_id, "start": f"{start}%"}
    return [(row, name) for row, name in connection.execute(statement, values)]


def _document(decision: Triage | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "state": decision.state.value,
        "reason": decision.reason,
        "by": decision.by,
        "owner": decision.owner,
        "at": written(decision.at) if decision.at else None,
        "expires": decision.expires.isoformat() if decision.expires else None,
        "alert": decision.alert,
    }
