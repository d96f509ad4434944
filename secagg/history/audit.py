"""The audit log: who changed what, when, what was there before and what after."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from secagg.history.times import now, read, written


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
    """The newest ``limit`` entries (all for None), newest first."""
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
    """An entry of this moment; ``sides`` are ``before`` and ``after``."""
    return AuditEntry(at=now(), who=who, what=what, subject=subject, **sides)
