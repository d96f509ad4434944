"""The tables of the store.

Times are text in UTC (``2026-01-31T09:30:00.000000Z``), so that they sort by time and are the same
in SQLite and PostgreSQL. What the runs of a branch saw are intervals of runs
(:mod:`secagg.history.sightings`), each with its :class:`ContentRow`. The :class:`StandingRow` of a
branch follows from its runs in the order of their times, whatever the order of their imports.

Ids that grow with the problems and runs have 64 bits. In the largest tables (:class:`SightingRow`,
:class:`EpssRow`, :class:`AliasRow`, :class:`StandingRow`) only the branch is a foreign key: the
database would look through all of the table for every other row that is deleted, and at another
table for every row that is written. ``secagg db validate`` checks what they refer to.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


def _text(*, null: bool = False) -> Column[str]:
    return Column(Text, nullable=null)


# SQLite's own ids have 64 bits, under the name of INTEGER only.
_BIG = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column(_BIG, primary_key=True)


def _reference(to: str, *, key: bool = False) -> Column[int]:
    return Column(_BIG, ForeignKey(to), primary_key=key, nullable=False)


def _number(*, key: bool = False, null: bool = False) -> Column[int]:
    return Column(_BIG, primary_key=key, nullable=null)


class RepositoryRow(SQLModel, table=True):
    __tablename__ = "repository"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    default_branch: str | None = Field(default=None, sa_column=_text(null=True))


class BranchRow(SQLModel, table=True):
    __tablename__ = "branch"
    __table_args__ = (UniqueConstraint("repository_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    repository_id: int = Field(foreign_key="repository.id")
    name: str = Field(sa_column=_text())


class ToolRow(SQLModel, table=True):
    """A scanner by name; its id is a bit in :attr:`StandingRow.knew`."""

    __tablename__ = "tool"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))


class RunRow(SQLModel, table=True):
    """One scan. ``by_severity`` is JSON."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_order", "branch_id", "started_at", "key"),
        Index("ix_run_git_commit", "git_commit"),
    )

    id: int | None = Field(default=None, sa_column=_id())
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    branch_id: int = Field(foreign_key="branch.id")
    git_commit: str | None = Field(default=None, sa_column=_text(null=True))
    started_at: str = Field(sa_column=_text())
    verdict: str = Field(sa_column=_text())
    policy: str = Field(sa_column=_text())
    by_severity: str = Field(sa_column=_text())
    recorded_at: str = Field(sa_column=_text())


class ToolRunRow(SQLModel, table=True):
    """One tool run of a scan, in the scan's order; ``gaps`` is JSON, null where there are none."""

    __tablename__ = "tool_run"

    run_id: int = Field(sa_column=_reference("run.id", key=True))
    number: int = Field(primary_key=True)
    tool: str = Field(sa_column=_text())
    component: str = Field(sa_column=_text())
    mode: str | None = Field(default=None, sa_column=_text(null=True))
    status: str = Field(sa_column=_text())
    version: str | None = Field(default=None, sa_column=_text(null=True))
    seconds: float
    reason: str | None = Field(default=None, sa_column=_text(null=True))
    gaps: str | None = Field(default=None, sa_column=_text(null=True))


class CoveredRow(SQLModel, table=True):
    """A tool that looked at everything in a component (``.``: in the whole tree) in a run."""

    __tablename__ = "covered"

    run_id: int = Field(sa_column=_reference("run.id", key=True))
    tool_id: int = Field(foreign_key="tool.id", primary_key=True)
    component: str = Field(sa_column=Column(Text, primary_key=True))


class FindingRow(SQLModel, table=True):
    """A problem by its identity: one row per identity and repository."""

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("repository_id", "identity"),)

    id: int | None = Field(default=None, sa_column=_id())
    repository_id: int = Field(foreign_key="repository.id")
    identity: str = Field(sa_column=_text())


class ContentRow(SQLModel, table=True):
    """The document of a problem, stored once for all runs with the same one."""

    __tablename__ = "content"
    __table_args__ = (UniqueConstraint("finding_id", "digest"),)

    id: int | None = Field(default=None, sa_column=_id())
    finding_id: int = Field(sa_column=_reference("finding.id"))
    digest: str = Field(sa_column=_text())
    component: str = Field(sa_column=_text())
    tools: int = Field(sa_column=Column(BigInteger, nullable=False))
    document: str = Field(sa_column=_text())
    severity: str = Field(default="none", sa_column=Column(Text, nullable=False))


class SightingRow(SQLModel, table=True):
    """Runs of a branch, one after the other, that saw a finding with the same content.

    Without ``to_run_id`` the interval ends with the branch's newest run.
    """

    __tablename__ = "sighting"

    branch_id: int = Field(foreign_key="branch.id", primary_key=True)
    finding_id: int = Field(sa_column=_number(key=True))
    from_run_id: int = Field(sa_column=_number(key=True))
    to_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    content_id: int = Field(sa_column=_number())
    baseline: str | None = Field(default=None, sa_column=_text(null=True))


class EpssRow(SQLModel, table=True):
    """Runs of a branch that saw a finding with the same EPSS value, which changes often."""

    __tablename__ = "epss"

    branch_id: int = Field(foreign_key="branch.id", primary_key=True)
    finding_id: int = Field(sa_column=_number(key=True))
    from_run_id: int = Field(sa_column=_number(key=True))
    to_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    value: float


class AliasRow(SQLModel, table=True):
    """Another identity of a finding on a branch, valid from the run ``run_id``."""

    __tablename__ = "alias"

    branch_id: int = Field(foreign_key="branch.id", primary_key=True)
    finding_id: int = Field(sa_column=_number(key=True))
    identity: str = Field(sa_column=Column(Text, primary_key=True))
    run_id: int = Field(sa_column=_number())


class StandingRow(SQLModel, table=True):
    """The state of a finding on a branch after its newest run.

    Without ``last_run_id`` the newest run saw it. ``content_id``, ``baseline`` and ``epss`` are
    those of the last run that saw it. ``knew`` has the bit of every tool that reported it since it
    was opened or reopened; ``superseded_run_id`` is set if the same problem was seen under another
    identity.
    """

    __tablename__ = "standing"

    branch_id: int = Field(foreign_key="branch.id", primary_key=True)
    finding_id: int = Field(sa_column=_number(key=True))
    first_run_id: int = Field(sa_column=_number())
    last_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    fixed_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    reopened_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    superseded_run_id: int | None = Field(default=None, sa_column=_number(null=True))
    component: str = Field(sa_column=_text())
    knew: int = Field(sa_column=Column(BigInteger, nullable=False))
    content_id: int = Field(sa_column=_number())
    baseline: str | None = Field(default=None, sa_column=_text(null=True))
    epss: float | None = None


class DecisionRow(SQLModel, table=True):
    """A person's decision on a problem, for all branches; the newest that is not undone counts.

    ``alert`` is the address of the GitHub alert, if it was made by dismissing one.
    """

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_identity", "repository_id", "identity"),)

    id: int | None = Field(default=None, primary_key=True)
    repository_id: int = Field(foreign_key="repository.id")
    identity: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    by: str | None = Field(default=None, sa_column=_text(null=True))
    owner: str | None = Field(default=None, sa_column=_text(null=True))
    at: str = Field(sa_column=_text())
    expires: str | None = Field(default=None, sa_column=_text(null=True))
    undone_at: str | None = Field(default=None, sa_column=_text(null=True))
    alert: str | None = Field(default=None, sa_column=_text(null=True))


class AlertRow(SQLModel, table=True):
    """An alert at GitHub as read last; ``written`` is the decision that was sent last (JSON)."""

    __tablename__ = "alert"

    repository_id: int = Field(foreign_key="repository.id", primary_key=True)
    number: int = Field(primary_key=True)
    updated_at: str = Field(sa_column=_text())
    document: str = Field(sa_column=_text())
    written: str | None = Field(default=None, sa_column=_text(null=True))


class UploadRow(SQLModel, table=True):
    """An upload of a run's results; ``summary`` is the entry of ``summary.json`` (JSON)."""

    __tablename__ = "upload"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(sa_column=_reference("run.id"))
    at: str = Field(sa_column=_text())
    summary: str = Field(sa_column=_text())


class AuditRow(SQLModel, table=True):
    """Who changed what, and when; triggers refuse to change or delete a row."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: str = Field(sa_column=_text())
    who: str = Field(sa_column=_text())
    what: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    before: str | None = Field(default=None, sa_column=_text(null=True))
    after: str | None = Field(default=None, sa_column=_text(null=True))


class ApiTokenRow(SQLModel, table=True):
    """A token of ``secagg serve``; ``digest`` is the SHA-256 of its secret part.

    ``scopes`` and ``repositories`` are JSON.
    """

    __tablename__ = "api_token"

    token_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=_text())
    digest: str = Field(sa_column=_text())
    scopes: str = Field(sa_column=_text())
    repositories: str = Field(sa_column=_text())
    created_at: str = Field(sa_column=_text())
    created_by: str = Field(sa_column=_text())
    expires_at: str = Field(sa_column=_text())
    revoked_at: str | None = Field(default=None, sa_column=_text(null=True))


TABLES = tuple(table.name for table in SQLModel.metadata.sorted_tables)
"""The names of all tables, each after those that it refers to."""

COLUMNS = {
    table.name: tuple(column.name for column in table.columns)
    for table in SQLModel.metadata.sorted_tables
}
"""The names of the columns of each table."""
