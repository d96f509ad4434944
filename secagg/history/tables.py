"""The tables of the store.

Import the module as ``t``: ``select(t.run.c.id).where(t.run.c.key == key)``. They are tables of
SQLAlchemy itself: classes of models take longer to load than a small report takes to read.

Times are text in UTC (``2026-01-31T09:30:00.000000Z``), so that they sort by time and are the same
in SQLite and PostgreSQL. What the runs of a branch saw are intervals of runs
(:mod:`secagg.history.sightings`), each with its :data:`content`. The :data:`standing` of a branch
follows from its runs in the order of their times, whatever the order of their imports.

Ids that grow with the problems and runs have 64 bits. In the largest tables (:data:`sighting`,
:data:`epss`, :data:`alias`, :data:`standing`) only the branch is a foreign key: the database would
look through all of the table for every other row that is deleted, and at another table for every
row that is written. ``secagg db validate`` checks what they refer to.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()


def _text(name: str, *, null: bool = False, key: bool = False, unique: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null, unique=unique or None)


# SQLite's own ids have 64 bits, under the name of INTEGER only.
_BIG = BigInteger().with_variant(Integer(), "sqlite")


def _id(type_: Any = Integer) -> Column[int]:
    return Column("id", type_, primary_key=True)


def _number(
    name: str, type_: Any = _BIG, *, to: str | None = None, key: bool = False, null: bool = False
) -> Column[int]:
    """Make a column of numbers; ``to`` is the column that it refers to."""
    references = () if to is None else (ForeignKey(to),)
    return Column(name, type_, *references, primary_key=key, nullable=null)


repository = Table(
    "repository",
    METADATA,
    _id(),
    _text("name", unique=True),
    _text("default_branch", null=True),
)

branch = Table(
    "branch",
    METADATA,
    _id(),
    _number("repository_id", Integer, to="repository.id"),
    _text("name"),
    UniqueConstraint("repository_id", "name"),
)

tool = Table("tool", METADATA, _id(), _text("name", unique=True))
"""A scanner by name; its id is a bit of ``standing.knew``."""

run = Table(
    "run",
    METADATA,
    _id(_BIG),
    _text("key", unique=True),
    _number("branch_id", Integer, to="branch.id"),
    _text("git_commit", null=True),
    _text("started_at"),
    _text("verdict"),
    _text("policy"),
    _text("by_severity"),
    _text("recorded_at"),
    Index("ix_run_order", "branch_id", "started_at", "key"),
    Index("ix_run_git_commit", "git_commit"),
)
"""One scan. ``by_severity`` is JSON."""

tool_run = Table(
    "tool_run",
    METADATA,
    _number("run_id", to="run.id", key=True),
    _number("number", Integer, key=True),
    _text("tool"),
    _text("component"),
    _text("mode", null=True),
    _text("status"),
    _text("version", null=True),
    Column("seconds", Float, nullable=False),
    _text("reason", null=True),
    _text("gaps", null=True),
)
"""One tool run of a scan, in the scan's order; ``gaps`` is JSON, null where there are none."""

covered = Table(
    "covered",
    METADATA,
    _number("run_id", to="run.id", key=True),
    _number("tool_id", Integer, to="tool.id", key=True),
    _text("component", key=True),
)
"""A tool that looked at everything in a component (``.``: in the whole tree) in a run."""

finding = Table(
    "finding",
    METADATA,
    _id(_BIG),
    _number("repository_id", Integer, to="repository.id"),
    _text("identity"),
    UniqueConstraint("repository_id", "identity"),
)
"""A problem by its identity: one row per identity and repository."""

content = Table(
    "content",
    METADATA,
    _id(_BIG),
    _number("finding_id", to="finding.id"),
    _text("digest"),
    _text("component"),
    _number("tools", BigInteger),
    _text("document"),
    _text("severity"),
    UniqueConstraint("finding_id", "digest"),
)
"""The document of a problem, stored once for all runs with the same one."""

sighting = Table(
    "sighting",
    METADATA,
    _number("branch_id", Integer, to="branch.id", key=True),
    _number("finding_id", key=True),
    _number("from_run_id", key=True),
    _number("to_run_id", null=True),
    _number("content_id"),
    _text("baseline", null=True),
    sqlite_with_rowid=False,
)
"""Runs of a branch, one after the other, that saw a finding with the same content.

Without ``to_run_id`` the interval ends with the branch's newest run.
"""

epss = Table(
    "epss",
    METADATA,
    _number("branch_id", Integer, to="branch.id", key=True),
    _number("finding_id", key=True),
    _number("from_run_id", key=True),
    _number("to_run_id", null=True),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Runs of a branch that saw a finding with the same EPSS value, which changes often."""

alias = Table(
    "alias",
    METADATA,
    _number("branch_id", Integer, to="branch.id", key=True),
    _number("finding_id", key=True),
    _text("identity", key=True),
    _number("run_id"),
    sqlite_with_rowid=False,
)
"""Another identity of a finding on a branch, valid from the run ``run_id``."""

standing = Table(
    "standing",
    METADATA,
    _number("branch_id", Integer, to="branch.id", key=True),
    _number("finding_id", key=True),
    _number("first_run_id"),
    _number("last_run_id", null=True),
    _number("fixed_run_id", null=True),
    _number("reopened_run_id", null=True),
    _number("superseded_run_id", null=True),
    _text("component"),
    _number("knew", BigInteger),
    _number("content_id"),
    _text("baseline", null=True),
    Column("epss", Float),
    sqlite_with_rowid=False,
)
"""The state of a finding on a branch after its newest run.

Without ``last_run_id`` the newest run saw it. ``content_id``, ``baseline`` and ``epss`` are those
of the last run that saw it. ``knew`` has the bit of every tool that reported it since it was opened
or reopened; ``superseded_run_id`` is set if the same problem was seen under another identity.
"""

decision = Table(
    "decision",
    METADATA,
    _id(),
    _number("repository_id", Integer, to="repository.id"),
    _text("identity"),
    _text("state"),
    _text("reason"),
    _text("by", null=True),
    _text("owner", null=True),
    _text("at"),
    _text("expires", null=True),
    _text("undone_at", null=True),
    _text("alert", null=True),
    Index("ix_decision_identity", "repository_id", "identity"),
)
"""A person's decision on a problem, for all branches; the newest that is not undone counts.

``alert`` is the address of the GitHub alert, if it was made by dismissing one.
"""

alert = Table(
    "alert",
    METADATA,
    _number("repository_id", Integer, to="repository.id", key=True),
    _number("number", Integer, key=True),
    _text("updated_at"),
    _text("document"),
    _text("written", null=True),
)
"""An alert at GitHub as read last; ``written`` is the decision that was sent last (JSON)."""

upload = Table(
    "upload",
    METADATA,
    _id(),
    _number("run_id", to="run.id"),
    _text("at"),
    _text("summary"),
)
"""An upload of a run's results; ``summary`` is the entry of ``summary.json`` (JSON)."""

audit = Table(
    "audit",
    METADATA,
    _id(),
    _text("at"),
    _text("who"),
    _text("what"),
    _text("subject"),
    _text("before", null=True),
    _text("after", null=True),
)
"""Who changed what, and when; triggers refuse to change or delete a row."""

api_token = Table(
    "api_token",
    METADATA,
    _text("token_id", key=True),
    _text("name"),
    _text("digest"),
    _text("scopes"),
    _text("repositories"),
    _text("created_at"),
    _text("created_by"),
    _text("expires_at"),
    _text("revoked_at", null=True),
)
"""A token of ``secagg serve``; ``digest`` is the SHA-256 of its secret part.

``scopes`` and ``repositories`` are JSON.
"""


def _ordered(name: str, *, null: bool = False) -> Column[str]:
    """A text that sorts by its characters' numbers, as Python sorts, in every database."""
    type_ = Text().with_variant(Text(collation="C"), "postgresql")
    return Column(name, type_, nullable=null)


current_problem = Table(
    "current_problem",
    METADATA,
    _number("branch_id", Integer, key=True),
    _number("finding_id", key=True),
    _ordered("repository"),
    _ordered("branch"),
    _ordered("identity"),
    _ordered("names"),
    _ordered("worst"),
    _ordered("place"),
    _number("line"),
    _ordered("rule_id"),
    _number("rank", Integer),
    _ordered("severity"),
    _ordered("kind"),
    _ordered("files"),
    _ordered("ids"),
    _ordered("component"),
    _ordered("package", null=True),
    _ordered("package_type", null=True),
    _ordered("version", null=True),
    _ordered("packaged", null=True),
    _ordered("tools"),
    _number("tool_count", Integer),
    _ordered("owners"),
    Column("score", Float, nullable=False),
    Column("epss", Float, nullable=False),
    Column("has_fix", Boolean, nullable=False),
    _ordered("first_seen"),
    _ordered("reopened_at", null=True),
    _ordered("fixed_at", null=True),
    _ordered("news_at"),
    _number("days_until_fixed", Integer, null=True),
    _ordered("due", null=True),
    _ordered("excepted", null=True),
    _ordered("exception_expires", null=True),
    _number("decision_id", Integer, null=True),
    _ordered("decided", null=True),
    _ordered("decided_owner", null=True),
    _ordered("decision_expires", null=True),
    Column("may_change", Boolean, nullable=False),
    Index("ix_current_problem_news", "branch_id", "news_at"),
    # PostgreSQL's is partial too, by its migration: to say so here would load SQLAlchemy's modules
    # for PostgreSQL in every run.
    Index("ix_current_problem_may_change", "branch_id", sqlite_where=text("may_change")),
)
"""A problem on a branch as it is now, open or fixed, for filters, orders and counts.

:mod:`secagg.history.current` keeps it and says what the columns hold. Nothing in it depends on the
clock, and all of it follows from the other tables.
"""

current_text = Table(
    "current_text",
    METADATA,
    _number("branch_id", Integer, key=True),
    _number("finding_id", key=True),
    _ordered("texts"),
    _ordered("decided_texts", null=True),
)
"""What people search for in a :data:`current_problem`, in lower case.

``decided_texts`` are those while the decision counts. PostgreSQL has indexes of trigrams for both,
where it may (:func:`secagg.history.current.make_search_indexes`).
"""

TABLES = tuple(table.name for table in METADATA.sorted_tables)
"""The names of all tables, each after those that it refers to."""

COLUMNS = {
    table.name: tuple(column.name for column in table.columns) for table in METADATA.sorted_tables
}
"""The names of the columns of each table."""
