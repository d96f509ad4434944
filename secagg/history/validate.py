"""What must hold in a store, and what of it does not."""

from __future__ import annotations

import re

from sqlalchemy import Connection, inspect, text

from secagg.history.engine import HEAD, revision_of

_OLDER = ("0001", "0002", "0003")
_GUARDS = {
    f"audit_no_{what.lower()}": re.compile(
        rf"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit "
        r"BEGIN SELECT RAISE\(ABORT, '[^']*'\); END"
    )
    for what in ("UPDATE", "DELETE")
}
# Each selects what must not be there.
_INVARIANTS = {
    "a problem stands on a branch whose last run did not see it": (
        "SELECT COUNT(*) FROM standing t LEFT JOIN sighting s ON s.run_id = t.last_run_id "
        "AND s.finding_id = t.finding_id WHERE s.run_id IS NULL"
    ),
    "a run saw a problem that does not stand on its branch": (
        "SELECT COUNT(*) FROM sighting s JOIN run r ON r.id = s.run_id LEFT JOIN standing t "
        "ON t.branch_id = r.branch_id AND t.finding_id = s.finding_id WHERE t.branch_id IS NULL"
    ),
    "a problem was last seen before it was first seen": (
        "SELECT COUNT(*) FROM standing t JOIN run a ON a.id = t.first_run_id "
        "JOIN run z ON z.id = t.last_run_id WHERE z.started_at < a.started_at"
    ),
    "a problem was fixed before it was last seen": (
        "SELECT COUNT(*) FROM standing t JOIN run a ON a.id = t.fixed_run_id "
        "JOIN run z ON z.id = t.last_run_id WHERE z.started_at > a.started_at"
    ),
    "a sighting shows what another problem says": (
        "SELECT COUNT(*) FROM sighting s JOIN content c ON c.id = s.content_id "
        "WHERE c.finding_id <> s.finding_id"
    ),
    "a problem stands on another repository's branch": (
        "SELECT COUNT(*) FROM standing t JOIN branch b ON b.id = t.branch_id "
        "JOIN finding f ON f.id = t.finding_id WHERE f.repository_id <> b.repository_id"
    ),
}


def validate(connection: Connection) -> list[str]:
    """Sentences on what is wrong; empty where all is well."""
    revision = revision_of(connection)
    if revision is None:
        return ["there are no tables"]
    wrong = [] if connection.dialect.name != "sqlite" else _file(connection)
    if revision == HEAD:
        wrong += _tables(connection)
        if connection.dialect.name == "sqlite":
            wrong += _objects(connection)
    elif not wrong and revision not in _OLDER:
        return [f"it is at revision {revision}, which this secagg does not know"]
    if wrong:
        return wrong
    if inspect(connection).has_table("standing"):
        for sentence, statement in _INVARIANTS.items():
            count = connection.execute(text(statement)).scalar_one()
            if count:
                wrong.append(f"{sentence} ({count})")
    return wrong


def _file(connection: Connection) -> list[str]:
    rows = connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
    wrong = [f"the file is damaged: {row}" for row in rows if row != "ok"]
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        wrong.append(f"rows refer to rows that are not there ({len(broken)})")
    return wrong


def _tables(connection: Connection) -> list[str]:
    from secagg.history.tables import COLUMNS, TABLES

    there = set(inspect(connection).get_table_names())
    wrong = [f"the table {name} is missing" for name in TABLES if name not in there]
    for name, columns in COLUMNS.items():
        if name in there:
            found = {column["name"] for column in inspect(connection).get_columns(name)}
            wrong += [f"the table {name} has no {each}" for each in columns if each not in found]
    return wrong


def _objects(connection: Connection) -> list[str]:
    """What acts in the file by itself: only the guards of the audit log, as secagg makes them."""
    found = _acting(connection)
    wrong = [f"the guard {name} is missing" for name in _GUARDS if name not in found]
    return wrong + planted(connection)


def planted(connection: Connection) -> list[str]:
    """Name the triggers and views of a SQLite store that secagg has not made."""
    wrong = []
    for name, sql in sorted(_acting(connection).items()):
        if name not in _GUARDS:
            wrong.append(f"{name[:100]!r} is a trigger or view that secagg has not made")
        elif not _GUARDS[name].fullmatch(sql):
            wrong.append(f"the guard {name} is not the one that secagg makes")
    return wrong


def _acting(connection: Connection) -> dict[str, str]:
    statement = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
    return {str(name): str(sql) for name, sql in connection.execute(text(statement))}


def row_counts(connection: Connection) -> dict[str, int]:
    """Rows by table, of the tables that are there."""
    from secagg.history.tables import TABLES

    there = set(inspect(connection).get_table_names())
    return {
        name: int(connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one())  # noqa: S608
        for name in TABLES
        if name in there
    }
