"""``secagg sync`` without its option parsing."""

from __future__ import annotations

import os
from pathlib import Path

from secagg.exitcodes import ExitCode
from secagg.github.alertfile import AlertFile
from secagg.github.client import Client
from secagg.github.sync import Synced, sync
from secagg.github.target import Asked, find_repository
from secagg.github.token import find_token
from secagg.output import console
from secagg.output.escape import terminal


def sync_alerts(asked: Asked, store: Path, *, root: Path, newer_wins: bool, dry_run: bool) -> int:
    """Run ``secagg sync``: 0, or 4 where GitHub refused a decision."""
    repository, address = find_repository(asked, os.environ, root)
    kept = AlertFile(store, repository)
    with Client(address, find_token(os.environ)) as client:
        done = sync(client, repository, kept, newer_wins=newer_wins, dry_run=dry_run)
    console.out("".join(f"{terminal(line)}\n" for line in _lines(done, dry_run)))
    return int(ExitCode.STORE_OR_UPLOAD if done.failed else ExitCode.PASS)


def _lines(done: Synced, dry_run: bool) -> list[str]:
    would = "to be written" if dry_run else "written"
    counts = (
        f"{done.read} alerts changed at GitHub; {len(done.written)} decisions {would}; "
        f"{len(done.conflicts)} conflicts"
    )
    lines = [counts]
    lines += [f"{would}: alert {d.number} {d.state} {d.reason or ''}" for d in done.written]
    lines += [f"dismissal requested: alert {d.number}" for d in done.requested]
    for conflict in done.conflicts:
        alert, decision = conflict.alert, conflict.decision
        theirs = f"{alert.state} {alert.dismissed_reason or ''}".strip()
        ours = f"{decision.state} {decision.reason or ''}".strip()
        lines.append(
            f"conflict: alert {alert.number} ({alert.rule} in {alert.path}) is {theirs} at GitHub "
            f"and {ours} here; what holds: {conflict.winner}"
        )
    lines += [f"no such alert: {decision.number}" for decision in done.unknown]
    return lines + [f"refused: alert {d.number}: {error.message}" for d, error in done.failed]
