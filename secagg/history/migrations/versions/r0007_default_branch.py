"""The default branch of each repository, as the scan's workflow named it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
online = True


def upgrade() -> None:
    op.add_column("repository", sa.Column("default_branch", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("repository", "default_branch")
