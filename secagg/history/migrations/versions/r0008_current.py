"""The problems as they are now, for filters, orders and counts.

:func:`secagg.history.current.rebuild` fills the tables after the migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
# The rows are filled before anyone may read them.
online = False

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WHERE = sa.text("may_change")


def upgrade() -> None:
    op.create_table(
        "current_problem",
        *_key(),
        sa.Column("repository", _TEXT, nullable=False),
        sa.Column("branch", _TEXT, nullable=False),
        sa.Column("identity", _TEXT, nullable=False),
        sa.Column("names", _TEXT, nullable=False),
        sa.Column("worst", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("line", _BIG, nullable=False),
        sa.Column("rule_id", _TEXT, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("files", _TEXT, nullable=False),
        sa.Column("ids", _TEXT, nullable=False),
        sa.Column("component", _TEXT, nullable=False),
        sa.Column("package", _TEXT, nullable=True),
        sa.Column("package_type", _TEXT, nullable=True),
        sa.Column("version", _TEXT, nullable=True),
        sa.Column("packaged", _TEXT, nullable=True),
        sa.Column("tools", _TEXT, nullable=False),
        sa.Column("tool_count", sa.Integer(), nullable=False),
        sa.Column("owners", _TEXT, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("epss", sa.Float(), nullable=False),
        sa.Column("has_fix", sa.Boolean(), nullable=False),
        sa.Column("first_seen", _TEXT, nullable=False),
        sa.Column("reopened_at", _TEXT, nullable=True),
        sa.Column("fixed_at", _TEXT, nullable=True),
        sa.Column("news_at", _TEXT, nullable=False),
        sa.Column("days_until_fixed", sa.Integer(), nullable=True),
        sa.Column("due", _TEXT, nullable=True),
        sa.Column("excepted", _TEXT, nullable=True),
        sa.Column("exception_expires", _TEXT, nullable=True),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("decided", _TEXT, nullable=True),
        sa.Column("decided_owner", _TEXT, nullable=True),
        sa.Column("decision_expires", _TEXT, nullable=True),
        sa.Column("may_change", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("branch_id", "finding_id"),
    )
    op.create_index("ix_current_problem_worst", "current_problem", ["worst"])
    op.create_index("ix_current_problem_news", "current_problem", ["branch_id", "news_at"])
    op.create_index(
        "ix_current_problem_may_change",
        "current_problem",
        ["branch_id"],
        sqlite_where=_WHERE,
        postgresql_where=_WHERE,
    )
    op.create_table(
        "current_text",
        *_key(),
        sa.Column("texts", _TEXT, nullable=False),
        sa.Column("decided_texts", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("branch_id", "finding_id"),
    )


def downgrade() -> None:
    op.drop_table("current_text")
    op.drop_table("current_problem")


def _key() -> list[sa.Column[int]]:
    return [
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", _BIG, nullable=False),
    ]
