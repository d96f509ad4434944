"""Alerts and their dismissals, brought into agreement with the decisions that are kept here.

Where alerts are kept is not known here: :class:`AlertStore` is all that a store has to offer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from secagg.github.alerts import REASONS, Alert, Alerts
from secagg.github.client import Client
from secagg.github.failures import GitHubError


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDecision:
    """What was decided here about an alert. ``state`` is ``dismissed`` or ``open``.

    ``reason`` is one of GitHub's where the state is ``dismissed``. ``at`` is RFC 3339.
    """

    number: int
    state: str
    at: str
    reason: str | None = None
    comment: str = ""


class AlertStore(Protocol):
    """What :func:`sync` needs of a store; all of it is about one repository.

    ``cursor`` is the newest ``updated_at`` that was saved. ``written`` are the decisions that
    were last brought to GitHub, by alert. ``decisions`` are those of this side on what the given
    alerts are about. ``save`` replaces alerts and written decisions of the same numbers and keeps
    the others. ``take`` keeps what people decided at GitHub, and takes back what they have opened
    again; it answers the alerts on which that changed something here.
    """

    def cursor(self) -> str | None: ...

    def alerts(self) -> Mapping[int, Alert]: ...

    def decisions(self, alerts: Mapping[int, Alert]) -> Sequence[AlertDecision]: ...

    def written(self) -> Mapping[int, AlertDecision]: ...

    def take(self, alerts: Sequence[Alert], *, dry_run: bool) -> Sequence[Alert]: ...

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None: ...


class Winner(StrEnum):
    """Whose word holds where both sides decided differently since the last sync."""

    NOBODY = "nobody: decide in one of the two places"
    HERE = "here, which is newer"
    GITHUB = "GitHub, which is newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Both sides changed an alert, and not in the same way."""

    alert: Alert
    decision: AlertDecision
    winner: Winner


@dataclass(slots=True)
class Synced:
    """What a sync came to: alerts read, decisions written and taken (or to be, in a dry run).

    ``requested`` are dismissals that wait for consent, where the repository delegates them.
    """

    read: int = 0
    taken: Sequence[Alert] = ()
    written: list[AlertDecision] = field(default_factory=list)
    requested: list[AlertDecision] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    unknown: list[AlertDecision] = field(default_factory=list)
    failed: list[tuple[AlertDecision, GitHubError]] = field(default_factory=list)


def sync(
    client: Client,
    repository: str,
    store: AlertStore,
    *,
    newer_wins: bool = False,
    dry_run: bool = False,
) -> Synced:
    """Read what changed at GitHub into ``store``, and write its decisions there.

    What people dismissed at GitHub is decided here too, unless this side says otherwise.
    A decision is written where nobody has decided at GitHub: the alert is open and never had a
    decision from here, or it is as the last decision from here left it. Anything else is a
    conflict: shown each time, and settled by time only with ``newer_wins``.
    A dry run changes neither side. Raises :class:`GitHubError` if alerts cannot be read; a
    decision that GitHub refuses is reported in ``failed``.
    """
    api = Alerts(client, repository)
    written = store.written()
    changed = _changed(api, store.cursor())
    now = {**store.alerts(), **{alert.number: alert for alert in changed}}
    done = Synced(read=len(changed))
    contested: set[int] = set()
    for decision in store.decisions(now):
        alert = now.get(decision.number)
        if alert is None:
            done.unknown.append(decision)
        elif not _agrees(alert, decision) and _holds(
            written.get(alert.number), alert, decision, newer_wins, done
        ):
            _write(api, decision, done, dry_run)
            contested.add(decision.number)
    contested |= {c.alert.number for c in done.conflicts if c.winner is not Winner.GITHUB}
    theirs = [a for a in now.values() if a.number not in contested and not a.by_secagg]
    done.taken = store.take(theirs, dry_run=dry_run)
    if not dry_run:
        cursor = max((alert.updated_at for alert in changed), default=store.cursor())
        store.save(changed, cursor, done.written)
    return done


def _changed(api: Alerts, cursor: str | None) -> list[Alert]:
    """The alerts that changed at or after ``cursor``: pages end where nothing newer can come."""
    changed = []
    for alert in api.list(sort="updated", direction="desc"):
        if cursor is not None and alert.updated_at < cursor:
            break
        changed.append(alert)
    return changed


def _agrees(alert: Alert, decision: AlertDecision) -> bool:
    if alert.state == "fixed":
        # Nothing is left to be decided.
        return True
    if decision.state == "dismissed":
        same = alert.dismissed_reason == decision.reason or alert.by_secagg
        return alert.state == "dismissed" and same
    return alert.state == "open"


def _holds(
    last: AlertDecision | None, now: Alert, decision: AlertDecision, newer_wins: bool, done: Synced
) -> bool:
    """Whether ``decision`` is to be written over what GitHub has."""
    if now.state == "open" if last is None else _agrees(now, last):
        return True
    winner = Winner.NOBODY
    if newer_wins:
        theirs = now.dismissed_at or now.updated_at
        winner = Winner.HERE if _moment(decision.at) > _moment(theirs) else Winner.GITHUB
    done.conflicts.append(Conflict(alert=now, decision=decision, winner=winner))
    return winner is Winner.HERE


def _write(api: Alerts, decision: AlertDecision, done: Synced, dry_run: bool) -> None:
    try:
        if not dry_run and decision.state == "dismissed":
            reason = decision.reason if decision.reason in REASONS else "won't fix"
            if not api.dismiss(decision.number, reason, decision.comment):
                done.requested.append(decision)
                return
        elif not dry_run:
            api.reopen(decision.number)
    except GitHubError as error:
        done.failed.append((decision, error))
        return
    done.written.append(decision)


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
