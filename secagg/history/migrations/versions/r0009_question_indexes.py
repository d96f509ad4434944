"""Indexes for questions about all repositories in PostgreSQL, and a smaller file for SQLite.

PostgreSQL's indexes hold texts of 500 characters at most: it refuses a row whose text is too long
for an index. The longer ones are found by an index of their own.

SQLite keeps the rows of a table whose key has several columns twice, in the table and in the index
of the key, unless the table is ``WITHOUT ROWID``. It sorts the rows of one file quickly enough
without the index of their order.
"""

from __future__ import annotations

from collections.abc import Callable

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
# The rows of a page by their due day; those without one come last.
_DUE = f"ix_{_TABLE}_due"
_DUE_DAY = "coalesce(due, '9999-12-31')"
# By name, the columns and the rows of indexes that have all that counts need, so that they read no
# rows: of open and overdue problems, of those of an owner, and of the few that are not just open.
# None of these columns is long; owners are left out where they are.
_STATE = ("fixed_at", "decision_id", "decided", "decision_expires", "excepted", "exception_expires")
_COUNTED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    f"ix_{_TABLE}_counts": (
        ("branch_id", "severity"),
        ("kind", *_STATE, "due", "first_seen", "reopened_at"),
        None,
    ),
    f"ix_{_TABLE}_owned": (
        ("owners", "severity"),
        ("branch_id", *_STATE, "due", "first_seen"),
        "decided_owner IS NULL AND length(owners) <= 500",
    ),
    f"ix_{_TABLE}_settled": (
        ("branch_id", "severity"),
        _STATE,
        "NOT (fixed_at IS NULL AND decided IS NULL AND excepted IS NULL)",
    ),
}
# Tables with small rows. Large ones would be slower to look through without their own ids.
_SMALL = ("sighting", "epss", "alias", "standing")
_ORDER = f"ix_{_TABLE}_worst"


def upgrade() -> None:
    context = op.get_context()
    if context.dialect.name != "postgresql":
        op.drop_index(_ORDER, _TABLE)
        _rebuild(lambda sql: f"{sql} WITHOUT ROWID")
        return
    if not (context.config and context.config.attributes.get("online")):
        _create(concurrently=False)
        return
    with context.autocommit_block():
        for name in (*_INDEXES, _DUE, *_COUNTED):
            # One that was not completed is not valid, and would stay so.
            op.drop_index(name, _TABLE, if_exists=True, postgresql_concurrently=True)
        _create(concurrently=True)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for name in (*_INDEXES, _DUE, *_COUNTED):
            op.drop_index(name, _TABLE)
        return
    op.create_index(_ORDER, _TABLE, ["worst"])
    _rebuild(lambda sql: sql.removesuffix("WITHOUT ROWID"))


def _rebuild(change: Callable[[str], str]) -> None:
    """Make the small tables again, with the statement that ``change`` returns for the present one.

    The statement is read from the file, so a migration that is only printed does not show it.
    """
    if op.get_context().as_sql:
        return
    for name in _SMALL:
        statement = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
        present = op.get_bind().execute(statement, {"name": name}).scalar_one()
        op.rename_table(name, f"old_{name}")
        op.execute(change(present))
        op.execute(f"INSERT INTO {name} SELECT * FROM old_{name}")  # noqa: S608 (names above)
        op.drop_table(f"old_{name}")


def _create(*, concurrently: bool) -> None:
    for name, (column, rows) in _INDEXES.items():
        op.create_index(
            name,
            _TABLE,
            [column],
            postgresql_where=None if rows is None else sa.text(rows),
            postgresql_concurrently=concurrently,
        )
    op.create_index(_DUE, _TABLE, [sa.text(_DUE_DAY)], postgresql_concurrently=concurrently)
    for name, (columns, included, rows) in _COUNTED.items():
        op.create_index(
            name,
            _TABLE,
            list(columns),
            postgresql_include=included,
            postgresql_where=None if rows is None else sa.text(rows),
            postgresql_concurrently=concurrently,
        )
