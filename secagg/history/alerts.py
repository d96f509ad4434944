"""Alerts of code scanning at GitHub, as they were read last and written last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from secagg.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlert:
    """An alert. ``document`` is what GitHub said, ``written`` what was decided there by us (JSON).

    ``updated_at`` is GitHub's own time of it, RFC 3339 in UTC.
    """

    number: int
    updated_at: str
    document: str
    written: str | None = None


def kept_alerts(connection: Connection, repository: str) -> dict[int, KeptAlert]:
    """Return the alerts of ``repository`` by number."""
    rows = connection.execute(
        text(
            "SELECT a.number, a.updated_at, a.document, a.written FROM alert a "
            "JOIN repository r ON r.id = a.repository_id WHERE r.name = :repository"
        ),
        {"repository": repository},
    )
    return {
        number: KeptAlert(number=number, updated_at=at, document=document, written=written)
        for number, at, document, written in rows
    }


def keep(connection: Connection, repository: str, changed: Iterable[KeptAlert]) -> None:
    """Replace the alerts of the same numbers. Raises :class:`StoreError` for no such repository."""
    number = connection.execute(
        text("SELECT id FROM repository WHERE name = :name"), {"name": repository}
    ).scalar()
    if number is None:
        raise StoreError(
            f"the store knows no repository {repository}", hint="scan it first, or name it: --repo"
        )
    rows = [
        {
            "repository": number,
            "number": alert.number,
            "at": alert.updated_at,
            "document": alert.document,
            "written": alert.written,
        }
        for alert in changed
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO alert (repository_id, number, updated_at, document, written) "
                "VALUES (:repository, :number, :at, :document, :written) "
                "ON CONFLICT (repository_id, number) DO UPDATE SET "
                "updated_at = excluded.updated_at, document = excluded.document, "
                "written = excluded.written"
            ),
            rows,
        )
