"""``secagg triage``: the options for decisions by id, by filter or one by one."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli import completion
from secagg.cli.decide import Place, Selection, StateName, decide_on, undo_decisions, user
from secagg.cli.filteroptions import (
    OWNER_HELP,
    AtLeastFilter,
    ComponentFilter,
    FixFilter,
    IdFilter,
    KindFilter,
    NewSinceFilter,
    OlderThanFilter,
    OverdueFilter,
    PackageFilter,
    PathFilter,
    SearchFilter,
    SeverityFilter,
    ToolFilter,
)
from secagg.cli.options import (
    ByOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    RootOption,
)
from secagg.errors import UsageError
from secagg.output import console
from secagg.report.filters import FilterWords
from secagg.system.dates import until, utc_now


def triage(
    identities: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID",
            help="Problems, or the beginnings of their ids.",
            autocompletion=completion.identities,
        ),
    ] = None,
    state: Annotated[StateName | None, typer.Option(help="The new state.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; asked for by every decision.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is responsible for them.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Its last day (UTC): 30d, 2w or 2026-12-31."),
    ] = None,
    by: ByOption = None,
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    tool: ToolFilter = None,
    component: ComponentFilter = None,
    path: PathFilter = None,
    package: PackageFilter = None,
    rule: IdFilter = None,
    owned_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OWNER",
            help=OWNER_HELP,
            autocompletion=completion.owners,
        ),
    ] = None,
    older_than: OlderThanFilter = None,
    new_since: NewSinceFilter = None,
    fix: FixFilter = None,
    overdue: OverdueFilter = False,
    search: SearchFilter = "",
    in_state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="In this state, or all; by default open and confirmed.",
            autocompletion=completion.states,
        ),
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive", "-i", help="Show one after another and ask; by default all to be done."
        ),
    ] = False,
    undo: Annotated[
        bool,
        typer.Option(
            "--undo", help="Take the last decision back, or the batch that is named as ID (b-...)."
        ),
    ] = False,
    approve: Annotated[
        bool,
        typer.Option(
            "--approve", help="Agree with decisions that need the approval of another person."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before many are decided on.")
    ] = False,
    file: Annotated[
        bool, typer.Option("--file", help="Write into secagg-exceptions.yaml, not into the store.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be.")] = False,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
) -> None:
    """Decide on problems by id or by filter; a decision holds on all branches."""
    selection = Selection(
        identities=tuple(identities or ()),
        filters=FilterWords(
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
    place = Place(url=store, root=root, repository=repo, branch=branch, file=file)
    if undo:
        if state is not None or reason is not None or expires is not None:
            raise UsageError(
                "--undo takes a decision back, and --state, --reason and --expires make one",
                hint="decide without --undo instead: the newest decision counts",
            )
        raise typer.Exit(undo_decisions(selection, place, who=by, dry_run=dry_run))
    if approve:
        from secagg.cli.approve import approve as approve_decisions

        if state is not None or reason is not None or expires is not None or interactive:
            raise UsageError(
                "--approve agrees with a decision as it is",
                hint="decide without --approve instead: the newest decision counts",
            )
        raise typer.Exit(approve_decisions(selection, place, by=by, dry_run=dry_run))
    if interactive:
        from secagg.cli.onebyone import ask_one_by_one

        if state or reason or dry_run:
            raise UsageError("--interactive asks for the state and the reason of each problem")
        raise typer.Exit(ask_one_by_one(selection, place, by=by or user(root), owner=owner))
    raise typer.Exit(
        decide_on(
            selection,
            place,
            state=state.value if state else None,
            reason=reason,
            owner=owner,
            expires=_last_day(expires),
            by=by,
            dry_run=dry_run,
            ask=not yes and console.is_interactive(),
        )
    )


def _last_day(text: str | None) -> datetime.date | None:
    try:
        return None if text is None else until(text, utc_now().date())
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
