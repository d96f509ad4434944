"""Runs revisions over the connection that :mod:`secagg.history.migrate` opened.

The transaction is that module's own: it validates before it commits. A migration beside readers and
writers (:mod:`secagg.history.online`) has a transaction for each revision.
"""

from __future__ import annotations

from alembic import context

from secagg.history.tables import METADATA

if context.is_offline_mode():
    context.configure(
        dialect_name=context.config.attributes["dialect"],
        target_metadata=METADATA,
        literal_binds=True,
        transactional_ddl=False,
    )
else:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        transaction_per_migration=True,
    )
if context.config.attributes.get("online"):
    with context.begin_transaction():
        context.run_migrations()
else:
    context.run_migrations()
