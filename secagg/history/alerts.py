"""The store's copy of the code scanning alerts at GitHub."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from secagg.history.engine import repository_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlert:
    """An alert of GitHub.

    ``document`` is GitHub's answer and ``written`` the decision that secagg sent last, both JSON;
    ``updated_at`` is GitHub's time of the last change, RFC 3339 in UTC.
    """

    number: int
    updated_at: str
    document: str
    written: str | None = None


def stored_alerts(connection: Connection, repository: str) -> dict[int, StoredAlert]:
    """Return the alerts of ``repository`` by number."""
    rows = connection.execute(
        text(
            "SELECT a.number, a.updated_at, a.document, a.written FROM alert a "
            "JOIN repository r ON r.id = a.repository_id WHERE r.name = :repository"
        ),
        {"repository": repository},
    )
    return {
        number: StoredAlert(number=number, updated_at=at, document=document, written=written)
        for number, at, document, written in rows
    }


def save_alerts(connection: Connection, repository: str, changed: Iterable[StoredAlert]) -> None:
    """Add ``changed`` alerts or replace those with the same numbers.

    Raises :class:`StoreError` if the store does not know the repository.
    """
    repository_id = repository_id_of(connection, repository)
    rows = [
        {
            "repository": repository_id,
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
