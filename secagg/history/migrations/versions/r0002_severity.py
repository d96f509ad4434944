"""Severities beside the documents, so that trends are counted without reading every document."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AT_ONCE = 5000


def upgrade() -> None:
    op.add_column(
        "content", sa.Column("severity", sa.Text(), nullable=False, server_default="none")
    )
    if op.get_context().as_sql:
        return
    connection = op.get_bind()
    last = 0
    select = sa.text("SELECT id, document FROM content WHERE id > :last ORDER BY id LIMIT :at_once")
    update = sa.text("UPDATE content SET severity = :severity WHERE id = :id")
    while rows := connection.execute(select, {"last": last, "at_once": _AT_ONCE}).all():
        connection.execute(
            update, [{"id": id_, "severity": json.loads(text)["severity"]} for id_, text in rows]
        )
        last = rows[-1][0]


def downgrade() -> None:
    op.drop_column("content", "severity")
