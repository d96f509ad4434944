"""Alerts of code scanning: list, dismiss and reopen them, and agree with decisions made here.

Source: GitHub Docs, "REST API endpoints for code scanning" (list, update an alert).

Where alerts are kept is not known here: :class:`AlertStore` is all that a store has to offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote

from secagg.github.client import Client
from secagg.github.event import mapping, text_at
from secagg.github.failures import LIMITED, Failure, GitHubError
from secagg.github.limits import LONGEST_DISMISSAL

# Seconds between two requests that change something.
_PAUSE = 1.0


# What our dismissals begin with, by which they are known again.
MARK = "secagg: "


REASONS = ("false positive", "won't fix", "used in tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as GitHub tells it. Texts are untrusted. ``path`` is decoded."""

    number: int
    state: str
    tool: str
    rule: str
    path: str
    line: int
    category: str
    updated_at: str
    dismissed_reason: str | None = None
    dismissed_comment: str | None = None
    dismissed_at: str | None = None
    dismissed_by: str | None = None
    url: str | None = None

    @property
    def by_secagg(self) -> bool:
        """Whether it was dismissed by a run of secagg, and not by a person at GitHub."""
        return (self.dismissed_comment or "").startswith(MARK)

    @property
    def place(self) -> tuple[str, str, str, int]:
        """By what an alert and a result of an upload are known to be the same."""
        return self.tool, self.rule, self.path, self.line


class Alerts:
    """The alerts of one repository. Changes are a second apart, as GitHub asks for.

    Source: GitHub Docs, "Best practices for using the REST API" (pause between requests that
    change something).
    """

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._changed_before = False
        self._by_request = False
        self._path = f"/repos/{repository}/code-scanning/alerts"

    def list(self, **params: str) -> Iterator[Alert]:
        """Alerts by GitHub's own filters (state, tool_name, ref, sort, direction)."""
        for item in self._client.pages(self._path, **params):
            if isinstance(item, Mapping) and isinstance(item.get("number"), int):
                yield _alert(item)

    def dismiss(self, number: int, reason: str, comment: str) -> bool:
        """Dismiss an alert; a longer comment than GitHub takes is cut.

        False where dismissals are delegated, so that it could only be asked for. Raises
        :class:`GitHubError` if that is refused as well.
        """
        assert reason in REASONS
        if len(comment) > LONGEST_DISMISSAL:
            comment = comment[: LONGEST_DISMISSAL - 1] + "…"
        body = {"state": "dismissed", "dismissed_reason": reason, "dismissed_comment": comment}
        if not self._by_request:
            try:
                self._change(number, body)
                return True
            except GitHubError as error:
                if error.status != 403 or error.failure in LIMITED:
                    raise
                refused = error
        else:
            refused = None
        try:
            self._change(number, {**body, "create_request": True})
        except GitHubError as error:
            # 422: it was asked for before, and nobody has answered yet.
            if error.failure is not Failure.UNPROCESSABLE:
                raise (refused or error) from None
        self._by_request = True
        return False

    def reopen(self, number: int) -> None:
        """Open a dismissed alert again."""
        self._change(number, {"state": "open"})

    def _change(self, number: int, body: Mapping[str, Any]) -> None:
        if self._changed_before:
            self._client.clock.sleep(_PAUSE)
        self._changed_before = True
        self._client.patch(f"{self._path}/{number}", body)


def _alert(item: Mapping[str, Any]) -> Alert:
    instance = mapping(item.get("most_recent_instance"))
    place = mapping(instance.get("location"))
    line = place.get("start_line")
    return Alert(
        number=item["number"],
        state=text_at(item, "state") or "",
        tool=text_at(item, "tool", "name") or "",
        rule=text_at(item, "rule", "id") or "",
        path=unquote(text_at(place, "path") or ""),
        line=line if isinstance(line, int) else 0,
        category=text_at(instance, "category") or "",
        updated_at=text_at(item, "updated_at") or "",
        dismissed_reason=text_at(item, "dismissed_reason"),
        dismissed_comment=text_at(item, "dismissed_comment"),
        dismissed_at=text_at(item, "dismissed_at"),
        dismissed_by=text_at(item, "dismissed_by", "login"),
        url=text_at(item, "html_url"),
    )


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


def synchronize(
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
