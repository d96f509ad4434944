"""``secagg db``: look after the store: its tables, backups and checks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli.options import HistoryOption, RootOption
from secagg.errors import ExitCode, UsageError
from secagg.model.problem import STORE_FILE
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.origin import ENVIRONMENT
from secagg.system.dates import days

if TYPE_CHECKING:
    from secagg.history.migrate import Maintenance


db_app = typer.Typer(
    help="Look after the store: its revision, backups, checks.", no_args_is_help=True
)


_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]


@db_app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="The revision to bring it to.")] = "head",
    store: HistoryOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store to this version's tables: backed up before, validated after."""
    raise typer.Exit(migrate(store, root, revision, up=True, dry_run=dry_run))


@db_app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to.")],
    store: HistoryOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store back to an older version's tables: backed up before, validated after."""
    raise typer.Exit(migrate(store, root, revision, up=False, dry_run=dry_run))


@db_app.command()
def current(store: HistoryOption = None, root: RootOption = Path()) -> None:
    """Print the store's revision, this version's, and how much is in it."""
    raise typer.Exit(print_current(store, root))


@db_app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; it must not exist.")
    ] = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
) -> None:
    """Write all of the store into one file, also while it is in use."""
    raise typer.Exit(back_up(store, root, file))


@db_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What secagg db backup wrote.")],
    store: HistoryOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Bring the store back to a backup, bit for bit; the present state is backed up before."""
    raise typer.Exit(restore_backup(store, root, file, dry_run=dry_run))


@db_app.command()
def validate(store: HistoryOption = None, root: RootOption = Path()) -> None:
    """Check the file, the references and what must hold between runs and problems."""
    raise typer.Exit(check_store(store, root))


@db_app.command()
def prune(
    keep: Annotated[
        str,
        typer.Option(
            metavar="DAYS", help="Of this time all runs stay, such as 90d or 1y; of older ones few."
        ),
    ] = "30d",
    store: HistoryOption = None,
    root: RootOption = Path(),
    dry_run: _DryRun = False,
) -> None:
    """Thin out old runs: one a week for a year, then one a month. No problem's history changes."""
    try:
        kept = timedelta(days=days(keep))
    except ValueError as error:
        raise UsageError(f"--keep {keep}: {error}") from None
    raise typer.Exit(thin_out(store, root, kept, dry_run=dry_run))


@db_app.command()
def forget(
    repository: Annotated[
        str,
        typer.Option(
            "--repo", "--repository", metavar="OWNER/NAME", help="The repository to remove."
        ),
    ],
    branch: Annotated[
        str | None, typer.Option(help="Remove this branch only, and none of the decisions.")
    ] = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before.")] = False,
    dry_run: _DryRun = False,
) -> None:
    """Remove a repository with its decisions, or one branch of it; the audit log stays."""
    raise typer.Exit(remove(store, root, repository, branch, yes=yes, dry_run=dry_run))


def migrate(url: str | None, root: Path, revision: str, *, up: bool, dry_run: bool) -> int:
    """Bring the store to ``revision``, or print how with ``dry_run``.

    Raises :class:`UsageError` for a revision that is unknown or lies in the other direction, and
    :class:`secagg.errors.StoreError`.
    """
    from secagg.history.migrate import maintenance, revisions

    all_revisions = revisions()
    if revision not in {*all_revisions, "head" if up else "base"}:
        raise UsageError(f"no revision {revision}", hint="one of " + ", ".join(all_revisions))
    target = all_revisions[-1] if revision == "head" else revision
    with maintenance(_store_location(url, root), create=up and not dry_run) as store:
        before = store.revision()
        if before is not None and before not in all_revisions:
            raise UsageError(
                f"the store is at revision {before}, which this secagg does not know",
                hint="use the version of secagg that made it",
            )
        position = _position(before, all_revisions)
        goal = _position(target, all_revisions)
        if position == goal:
            _print(f"{store.where} is at revision {before} already")
            return int(ExitCode.PASS)
        if (goal > position) is not up:
            other = "downgrade" if up else "upgrade"
            raise UsageError(
                f"the store is at revision {before or 'base'}", hint=f"use secagg db {other}"
            )
        if dry_run:
            return _show_plan(store, before, target, up=up)
        migration = store.upgrade(target) if up else store.downgrade(target)
    if migration.backup is not None:
        _print(f"backup: {migration.backup}")
    _print(f"previous revision: {migration.before or 'none'}")
    _print(f"revision: {migration.after or 'none'}")
    return int(ExitCode.PASS)


def _show_plan(store: Maintenance, before: str | None, target: str, *, up: bool) -> int:
    _print(f"-- {store.where} would go from revision {before or 'none'} to {target}:")
    if before is not None:
        _print("-- a backup is made before")
    console.out(f"{store.planned_sql(target, up=up).rstrip()}\n")
    _print("-- validated after: row counts, references, invariants; nothing was changed")
    return int(ExitCode.PASS)


def print_current(url: str | None, root: Path) -> int:
    """Print the store's revision and the number of rows of each table."""
    from secagg.history.migrate import maintenance, revisions

    with maintenance(_store_location(url, root)) as store:
        _print(f"store: {store.where}")
        _print(f"revision: {store.revision() or 'none'}")
        _print(f"this version's: {revisions()[-1]}")
        for table, count in sorted(store.row_counts().items()):
            _print(f"  {table}: {count}")
    return int(ExitCode.PASS)


def back_up(url: str | None, root: Path, file: Path | None) -> int:
    """Write a backup into ``file``, by default beside the store, and print its path."""
    from secagg.history.migrate import maintenance

    with maintenance(_store_location(url, root)) as store:
        _print(f"wrote {store.backup(file)}")
    return int(ExitCode.PASS)


def restore_backup(url: str | None, root: Path, file: Path, *, dry_run: bool) -> int:
    """Restore the backup ``file``, after backing up the present state."""
    from secagg.history.migrate import maintenance

    with maintenance(_store_location(url, root), create=not dry_run) as store:
        before = store.revision()
        if dry_run:
            _print(f"would bring {store.where} (revision {before or 'none'}) back to {file}")
            return int(ExitCode.PASS)
        if before is not None:
            _print(f"backup: {store.backup(None)}")
        store.restore(file)
        _print(f"previous revision: {before or 'none'}")
        _print(f"revision: {store.revision() or 'none'}")
        return _report(store.validate())


def thin_out(url: str | None, root: Path, keep: timedelta, *, dry_run: bool) -> int:
    """Thin out the runs that are older than ``keep``, and print how many."""
    from secagg.history.migrate import maintenance

    with maintenance(_store_location(url, root)) as store:
        removed = store.prune(keep, dry_run=dry_run)
        remaining = store.row_counts()["run"] - (removed.runs if dry_run else 0)
        _print(f"{_would(dry_run)}remove {removed.runs} runs and {removed.contents} documents")
        _print(f"runs that remain: {remaining}")
    return int(ExitCode.PASS)


def remove(
    url: str | None, root: Path, repository: str, branch: str | None, *, yes: bool, dry_run: bool
) -> int:
    """Remove a repository or a branch. Raises :class:`UsageError` without a yes."""
    from secagg.cli.decide import user
    from secagg.history.migrate import maintenance

    what = f"branch {branch} of {repository}" if branch else f"{repository} and its decisions"
    with maintenance(_store_location(url, root)) as store:
        who = user(root)
        planned = store.forget(repository, branch, who=who, dry_run=True)
        _print(f"{_would(dry_run)}remove {what}: {planned.runs} runs")
        if dry_run:
            return int(ExitCode.PASS)
        if not yes and (console.ask("remove it? [y/N] ") or "").strip().lower() != "y":
            raise UsageError("nothing was removed", hint="--yes removes it without asking")
        store.forget(repository, branch, who=who)
        _print(f"removed, by {who} in the audit log")
    return int(ExitCode.PASS)


def _would(dry_run: bool) -> str:
    return "would " if dry_run else ""


def check_store(url: str | None, root: Path) -> int:
    """Check the store, print each violation, and return 0 only if there is none."""
    from secagg.history.migrate import maintenance

    with maintenance(_store_location(url, root)) as store:
        return _report(store.validate())


def _report(violations: Sequence[str]) -> int:
    for sentence in violations:
        _print(f"wrong: {sentence}")
    if not violations:
        _print("the store is sound")
    return int(ExitCode.STORE_OR_UPLOAD if violations else ExitCode.PASS)


def _position(revision: str | None, revisions: Sequence[str]) -> int:
    """Return where ``revision`` stands among ``revisions``; -1 for an empty store."""
    return revisions.index(revision) if revision in revisions else -1


def _store_location(url: str | None, root: Path) -> str | Path:
    return url or os.environ.get(ENVIRONMENT) or root / STORE_FILE


def _print(line: str) -> None:
    console.out(f"{terminal(line)}\n")
