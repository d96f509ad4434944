"""``secagg triage-comment``: decide on a problem by a comment on a pull request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.decide import Place, Selection, decide_on, undo_decisions
from secagg.cli.options import ApiUrlOption, HistoryOption, RepositoryOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.github.client import Client, find_token
from secagg.github.commentdecision import read_decision, require_write_access
from secagg.github.event import read_event
from secagg.github.target import TargetOptions, find_repository
from secagg.model.problem import State
from secagg.output import console
from secagg.system.dates import until, utc_today


def triage_comment(
    store: HistoryOption = None,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    api_url: ApiUrlOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would change.")
    ] = False,
) -> None:
    """Decide as a comment on a pull request says (/secagg accept ID reason: WHY)."""
    asked = TargetOptions(repository=repository, api_url=api_url)
    raise typer.Exit(decide_by_comment(asked, store, root=root, dry_run=dry_run))


# The default of secagg except add, too.
_DEFAULT_EXPIRY = "30d"


def decide_by_comment(asked: TargetOptions, url: str | None, *, root: Path, dry_run: bool) -> int:
    """Record the decision that the comment of the workflow's event gives; 0 for other comments.

    Raises :class:`UsageError` for an author without write access and for an invalid command.
    """
    command = read_decision(read_event(os.environ))
    if command is None:
        console.out("no command for secagg in this comment\n")
        return int(ExitCode.PASS)
    name, address = find_repository(asked, os.environ, root)
    with Client(address, find_token(os.environ)) as client:
        require_write_access(client, name, command.author)
    place = Place(url=url, root=root, repository=name)
    selection = Selection(identities=(command.identity,))
    if command.state is None:
        return undo_decisions(selection, place, who=command.author, dry_run=dry_run)
    expires = command.expires or (_DEFAULT_EXPIRY if command.state is State.ACCEPTED else None)
    try:
        today = utc_today()
        day = None if expires is None else until(expires, today)
    except ValueError as error:
        raise UsageError(f"expires: {error}") from None
    return decide_on(
        selection,
        place,
        state=command.state.value,
        reason=f"{command.reason} (comment on pull request {command.number})",
        owner=None,
        expires=day,
        by=command.author,
        dry_run=dry_run,
    )
