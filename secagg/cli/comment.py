"""``secagg triage-comment``: a decision taken from a comment on a pull request."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import ApiUrlOption, HistoryOption, RepositoryOption, RootOption
from secagg.cli.triage import Place, Selection, decide_on, undo_decisions
from secagg.errors import ExitCode, UsageError
from secagg.github.client import Client, find_token
from secagg.github.commentdecision import decision_of, require_write_access
from secagg.github.event import read_event
from secagg.github.target import Asked, find_repository
from secagg.model.problem import State
from secagg.output import console
from secagg.system.dates import until


def triage_comment(
    store: HistoryOption = None,
    root: RootOption = Path(),
    repo: Annotated[
        str | None, typer.Option(help="The repository in the store, if not GitHub's OWNER/NAME.")
    ] = None,
    repository: RepositoryOption = None,
    api_url: ApiUrlOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be.")] = False,
) -> None:
    """Decide as a comment on a pull request says (/secagg accept ID reason: WHY)."""
    from secagg.github.target import Asked

    asked = Asked(repository=repository, api_url=api_url)
    raise typer.Exit(decide_by_comment(asked, store, root=root, repository=repo, dry_run=dry_run))


# As long as secagg except add gives where nobody says otherwise.
_ACCEPTED = "30d"


def decide_by_comment(
    asked: Asked, url: str | None, *, root: Path, repository: str | None, dry_run: bool
) -> int:
    """Decide as the comment of the workflow's event says, in the store; 0 for other comments.

    ``repository`` is its name in the store. Raises :class:`UsageError` for an author who may not
    write to the repository, and for what cannot be understood; then nothing is decided.
    """
    said = decision_of(read_event(os.environ))
    if said is None:
        console.out("no command for secagg in this comment\n")
        return int(ExitCode.PASS)
    name, address = find_repository(asked, os.environ, root)
    with Client(address, find_token(os.environ)) as client:
        require_write_access(client, name, said.author)
    place = Place(url=url, root=root, repository=repository or name)
    selection = Selection(identities=(said.identity,))
    if said.state is None:
        return undo_decisions(selection, place, who=said.author, dry_run=dry_run)
    expires = said.expires or (_ACCEPTED if said.state is State.ACCEPTED else None)
    try:
        today = datetime.datetime.now(datetime.UTC).date()
        day = None if expires is None else until(expires, today)
    except ValueError as error:
        raise UsageError(f"expires: {error}") from None
    return decide_on(
        selection,
        place,
        state=said.state.value,
        reason=f"{said.reason} (comment on pull request {said.number})",
        owner=None,
        expires=day,
        by=said.author,
        dry_run=dry_run,
    )
