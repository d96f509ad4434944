"""The tokens of ``secagg serve`` in the store: add, read and revoke them, with audit entries."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from secagg.errors import StoreError
from secagg.history import deciding
from secagg.history.engine import from_text, to_text
from secagg.model.access import ApiToken, scopes_of
from secagg.system.dates import utc_now

_COLUMNS = (
    "token_id, name, digest, scopes, repositories, created_at, created_by, expires_at, revoked_at"
)


def add(connection: Connection, token: ApiToken) -> None:
    """Add ``token``."""
    connection.execute(
        text(
            f"INSERT INTO api_token ({_COLUMNS}) VALUES (:id, :name, :digest, :scopes, "  # noqa: S608
            ":repositories, :created_at, :created_by, :expires_at, NULL)"
        ),
        {
            "id": token.id,
            "name": token.name,
            "digest": token.digest,
            "scopes": json.dumps(token.scopes),
            "repositories": json.dumps(token.repositories),
            "created_at": to_text(token.created_at),
            "created_by": token.created_by,
            "expires_at": to_text(token.expires_at),
        },
    )
    deciding.add(
        connection,
        [deciding.change(token.created_by, "add token", token.id, after=_document(token))],
    )


def tokens(connection: Connection, token_id: str | None = None) -> list[ApiToken]:
    """Return the tokens, newest first; only the one with ``token_id`` where it is given."""
    statement = f"SELECT {_COLUMNS} FROM api_token"  # noqa: S608
    if token_id is not None:
        statement += " WHERE token_id = :id"
    rows = connection.execute(
        text(f"{statement} ORDER BY created_at DESC, token_id"),
        {} if token_id is None else {"id": token_id},
    )
    return [
        ApiToken(
            id=row.token_id,
            name=row.name,
            digest=row.digest,
            scopes=scopes_of(json.loads(row.scopes)),
            repositories=tuple(json.loads(row.repositories)),
            created_at=from_text(row.created_at),
            created_by=row.created_by,
            expires_at=from_text(row.expires_at),
            revoked_at=None if row.revoked_at is None else from_text(row.revoked_at),
        )
        for row in rows
    ]


def revoke(connection: Connection, token_id: str, who: str) -> ApiToken:
    """Revoke the token with ``token_id`` and return it as it was.

    Raises :class:`StoreError` where there is no such token that is not revoked.
    """
    found = tokens(connection, token_id)
    if not found or found[0].revoked_at is not None:
        raise StoreError(
            f"no token {token_id} is in force", hint="secagg token list shows their ids"
        )
    connection.execute(
        text("UPDATE api_token SET revoked_at = :now WHERE token_id = :id"),
        {"now": to_text(utc_now()), "id": token_id},
    )
    deciding.add(
        connection,
        [deciding.change(who, "revoke token", token_id, before=_document(found[0]))],
    )
    return found[0]


def _document(token: ApiToken) -> dict[str, object]:
    """Return what the audit log says of a token, without its digest."""
    return {
        "name": token.name,
        "scopes": list(token.scopes),
        "repositories": list(token.repositories),
        "expires_at": to_text(token.expires_at),
    }
