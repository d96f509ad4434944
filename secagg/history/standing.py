"""The standing of each problem on a branch: first seen, last seen, fixed, reopened.

It follows from the runs of the branch in the order of the scans (time, then key). The newest run
is one more step; a run that is imported late makes all steps of the branch run again, so that
the order of the imports does not matter.

In a step, what the run saw is open. What it did not see is fixed, if every tool that knew it
looked at its component. A problem that is seen under another identity (``known_as``) passes its
history on to that identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

_SEE = """
INSERT INTO {table} (branch_id, finding_id, first_run_id, last_run_id, component, knew)
SELECT :branch, s.finding_id, :run, :run, c.component, c.tools
FROM sighting s JOIN content c ON c.id = s.content_id WHERE s.run_id = :run
ON CONFLICT (branch_id, finding_id) DO UPDATE SET
  last_run_id = excluded.last_run_id,
  component = excluded.component,
  knew = CASE WHEN {table}.fixed_run_id IS NOT NULL THEN excluded.knew
              ELSE {table}.knew | excluded.knew END,
  reopened_run_id = CASE WHEN {table}.fixed_run_id IS NOT NULL THEN excluded.last_run_id
                         ELSE {table}.reopened_run_id END,
  fixed_run_id = NULL,
  superseded_run_id = NULL
"""

# The two identities of an alias, where this run saw one (``seen``) and not the other (``gone``).
_PAIRS = """
SELECT seen.finding_id, gone.finding_id, gone.first_run_id, gone.fixed_run_id,
       gone.reopened_run_id, gone.knew
FROM alias a
JOIN run r ON r.id = a.run_id
JOIN finding n ON n.id = a.finding_id
JOIN finding o ON o.repository_id = n.repository_id AND o.identity = a.identity
JOIN {table} seen ON seen.branch_id = :branch AND seen.finding_id = {seen}.id
JOIN {table} gone ON gone.branch_id = :branch AND gone.finding_id = {gone}.id
WHERE a.branch_id = :branch AND seen.last_run_id = :run AND gone.last_run_id <> :run
  AND (gone.superseded_run_id IS NULL OR seen.first_run_id = :run)
  AND (r.started_at, r.key) <= (SELECT x.started_at, x.key FROM run x WHERE x.id = :run)
"""

_INHERIT = """
UPDATE {table} SET first_run_id = :first, reopened_run_id = :reopened, knew = :knew
WHERE branch_id = :branch AND finding_id = :finding
"""

_SUPERSEDE = """
UPDATE {table} SET superseded_run_id = :run, fixed_run_id = NULL
WHERE branch_id = :branch AND finding_id = :finding AND superseded_run_id IS NULL
"""

_UNSEEN = """
SELECT DISTINCT component, knew FROM {table}
WHERE branch_id = :branch AND last_run_id <> :run
  AND fixed_run_id IS NULL AND superseded_run_id IS NULL
"""

_FIX = """
UPDATE {table} SET fixed_run_id = :run
WHERE branch_id = :branch AND last_run_id <> :run AND component = :component AND knew = :knew
  AND fixed_run_id IS NULL AND superseded_run_id IS NULL
"""


def runs_of(connection: Connection, branch: int) -> Sequence[int]:
    """Return the ids of the branch's runs in the order of the scans."""
    statement = text("SELECT id FROM run WHERE branch_id = :branch ORDER BY started_at, key")
    return connection.execute(statement, {"branch": branch}).scalars().all()


def is_newest(connection: Connection, branch: int, run: int) -> bool:
    """Tell whether no run of the branch is later than ``run``."""
    newest = connection.execute(
        text(
            "SELECT id FROM run WHERE branch_id = :branch ORDER BY started_at DESC, key DESC "
            "LIMIT 1"
        ),
        {"branch": branch},
    ).scalar()
    return newest == run


def replay(
    connection: Connection, branch: int, *, until: int | None = None, table: str = "standing"
) -> None:
    """Run the branch's steps again from the beginning, up to the run ``until``."""
    connection.execute(
        text(f"DELETE FROM {table} WHERE branch_id = :branch"),  # noqa: S608
        {"branch": branch},
    )
    for run in runs_of(connection, branch):
        step(connection, branch, run, table=table)
        if run == until:
            break


def step(connection: Connection, branch: int, run: int, *, table: str = "standing") -> None:
    """Run the step of one run, after those of all earlier runs."""
    values = {"branch": branch, "run": run}
    connection.execute(text(_SEE.format(table=table)), values)
    _pass_history_on(connection, branch, run, table)
    covered = _covered(connection, run)
    for component, knew in connection.execute(text(_UNSEEN.format(table=table)), values).all():
        if knew & ~covering(covered, component) == 0:
            connection.execute(
                text(_FIX.format(table=table)), {**values, "component": component, "knew": knew}
            )


def covering(covered: Mapping[str, int], component: str) -> int:
    """Return the tools (as bits) that looked at everything in ``component``.

    Tools that looked at the whole tree (``.``) did, unless the component is an image.
    """
    whole = 0 if component.startswith("image:") else covered.get(".", 0)
    return whole | covered.get(component, 0)


def _covered(connection: Connection, run: int) -> dict[str, int]:
    """Return, by component, the tools (as bits) that looked at everything."""
    tools_of_component: dict[str, int] = {}
    rows = connection.execute(
        text("SELECT component, tool_id FROM covered WHERE run_id = :run"), {"run": run}
    )
    for component, tool in rows:
        tools_of_component[component] = tools_of_component.get(component, 0) | 1 << tool
    return tools_of_component


def _pass_history_on(connection: Connection, branch: int, run: int, table: str) -> None:
    """Pass the history of problems that are seen under another identity on to that identity."""
    values = {"branch": branch, "run": run}
    pairs: set[tuple[int, int, int, int | None, int | None, int]] = set()
    for seen, gone in (("n", "o"), ("o", "n")):
        statement = text(_PAIRS.format(table=table, seen=seen, gone=gone))
        pairs.update(tuple(row) for row in connection.execute(statement, values))
    if not pairs:
        return
    order = {run_id: position for position, run_id in enumerate(runs_of(connection, branch))}
    histories: dict[int, list[tuple[int, int | None, int | None, int]]] = {}
    for seen_id, _, first, fixed, reopened, knew in pairs:
        histories.setdefault(seen_id, []).append((first, fixed, reopened, knew))
    updates = [
        _merged_history(connection, values, table, finding, former, order)
        for finding, former in histories.items()
    ]
    connection.execute(text(_INHERIT.format(table=table)), updates)
    connection.execute(
        text(_SUPERSEDE.format(table=table)),
        [{**values, "finding": gone} for gone in sorted({pair[1] for pair in pairs})],
    )


def _merged_history(
    connection: Connection,
    values: dict[str, int],
    table: str,
    finding: int,
    former: Sequence[tuple[int, int | None, int | None, int]],
    order: dict[int, int],
) -> dict[str, int | None]:
    """Merge the history of former identities into that of ``finding``."""
    first, reopened, knew = connection.execute(
        text(
            f"SELECT first_run_id, reopened_run_id, knew FROM {table} "  # noqa: S608
            "WHERE branch_id = :branch AND finding_id = :finding"
        ),
        {"branch": values["branch"], "finding": finding},
    ).one()
    for former_first, former_fixed, former_reopened, tools in former:
        first = min(first, former_first, key=order.__getitem__)
        if former_fixed is not None:
            former_reopened = values["run"]
        else:
            knew |= tools
        if former_reopened is not None and (
            reopened is None or order[former_reopened] > order[reopened]
        ):
            reopened = former_reopened
    return {
        "branch": values["branch"],
        "finding": finding,
        "first": first,
        "reopened": reopened,
        "knew": knew,
    }
