"""The tokens of ``secagg serve`` in the store: add, read and revoke them, with audit entries.

The rows are objects of SQLModel, which only the server loads.
"""

from __future__ import annotations

import json
from typing import ClassVar

from sqlalchemy import Connection, Table, update
from sqlmodel import Field, Session, SQLModel, col, select

from secagg.errors import StoreError
from secagg.history import audit
from secagg.history import tables as t
from secagg.history.engine import from_text, to_text
from secagg.model.access import ApiToken, scopes_of
from secagg.system.dates import utc_now


class ApiTokenRow(SQLModel, table=True):
    """A row of :data:`secagg.history.tables.api_token`."""

    __table__: ClassVar[Table] = t.api_token

    token_id: str = Field(sa_column=t.api_token.c.token_id)
    name: str = Field(sa_column=t.api_token.c.name)
    digest: str = Field(sa_column=t.api_token.c.digest)
    scopes: str = Field(sa_column=t.api_token.c.scopes)
    repositories: str = Field(sa_column=t.api_token.c.repositories)
    created_at: str = Field(sa_column=t.api_token.c.created_at)
    created_by: str = Field(sa_column=t.api_token.c.created_by)
    expires_at: str = Field(sa_column=t.api_token.c.expires_at)
    revoked_at: str | None = Field(default=None, sa_column=t.api_token.c.revoked_at)


def add(connection: Connection, token: ApiToken) -> None:
    """Add ``token``."""
    with Session(connection) as session:
        session.add(
            ApiTokenRow(
                token_id=token.id,
                name=token.name,
                digest=token.digest,
                scopes=json.dumps(token.scopes),
                repositories=json.dumps(token.repositories),
                created_at=to_text(token.created_at),
                created_by=token.created_by,
                expires_at=to_text(token.expires_at),
            )
        )
        session.flush()
    audit.add(
        connection,
        [audit.change(token.created_by, "add token", token.id, after=_document(token))],
    )


def tokens(connection: Connection, token_id: str | None = None) -> list[ApiToken]:
    """Return the tokens, newest first; only the one with ``token_id`` where it is given."""
    statement = select(ApiTokenRow)
    if token_id is not None:
        statement = statement.where(ApiTokenRow.token_id == token_id)
    with Session(connection) as session:
        rows = session.exec(
            statement.order_by(col(ApiTokenRow.created_at).desc(), col(ApiTokenRow.token_id))
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
        update(t.api_token)
        .where(t.api_token.c.token_id == token_id)
        .values(revoked_at=to_text(utc_now()))
    )
    audit.add(
        connection,
        [audit.change(who, "revoke token", token_id, before=_document(found[0]))],
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
