"""``secagg sync``: exchange alerts and decisions with GitHub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import (
    ApiUrlOption,
    CommitOption,
    HistoryOption,
    RefOption,
    RepositoryOption,
    RootOption,
)
from secagg.errors import ExitCode
from secagg.github.alerts import Alert, SyncReport, synchronize
from secagg.github.client import Client, find_token
from secagg.github.event import prefix_of
from secagg.github.target import TargetOptions, find_repository
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.alertstore import StoreAlerts
from secagg.pipeline.origin import open_store_of, origin_of
from secagg.pipeline.storesource import file_decisions


def sync(
    store: HistoryOption = None,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    newer_wins: Annotated[
        bool,
        typer.Option("--newer-wins", help="Resolve conflicts in favour of the newer decision."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show what would be changed.")
    ] = False,
) -> None:
    """Take dismissals from GitHub into the store, and write the store's decisions there."""
    asked = TargetOptions(repository=repository, ref=ref, commit=commit, api_url=api_url)
    raise typer.Exit(sync_alerts(asked, store, root=root, newer_wins=newer_wins, dry_run=dry_run))


def sync_alerts(
    asked: TargetOptions, url: str | None, *, root: Path, newer_wins: bool, dry_run: bool
) -> int:
    """Exchange decisions with GitHub, print them, and return 0, or 4 where GitHub refused one.

    ``url`` is as in :func:`secagg.pipeline.origin.open_store_of`; the store must be there.
    """
    repository, address = find_repository(asked, os.environ, root)
    origin = origin_of(root, repository=asked.repository)
    filed = file_decisions(root, url)
    with (
        open_store_of(url, root, create=False) as store,
        Client(address, find_token(os.environ)) as client,
    ):
        alerts = StoreAlerts(
            store,
            origin.repository,
            branch=origin.branch,
            prefix=prefix_of(root),
            filed=filed,
        )
        synced = synchronize(client, repository, alerts, newer_wins=newer_wins, dry_run=dry_run)
    console.out("".join(f"{terminal(line)}\n" for line in _lines(synced, dry_run)))
    return int(ExitCode.STORE_OR_UPLOAD if synced.failed else ExitCode.PASS)


def _lines(synced: SyncReport, dry_run: bool) -> list[str]:
    written = "to be written" if dry_run else "written"
    counts = (
        f"{synced.read} alerts changed at GitHub; {len(synced.taken)} decisions of GitHub "
        f"{'to be taken' if dry_run else 'taken'}; {len(synced.written)} decisions {written}; "
        f"{len(synced.conflicts)} conflicts"
    )
    lines = [counts]
    for alert in synced.taken:
        state = f"{alert.state} {alert.dismissed_reason or ''}".strip()
        by = f" by {alert.dismissed_by}" if alert.dismissed_by else ""
        lines.append(f"from GitHub: {_alert_text(alert)} {state}{by}")
    for decision in synced.written:
        state = f"{decision.state} {decision.reason or ''}".strip()
        lines.append(f"{written}: alert {decision.number} {state}")
    lines += [f"dismissal requested: alert {d.number}" for d in synced.requested]
    for conflict in synced.conflicts:
        alert, decision = conflict.alert, conflict.decision
        theirs = f"{alert.state} {alert.dismissed_reason or ''}".strip()
        ours = f"{decision.state} {decision.reason or ''}".strip()
        lines.append(
            f"conflict: {_alert_text(alert)} is {theirs} at GitHub and {ours} here; "
            f"what holds: {conflict.winner}"
        )
    lines += [f"no such alert: {decision.number}" for decision in synced.unknown]
    return lines + [f"refused: alert {d.number}: {error.message}" for d, error in synced.failed]


def _alert_text(alert: Alert) -> str:
    return f"alert {alert.number} ({alert.rule} in {alert.path})"
