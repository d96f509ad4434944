"""``secagg triage``: a person's word on problems."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.db import StoreOption
from secagg.cli.options import RootOption


class StateName(StrEnum):
    """Where triage can put a problem."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    FIXED = "fixed"


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day such as 2026-12-31 is expected") from None


def triage(
    identities: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="Problems, or the beginnings of their ids."),
    ] = None,
    state: Annotated[StateName | None, typer.Option(help="What they are.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; asked for by every decision.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who takes care of them.")] = None,
    expires: Annotated[
        datetime.date | None,
        typer.Option(parser=_day, metavar="DAY", help="The last day (UTC) on which it holds."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who decides; by default the user of this process.")
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(help="Filter: all of this severity, or unknown. Repeatable.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Of this kind. Repeatable.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="Of this tool. Repeatable.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", "--id", "--cve", help="Of this rule, check, advisory or CWE. Repeatable."
        ),
    ] = None,
    package: Annotated[
        list[str] | None, typer.Option(help="In this package (its name or purl). Repeatable.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(help="In files that this pattern (.gitignore's) matches. Repeatable."),
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="In this component or below it.")
    ] = None,
    at_least: Annotated[
        str | None, typer.Option(help="As bad as this or worse, and of unknown severity.")
    ] = None,
    owned_by: Annotated[
        list[str] | None, typer.Option(metavar="OWNER", help="Owned by them, or none. Repeatable.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", "--age", help="First seen so long ago: 30d, 2w.")
    ] = None,
    new_since: Annotated[
        str | None,
        typer.Option(help="New since a date, an age (7d), a run's commit or key, or last."),
    ] = None,
    fix: Annotated[
        bool | None, typer.Option("--fix-available/--no-fix-available", help="A fix is known.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Past its due day.")] = False,
    search: Annotated[
        str, typer.Option("--search", "-S", help="Every one of these words occurs.")
    ] = "",
    in_state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE", help="In this state, or all; open and confirmed if nothing is said."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last decision back.")] = False,
    file: Annotated[
        bool, typer.Option("--file", help="Write into .secagg/triage.yaml, not into the store.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be.")] = False,
    repo: Annotated[
        str | None, typer.Option(help="The repository; by default git's remote owner/name.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Where filters look; by default the one checked out.")
    ] = None,
    store: StoreOption = None,
    root: RootOption = Path(),
) -> None:
    """Decide on problems by id or by filter; a decision holds on all branches."""
    from secagg.pipeline import triagecommands

    selection = triagecommands.Selection(
        identities=tuple(identities or ()),
        filters=triagecommands.FilterWords(
            severity=tuple(severity or ()),
            kind=tuple(kind or ()),
            tool=tuple(tool or ()),
            id=tuple(rule or ()),
            package=tuple(package or ()),
            path=tuple(path or ()),
            component=tuple(component or ()),
            state=tuple(in_state or ()),
            at_least=at_least,
            owner=tuple(owned_by or ()),
            older_than=older_than,
            new_since=new_since,
            fix=fix,
            overdue=overdue,
            search=search,
        ),
    )
    place = triagecommands.Place(url=store, root=root, repository=repo, branch=branch, file=file)
    if undo:
        raise typer.Exit(triagecommands.undo(selection, place, who=by, dry_run=dry_run))
    raise typer.Exit(
        triagecommands.decide(
            selection,
            place,
            state=state.value if state else None,
            reason=reason,
            owner=owner,
            expires=expires,
            by=by,
            dry_run=dry_run,
        )
    )
