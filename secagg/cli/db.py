"""``secagg db``: the store's tables, backups and checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import RootOption

db_app = typer.Typer(help="Look after the store: its revision, backups, checks.")
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL|PATH",
        help="The store: a SQLAlchemy URL or a SQLite file (also SECAGG_STORE).",
        show_default=".secagg/secagg.db",
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]


@db_app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="The revision to bring it to.")] = "head",
    store: StoreOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store to this version's tables: backed up before, validated after."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.migrate(store, root, revision, up=True, dry_run=dry_run))


@db_app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to.")],
    store: StoreOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store back to an older version's tables: backed up before, validated after."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.migrate(store, root, revision, up=False, dry_run=dry_run))


@db_app.command()
def current(store: StoreOption = None, root: RootOption = Path()) -> None:
    """Print the store's revision, this version's, and how much is in it."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.current(store, root))


@db_app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; it must not exist.")
    ] = None,
    store: StoreOption = None,
    root: RootOption = Path(),
) -> None:
    """Write all of the store into one file, also while it is in use."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.backup(store, root, file))


@db_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What secagg db backup wrote.")],
    store: StoreOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store back to a backup, bit for bit; the present state is backed up before."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.restore(store, root, file, dry_run=dry_run))


@db_app.command()
def validate(store: StoreOption = None, root: RootOption = Path()) -> None:
    """Check the file, the references and what must hold between runs and problems."""
    from secagg.pipeline import dbcommands

    raise typer.Exit(dbcommands.validate(store, root))
