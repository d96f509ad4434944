"""Sightings as intervals of runs, 64-bit ids, and what was seen last beside each standing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Columns that held 32 bits in PostgreSQL.
_WIDENED = (
    ("run", "id"),
    ("tool_run", "run_id"),
    ("covered", "run_id"),
    ("finding", "id"),
    ("content", "id"),
    ("content", "finding_id"),
    ("upload", "run_id"),
)
_REBUILT = ("sighting", "alias", "standing")
# The runs of each branch, numbered in the order of the scans.
_NUMBERED = """
CREATE TEMPORARY TABLE numbered AS
SELECT id, branch_id, ROW_NUMBER() OVER (PARTITION BY branch_id ORDER BY started_at, key) AS n
FROM run
"""
_LAST = "CREATE TEMPORARY TABLE last_run AS SELECT branch_id, MAX(n) AS n FROM numbered GROUP BY 1"
# An interval begins where the run before did not see the same. The sum of the beginnings numbers
# the intervals of a finding.
_INTERVALS = """
INSERT INTO {table} (branch_id, finding_id, from_run_id, to_run_id, {columns})
SELECT i.branch_id, i.finding_id, a.id, CASE WHEN i.last = l.n THEN NULL ELSE z.id END, {columns}
FROM (
  SELECT branch_id, finding_id, interval_number, {columns}, MIN(n) AS first, MAX(n) AS last
  FROM (
    SELECT branch_id, finding_id, n, {columns}, SUM(begins) OVER (
      PARTITION BY branch_id, finding_id ORDER BY n ROWS UNBOUNDED PRECEDING) AS interval_number
    FROM (
      SELECT r.branch_id, s.finding_id, r.n, {values},
        CASE WHEN LAG(r.n) OVER w = r.n - 1 AND {same} THEN 0 ELSE 1 END AS begins
      FROM old_sighting s JOIN numbered r ON r.id = s.run_id {where}
      WINDOW w AS (PARTITION BY r.branch_id, s.finding_id ORDER BY r.n)
    ) seen
  ) counted GROUP BY branch_id, finding_id, interval_number, {columns}
) i
JOIN numbered a ON a.branch_id = i.branch_id AND a.n = i.first
JOIN numbered z ON z.branch_id = i.branch_id AND z.n = i.last
JOIN last_run l ON l.branch_id = i.branch_id
"""
_SAME_CONTENT = (
    "LAG(s.content_id) OVER w = s.content_id "
    "AND COALESCE(LAG(s.baseline) OVER w, '') = COALESCE(s.baseline, '')"
)
_ALIASES = (
    "INSERT INTO alias (branch_id, finding_id, identity, run_id) "
    "SELECT branch_id, finding_id, identity, run_id FROM old_alias"
)
_STANDINGS = """
INSERT INTO standing (branch_id, finding_id, first_run_id, last_run_id, fixed_run_id,
  reopened_run_id, superseded_run_id, component, knew, content_id, baseline, epss)
SELECT t.branch_id, t.finding_id, t.first_run_id, CASE WHEN r.n = l.n THEN NULL ELSE r.id END,
  t.fixed_run_id, t.reopened_run_id, t.superseded_run_id, t.component, t.knew, s.content_id,
  s.baseline, s.epss
FROM old_standing t
JOIN old_sighting s ON s.run_id = t.last_run_id AND s.finding_id = t.finding_id
JOIN numbered r ON r.id = t.last_run_id
JOIN last_run l ON l.branch_id = t.branch_id
"""
_EPSS_AT = """
LEFT JOIN (
  SELECT e.branch_id, e.finding_id, e.value, a.n AS first, COALESCE(z.n, l.n) AS last
  FROM epss e JOIN numbered a ON a.id = e.from_run_id
  JOIN last_run l ON l.branch_id = e.branch_id
  LEFT JOIN numbered z ON z.id = e.to_run_id
) e ON e.branch_id = r.branch_id AND e.finding_id = s.finding_id
  AND r.n BETWEEN e.first AND e.last
"""
_OLD_SIGHTINGS = (
    """
INSERT INTO sighting (run_id, finding_id, content_id, epss, baseline)
SELECT r.id, s.finding_id, s.content_id, e.value, s.baseline
FROM old_sighting s JOIN numbered a ON a.id = s.from_run_id
JOIN last_run l ON l.branch_id = s.branch_id
LEFT JOIN numbered z ON z.id = s.to_run_id
JOIN numbered r ON r.branch_id = s.branch_id AND r.n BETWEEN a.n AND COALESCE(z.n, l.n)
"""
    + _EPSS_AT
)
_OLD_STANDINGS = """
INSERT INTO standing (branch_id, finding_id, first_run_id, last_run_id, fixed_run_id,
  reopened_run_id, superseded_run_id, component, knew)
SELECT t.branch_id, t.finding_id, t.first_run_id, COALESCE(t.last_run_id, r.id), t.fixed_run_id,
  t.reopened_run_id, t.superseded_run_id, t.component, t.knew
FROM old_standing t JOIN last_run l ON l.branch_id = t.branch_id
JOIN numbered r ON r.branch_id = l.branch_id AND r.n = l.n
"""
_SIGHTINGS = "SELECT COUNT(*) FROM old_sighting"
_SIGHTINGS_NOW = """
SELECT COALESCE(SUM(COALESCE(z.n, l.n) - a.n + 1), 0) FROM sighting s
JOIN numbered a ON a.id = s.from_run_id
JOIN last_run l ON l.branch_id = s.branch_id
LEFT JOIN numbered z ON z.id = s.to_run_id
"""


def upgrade() -> None:
    _set_aside()
    for column in _WIDENED:
        _retype(*column, sa.Integer(), sa.BigInteger())
    op.drop_table("applied")
    op.create_table(
        "sighting",
        *_interval(),
        sa.Column("content_id", _BIG, nullable=False),
        sa.Column("baseline", sa.Text(), nullable=True),
        *_interval_keys(),
    )
    op.create_table(
        "epss", *_interval(), sa.Column("value", sa.Float(), nullable=False), *_interval_keys()
    )
    op.create_table(
        "alias",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", _BIG, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("run_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.PrimaryKeyConstraint("branch_id", "finding_id", "identity"),
    )
    op.create_table(
        "standing",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", _BIG, nullable=False),
        sa.Column("first_run_id", _BIG, nullable=False),
        sa.Column("last_run_id", _BIG, nullable=True),
        sa.Column("fixed_run_id", _BIG, nullable=True),
        sa.Column("reopened_run_id", _BIG, nullable=True),
        sa.Column("superseded_run_id", _BIG, nullable=True),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("knew", sa.BigInteger(), nullable=False),
        sa.Column("content_id", _BIG, nullable=False),
        sa.Column("baseline", sa.Text(), nullable=True),
        sa.Column("epss", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.PrimaryKeyConstraint("branch_id", "finding_id"),
    )
    op.execute(
        _INTERVALS.format(
            table="sighting",
            columns="content_id, baseline",
            values="s.content_id, s.baseline",
            same=_SAME_CONTENT,
            where="",
        )
    )
    op.execute(
        _INTERVALS.format(
            table="epss",
            columns="value",
            values="s.epss AS value",
            same="LAG(s.epss) OVER w = s.epss",
            where="WHERE s.epss IS NOT NULL",
        )
    )
    op.execute(_ALIASES)
    op.execute(_STANDINGS)
    _check_counts(_SIGHTINGS, _SIGHTINGS_NOW)
    _drop_temporary("old_sighting", "old_alias", "old_standing", "numbered", "last_run")


def downgrade() -> None:
    _set_aside()
    # The values are joined while their table is still there.
    op.create_table(
        "sighting",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.Integer(), nullable=False),
        sa.Column("epss", sa.Float(), nullable=True),
        sa.Column("baseline", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"]),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id", "finding_id"),
    )
    op.execute(_OLD_SIGHTINGS)
    op.drop_table("epss")
    for table, column in _WIDENED:
        _retype(table, column, sa.BigInteger(), sa.Integer())
    op.create_table(
        "applied",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("exception", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id", "finding_id"),
    )
    op.create_table(
        "alias",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("branch_id", "finding_id", "identity"),
    )
    op.create_table(
        "standing",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("first_run_id", sa.Integer(), nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=False),
        sa.Column("fixed_run_id", sa.Integer(), nullable=True),
        sa.Column("reopened_run_id", sa.Integer(), nullable=True),
        sa.Column("superseded_run_id", sa.Integer(), nullable=True),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("knew", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"]),
        sa.ForeignKeyConstraint(["first_run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["fixed_run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["last_run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["reopened_run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["superseded_run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("branch_id", "finding_id"),
    )
    op.execute(_ALIASES)
    op.execute(_OLD_STANDINGS)
    _drop_temporary("old_sighting", "old_alias", "old_standing", "numbered", "last_run")


def _set_aside() -> None:
    """Put the rows of the tables that are made anew into temporary ones, and number the runs."""
    for table in _REBUILT:
        op.execute(f"CREATE TEMPORARY TABLE old_{table} AS SELECT * FROM {table}")  # noqa: S608
        op.drop_table(table)
    op.execute(_NUMBERED)
    op.execute("CREATE INDEX numbered_id ON numbered (id)")
    op.execute("CREATE INDEX numbered_n ON numbered (branch_id, n)")
    op.execute(_LAST)
    if op.get_context().dialect.name == "postgresql":
        for table in (*(f"old_{name}" for name in _REBUILT), "numbered", "last_run"):
            op.execute(f"ANALYZE {table}")
    else:
        op.execute("CREATE INDEX old_sighting_key ON old_sighting (finding_id)")


def _interval() -> list[sa.Column[int]]:
    return [
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", _BIG, nullable=False),
        sa.Column("from_run_id", _BIG, nullable=False),
        sa.Column("to_run_id", _BIG, nullable=True),
    ]


def _interval_keys() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"]),
        sa.PrimaryKeyConstraint("branch_id", "finding_id", "from_run_id"),
    ]


def _retype(table: str, column: str, old: sa.Integer, new: sa.Integer) -> None:
    """Change the type of a column and of what numbers it; SQLite's integers have no size."""
    if op.get_context().dialect.name == "postgresql":
        op.alter_column(table, column, existing_type=old, type_=new)
        if column == "id":
            op.execute(f"ALTER SEQUENCE {table}_id_seq AS {new}")


def _check_counts(before: str, after: str) -> None:
    """Raise RuntimeError if the intervals do not stand for as many sightings as there were."""
    if op.get_context().as_sql:
        return
    counts = [op.get_bind().execute(sa.text(statement)).scalar() for statement in (before, after)]
    if int(counts[0] or 0) != int(counts[1] or 0):
        raise RuntimeError(f"{counts[0]} sightings became {counts[1]}")


def _drop_temporary(*tables: str) -> None:
    for table in tables:
        op.execute(f"DROP TABLE {table}")
