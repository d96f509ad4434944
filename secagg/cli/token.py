"""``secagg token``: tokens by which jobs and programs use the store of ``secagg serve``."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.decide import user
from secagg.cli.options import HistoryOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.model.access import MOST_DAYS, ApiToken, TokenScope, is_name, is_pattern, new_token
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.pipeline.origin import open_store_of
from secagg.system.dates import until, utc_now, utc_today

token_app = typer.Typer(
    help="Tokens by which jobs and programs use the store of secagg serve.", no_args_is_help=True
)

_DEFAULT_SCOPES = (TokenScope.WRITE, TokenScope.READ)


@token_app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who will hold it: it goes into the audit log.")],
    repo: Annotated[
        list[str],
        typer.Option(
            metavar="OWNER/NAME", help="A repository, or OWNER/* for all of it. Repeatable."
        ),
    ],
    scope: Annotated[
        list[TokenScope] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may do: write, read or triage; by default write and read. Repeatable.",
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="Until when it holds (UTC): 30d, 2w or 2026-12-31.")
    ] = "90d",
    by: Annotated[
        str | None, typer.Option("--by", "--as", metavar="NAME", help="Who adds it.")
    ] = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
) -> None:
    """Add a token and print it. It is shown once: the store keeps only its hash."""
    raise typer.Exit(
        add_token(
            name, repo, scope or _DEFAULT_SCOPES, expires=expires, by=by, url=store, root=root
        )
    )


@token_app.command("list")
def list_tokens(store: HistoryOption = None, root: RootOption = Path()) -> None:
    """List the tokens: what they are for, until when, and which are revoked."""
    raise typer.Exit(print_tokens(store, root))


@token_app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As secagg token list shows it.")],
    by: Annotated[
        str | None, typer.Option("--by", "--as", metavar="NAME", help="Who revokes it.")
    ] = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
) -> None:
    """Revoke a token, at once and for good."""
    raise typer.Exit(revoke_token(token_id, by=by, url=store, root=root))


def add_token(
    name: str,
    repositories: Sequence[str],
    scopes: Sequence[TokenScope],
    *,
    expires: str,
    by: str | None,
    url: str | None,
    root: Path,
) -> int:
    """Add a token to the store and print it on standard output.

    Raises :class:`UsageError` for a name, repository or age that cannot be one, and
    :class:`secagg.errors.StoreError`.
    """
    if not is_name(name, 100):
        raise UsageError("the name of a token has 1 to 100 characters", hint="such as ci-shop")
    for repository in repositories:
        if not is_pattern(repository):
            raise UsageError(
                f"{repository!r} is no repository", hint="such as acme/shop, or acme/* for all"
            )
    try:
        age = (until(expires, utc_today()) - utc_today()).days
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    if not 0 < age <= MOST_DAYS:
        raise UsageError("--expires: a token holds for 1 day to a year", hint="add a new one then")
    token, kept = new_token(
        name=name,
        scopes=scopes,
        repositories=repositories,
        by=by or user(root),
        lifetime=datetime.timedelta(days=age),
    )
    with open_store_of(url, root, create=False) as store:
        store.add_token(kept)
    console.err(
        f"secagg: note: token {kept.id} may {_scopes(kept)} {terminal(', '.join(repositories))} "
        f"until {kept.expires_at:%Y-%m-%d}. It is not shown again.\n"
    )
    console.out(f"{token}\n")
    return int(ExitCode.PASS)


def print_tokens(url: str | None, root: Path) -> int:
    """Print the tokens of the store, newest first."""
    with open_store_of(url, root, create=False) as store:
        tokens = store.tokens()
    headers = ["ID", "NAME", "MAY", "REPOSITORIES", "UNTIL", "ADDED BY"]
    now = utc_now()
    cells = [
        [
            token.id,
            terminal(token.name),
            _scopes(token),
            terminal(", ".join(token.repositories)),
            _until(token, now),
            terminal(token.created_by),
        ]
        for token in tokens
    ]
    if cells:
        table = draw(
            headers, cells, Style.of_output(no_colour=False), stretch=(1, 3), shares=(1, 1)
        )
        console.out(f"{table}\n")
    else:
        console.err("secagg: note: there is no token\n")
    return int(ExitCode.PASS)


def revoke_token(token_id: str, *, by: str | None, url: str | None, root: Path) -> int:
    """Revoke a token. Raises :class:`secagg.errors.StoreError` for one that is not in force."""
    with open_store_of(url, root, create=False) as store:
        token = store.revoke_token(token_id.strip(), who=by or user(root))
    console.out(f"revoked: {token.id} {terminal(token.name)}\n")
    return int(ExitCode.PASS)


def _scopes(token: ApiToken) -> str:
    return " and ".join(token.scopes)


def _until(token: ApiToken, now: datetime.datetime) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    return f"{token.expires_at:%Y-%m-%d}" + ("" if token.is_valid(now) else " (expired)")
