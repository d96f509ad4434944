"""Indexes for questions about all repositories, in PostgreSQL only.

They hold texts of 500 characters at most: PostgreSQL refuses a row whose text is too long for an
index. The longer ones are found by an index of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
online = True

_TABLE = "current_problem"
_TEXTS = ("component", "files", "ids", "owners", "packaged")
_LONG = " OR ".join(f"length({name}) > 500" for name in _TEXTS)
# By name, the column and the rows.
_INDEXES: dict[str, tuple[str, str | None]] = {
    **{f"ix_{_TABLE}_{name}": (name, f"length({name}) <= 500") for name in _TEXTS},
    f"ix_{_TABLE}_decided_owner": ("decided_owner", "decided_owner IS NOT NULL"),
    f"ix_{_TABLE}_first_seen": ("first_seen", None),
    f"ix_{_TABLE}_long": ("branch_id", _LONG),
}


def upgrade() -> None:
    context = op.get_context()
    if context.dialect.name != "postgresql":
        return
    if not (context.config and context.config.attributes.get("online")):
        _create(concurrently=False)
        return
    with context.autocommit_block():
        for name in _INDEXES:
            # One that was not completed is not valid, and would stay so.
            op.drop_index(name, _TABLE, if_exists=True, postgresql_concurrently=True)
        _create(concurrently=True)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for name in _INDEXES:
            op.drop_index(name, _TABLE)


def _create(*, concurrently: bool) -> None:
    for name, (column, rows) in _INDEXES.items():
        op.create_index(
            name,
            _TABLE,
            [column],
            postgresql_where=None if rows is None else sa.text(rows),
            postgresql_concurrently=concurrently,
        )
