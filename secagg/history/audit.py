"""The audit log of the store: who changed what, and when. Nobody can change or delete an entry."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from secagg.history import tables as t
from secagg.history.engine import from_text, to_text
from secagg.system.dates import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change; ``subject`` is the id of a problem, or names a target. ``at`` is in UTC."""

    at: datetime.datetime
    who: str
    what: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def change(who: str, what: str, subject: str, **sides: Mapping[str, Any] | None) -> AuditEntry:
    """Make an entry with the current time; ``sides`` are ``before`` and ``after``."""
    return AuditEntry(at=utc_now(), who=who, what=what, subject=subject, **sides)


def add(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Add ``entries`` in the caller's transaction, so that every change has its entry."""
    rows = [
        {
            "at": to_text(entry.at),
            "who": entry.who,
            "what": entry.what,
            "subject": entry.subject,
            "before": None if entry.before is None else json.dumps(entry.before),
            "after": None if entry.after is None else json.dumps(entry.after),
        }
        for entry in entries
    ]
    if rows:
        connection.execute(t.audit.insert(), rows)


def newest(
    connection: Connection,
    limit: int | None,
    subjects: Sequence[str] = (),
    repository: str | None = None,
) -> list[AuditEntry]:
    """Return the newest ``limit`` entries (all for None), newest first.

    Where ``subjects`` are named, those on them only; with ``repository`` those on its decisions.
    """
    c = t.audit.c
    statement = select(c.at, c.who, c.what, c.subject, c.before, c.after).order_by(c.id.desc())
    if subjects:
        statement = statement.where(c.subject.in_(subjects))
    if limit is not None and repository is None:
        statement = statement.limit(limit)
    entries = [
        AuditEntry(
            at=from_text(at),
            who=who,
            what=what,
            subject=subject,
            before=None if before is None else json.loads(before),
            after=None if after is None else json.loads(after),
        )
        for at, who, what, subject, before, after in connection.execute(statement)
    ]
    if repository is None:
        return entries
    decided = _moments_of(connection, repository)
    return [entry for entry in entries if (entry.subject, _decided_at(entry)) in decided][:limit]


def _moments_of(connection: Connection, repository: str) -> set[tuple[str, str]]:
    """Return the identity and time of every decision of ``repository``, undone ones too.

    An identity does not name its repository, so the same one may be decided on in several.
    """
    rows = connection.execute(
        select(t.decision.c.identity, t.decision.c.at)
        .join(t.repository, t.repository.c.id == t.decision.c.repository_id)
        .where(t.repository.c.name == repository)
    )
    return {(identity, at) for identity, at in rows}


def _decided_at(entry: AuditEntry) -> str:
    """Return the time of the decision that ``entry`` records the making or undoing of."""
    decision = entry.before if entry.what == "undo" else entry.after
    return str((decision or {}).get("at"))
