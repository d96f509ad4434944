"""``secagg triage-comment``: a decision that somebody wrote as a comment on a pull request."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from secagg.decisions.dates import until
from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.github.client import Client
from secagg.github.commentdecision import decision_of, require_write_access
from secagg.github.event import read_event
from secagg.github.target import Asked, find_repository
from secagg.github.token import find_token
from secagg.model.problem import State
from secagg.output import console
from secagg.pipeline.triagecommands import Place, Selection, decide, undo

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
        return undo(selection, place, who=said.author, dry_run=dry_run)
    expires = said.expires or (_ACCEPTED if said.state is State.ACCEPTED else None)
    try:
        today = datetime.datetime.now(datetime.UTC).date()
        day = None if expires is None else until(expires, today)
    except ValueError as error:
        raise UsageError(f"expires: {error}") from None
    return decide(
        selection,
        place,
        state=said.state.value,
        reason=f"{said.reason} (comment on pull request {said.number})",
        owner=None,
        expires=day,
        by=said.author,
        dry_run=dry_run,
    )
