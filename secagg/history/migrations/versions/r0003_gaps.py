"""All gaps of a tool run beside its reason, so that a stored run can be a change's baseline."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tool_run", sa.Column("gaps", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("tool_run", "gaps")
