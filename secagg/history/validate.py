"""Validate a store: its file, tables and triggers, and the relations between its rows."""

from __future__ import annotations

import re

from sqlalchemy import Connection, inspect, text

from secagg.history.engine import HEAD, revision_of

_OLDER = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
_GUARDS = {
    f"audit_no_{what.lower()}": re.compile(
        rf"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit "
        r"BEGIN SELECT RAISE\(ABORT, '[^']*'\); END"
    )
    for what in ("UPDATE", "DELETE")
}
# Each counts rows that must not exist, in a store of any revision.
_INVARIANTS = {
    "a problem was last seen before it was first seen": (
        "SELECT COUNT(*) FROM standing t JOIN run a ON a.id = t.first_run_id "
        "JOIN run z ON z.id = t.last_run_id WHERE z.started_at < a.started_at"
    ),
    "a problem was fixed before it was last seen": (
        "SELECT COUNT(*) FROM standing t JOIN run a ON a.id = t.fixed_run_id "
        "JOIN run z ON z.id = t.last_run_id WHERE z.started_at > a.started_at"
    ),
    "a problem stands on another repository's branch": (
        "SELECT COUNT(*) FROM standing t JOIN branch b ON b.id = t.branch_id "
        "JOIN finding f ON f.id = t.finding_id WHERE f.repository_id <> b.repository_id"
    ),
}
_LAST_SIGHTING = (
    "sighting s ON s.branch_id = t.branch_id AND s.finding_id = t.finding_id "
    "AND COALESCE(s.to_run_id, 0) = COALESCE(t.last_run_id, 0) AND s.content_id = t.content_id"
)
# Each counts rows that must not exist in a store of the newest revision.
_INVARIANTS_NOW = {
    "a problem stands on a branch whose last run did not see it": (
        f"SELECT COUNT(*) FROM standing t LEFT JOIN {_LAST_SIGHTING} WHERE s.branch_id IS NULL"  # noqa: S608
    ),
    "a run saw a problem that does not stand on its branch": (
        "SELECT COUNT(*) FROM sighting s LEFT JOIN standing t ON t.branch_id = s.branch_id "
        "AND t.finding_id = s.finding_id WHERE t.branch_id IS NULL"
    ),
    "a sighting shows what another problem says": (
        "SELECT COUNT(*) FROM sighting s JOIN content c ON c.id = s.content_id "
        "WHERE c.finding_id <> s.finding_id"
    ),
    "a fixed problem is seen by the newest run": (
        "SELECT COUNT(*) FROM standing WHERE last_run_id IS NULL AND fixed_run_id IS NOT NULL"
    ),
    "a sighting ends before it begins": (
        "SELECT COUNT(*) FROM sighting s JOIN run a ON a.id = s.from_run_id "
        "JOIN run z ON z.id = s.to_run_id WHERE (z.started_at, z.key) < (a.started_at, a.key)"
    ),
    "a problem of a branch is not among the current ones": (
        "SELECT COUNT(*) FROM standing t LEFT JOIN current_problem p ON p.branch_id = t.branch_id "
        "AND p.finding_id = t.finding_id LEFT JOIN current_text x ON x.branch_id = t.branch_id "
        "AND x.finding_id = t.finding_id WHERE t.superseded_run_id IS NULL "
        "AND (p.branch_id IS NULL OR x.branch_id IS NULL)"
    ),
    "a current problem is not one of its branch": (
        "SELECT COUNT(*) FROM (SELECT branch_id, finding_id FROM current_problem UNION "
        "SELECT branch_id, finding_id FROM current_text) p LEFT JOIN standing t "
        "ON t.branch_id = p.branch_id AND t.finding_id = p.finding_id "
        "AND t.superseded_run_id IS NULL WHERE t.branch_id IS NULL"
    ),
    "a problem is seen twice by one run": (
        "SELECT COUNT(*) FROM (SELECT a.started_at, a.key, "
        "LEAD(a.started_at) OVER w AS next_at, LEAD(a.key) OVER w AS next_key, "
        "s.to_run_id, z.started_at AS end_at, z.key AS end_key FROM sighting s "
        "JOIN run a ON a.id = s.from_run_id LEFT JOIN run z ON z.id = s.to_run_id "
        "WINDOW w AS (PARTITION BY s.branch_id, s.finding_id ORDER BY a.started_at, a.key)) o "
        "WHERE next_at IS NOT NULL "
        "AND (to_run_id IS NULL OR (end_at, end_key) >= (next_at, next_key))"
    ),
}
# The references that the tables do not declare (:mod:`secagg.history.tables`).
_REFERENCES = {
    "sighting": {"finding_id": "finding", "content_id": "content"}
    | dict.fromkeys(("from_run_id", "to_run_id"), "run"),
    "epss": {"finding_id": "finding"} | dict.fromkeys(("from_run_id", "to_run_id"), "run"),
    "alias": {"finding_id": "finding", "run_id": "run"},
    "standing": {"finding_id": "finding", "content_id": "content"}
    | dict.fromkeys(
        [f"{what}_run_id" for what in ("first", "last", "fixed", "reopened", "superseded")], "run"
    ),
}


def validate(connection: Connection) -> list[str]:
    """Return a sentence for each fault of the store."""
    revision = revision_of(connection)
    if revision is None:
        return ["there are no tables"]
    faults = [] if connection.dialect.name != "sqlite" else _check_file(connection)
    if revision == HEAD:
        faults += _check_tables(connection)
        if connection.dialect.name == "sqlite":
            faults += _check_triggers(connection)
    elif not faults and revision not in _OLDER:
        return [f"it is at revision {revision}, which this secagg does not know"]
    if faults:
        return faults
    if not inspect(connection).has_table("standing"):
        return []
    invariants = _INVARIANTS | (_INVARIANTS_NOW | _references() if revision == HEAD else {})
    for sentence, statement in invariants.items():
        count = connection.execute(text(statement)).scalar_one()
        if count:
            faults.append(f"{sentence} ({count})")
    return faults


def _references() -> dict[str, str]:
    """Return, by sentence, what counts the rows that refer to rows that are not there."""
    return {
        f"{table}.{column} refers to a {other} that is not there": (
            f"SELECT COUNT(*) FROM {table} t LEFT JOIN {other} o ON o.id = t.{column} "  # noqa: S608
            f"WHERE o.id IS NULL AND t.{column} IS NOT NULL"
        )
        for table, columns in _REFERENCES.items()
        for column, other in columns.items()
    }


def _check_file(connection: Connection) -> list[str]:
    rows = connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
    faults = [f"the file is damaged: {row}" for row in rows if row != "ok"]
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        faults.append(f"rows refer to rows that are not there ({len(broken)})")
    return faults


def _check_tables(connection: Connection) -> list[str]:
    from secagg.history.tables import COLUMNS, TABLES

    existing = set(inspect(connection).get_table_names())
    faults = [f"the table {name} is missing" for name in TABLES if name not in existing]
    for name, columns in COLUMNS.items():
        if name in existing:
            existing_columns = {column["name"] for column in inspect(connection).get_columns(name)}
            faults += [
                f"the table {name} has no {column}"
                for column in columns
                if column not in existing_columns
            ]
    return faults


def _check_triggers(connection: Connection) -> list[str]:
    """Check that the only triggers and views are the guards of the audit log."""
    existing = _triggers_and_views(connection)
    missing = [f"the guard {name} is missing" for name in _GUARDS if name not in existing]
    return missing + foreign_objects(connection)


def foreign_objects(connection: Connection) -> list[str]:
    """Return a sentence for each trigger or view of a SQLite store that secagg has not made."""
    faults = []
    for name, sql in sorted(_triggers_and_views(connection).items()):
        if name not in _GUARDS:
            faults.append(f"{name[:100]!r} is a trigger or view that secagg has not made")
        elif not _GUARDS[name].fullmatch(sql):
            faults.append(f"the guard {name} is not the one that secagg makes")
    return faults


def _triggers_and_views(connection: Connection) -> dict[str, str]:
    statement = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
    return {str(name): str(sql) for name, sql in connection.execute(text(statement))}


def row_counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each existing table."""
    from secagg.history.tables import TABLES

    existing = set(inspect(connection).get_table_names())
    return {
        name: int(connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one())  # noqa: S608
        for name in TABLES
        if name in existing
    }
