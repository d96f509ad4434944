"""List, dismiss and reopen alerts of code scanning, and synchronize them with a store.

Source: GitHub Docs, "REST API endpoints for code scanning" (list, update an alert).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote

from secagg.github.client import Client
from secagg.github.failures import RATE_LIMITED, Failure, GitHubError
from secagg.github.limits import MOST_DISMISSAL_CHARACTERS
from secagg.jsonio.members import as_mapping, text_at
from secagg.system.dates import timestamp

# Seconds between two requests that change something.
_PAUSE_SECONDS = 1.0

MARK = "secagg: "
"""The first characters of the comment of a dismissal by secagg."""


class DismissalReason(StrEnum):
    """GitHub's reasons for dismissing an alert."""

    FALSE_POSITIVE = "false positive"
    WONT_FIX = "won't fix"
    IN_TESTS = "used in tests"


_DEFAULT_REASON = DismissalReason.WONT_FIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of GitHub. Its texts are untrusted. ``path`` is decoded."""

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
        """Whether a run of secagg dismissed it, and not a person at GitHub."""
        return (self.dismissed_comment or "").startswith(MARK)

    @property
    def location(self) -> tuple[str, str, str, int]:
        """The key by which an alert matches a result of an upload."""
        return self.tool, self.rule, self.path, self.line


class Alerts:
    """The alerts of one repository. Waits a second between changes.

    Source: GitHub Docs, "Best practices for using the REST API" (pause between requests that
    change something).
    """

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._has_changed = False
        self._delegated = False
        self._path = f"/repos/{repository}/code-scanning/alerts"

    def list(self, **params: str) -> Iterator[Alert]:
        """Yield alerts by GitHub's own filters (state, tool_name, ref, sort, direction)."""
        for alert in self._client.pages(self._path, **params):
            if isinstance(alert, Mapping) and isinstance(alert.get("number"), int):
                yield _alert(alert)

    def dismiss(self, number: int, reason: DismissalReason, comment: str) -> bool:
        """Dismiss an alert, with as much of ``comment`` as GitHub takes.

        Where the repository delegates dismissals, requests one and returns False. Raises
        :class:`GitHubError` if GitHub refuses that too.
        """
        if len(comment) > MOST_DISMISSAL_CHARACTERS:
            comment = comment[: MOST_DISMISSAL_CHARACTERS - 1] + "…"
        body = {"state": "dismissed", "dismissed_reason": reason, "dismissed_comment": comment}
        if not self._delegated:
            try:
                self._change(number, body)
                return True
            except GitHubError as error:
                if error.status != 403 or error.failure in RATE_LIMITED:
                    raise
                refusal = error
        else:
            refusal = None
        try:
            self._change(number, {**body, "create_request": True})
        except GitHubError as error:
            # 422: an earlier request is still open.
            if error.failure is not Failure.UNPROCESSABLE:
                raise (refusal or error) from None
        self._delegated = True
        return False

    def reopen(self, number: int) -> None:
        """Open a dismissed alert again."""
        self._change(number, {"state": "open"})

    def _change(self, number: int, body: Mapping[str, Any]) -> None:
        if self._has_changed:
            self._client.clock.sleep(_PAUSE_SECONDS)
        self._has_changed = True
        self._client.patch(f"{self._path}/{number}", body)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDecision:
    """A decision of the store on an alert. ``state`` is ``dismissed`` or ``open``.

    A dismissal has the text of a :class:`DismissalReason` as ``reason``. ``at`` is RFC 3339.
    """

    number: int
    state: str
    at: str
    reason: str | None = None
    comment: str = ""


class AlertStore(Protocol):
    """What :func:`synchronize` needs of a store, for one repository.

    ``cursor`` is the newest ``updated_at`` that was saved. ``written`` are the decisions last
    written to GitHub, by alert. ``decisions`` are the store's decisions on the given alerts.
    ``save`` replaces alerts and written decisions of the same numbers and keeps the others.
    ``apply_dismissals`` records what people dismissed at GitHub, withdraws what they reopened, and
    returns the alerts that changed a decision.
    """

    def cursor(self) -> str | None: ...

    def alerts(self) -> Mapping[int, Alert]: ...

    def decisions(self, alerts: Mapping[int, Alert]) -> Sequence[AlertDecision]: ...

    def written(self) -> Mapping[int, AlertDecision]: ...

    def apply_dismissals(self, alerts: Sequence[Alert], *, dry_run: bool) -> Sequence[Alert]: ...

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None: ...


class Winner(StrEnum):
    """Which decision counts where store and GitHub both changed since the last sync."""

    NOBODY = "nobody: decide in one of the two places"
    HERE = "here, which is newer"
    GITHUB = "GitHub, which is newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Different decisions on one alert in the store and at GitHub."""

    alert: Alert
    decision: AlertDecision
    winner: Winner


@dataclass(slots=True)
class SyncReport:
    """The outcome of a sync: alerts read, decisions written, and dismissals taken from GitHub.

    In a dry run, those that would be. ``requested`` dismissals wait for approval, where the
    repository delegates dismissals. ``unknown`` are decisions on alerts that GitHub lacks.
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
) -> SyncReport:
    """Read changed alerts of GitHub into ``store``, and write the store's decisions to GitHub.

    Records a dismissal by a person at GitHub, unless the store decides otherwise. Writes a decision
    where nobody has decided at GitHub: the alert is open and was never written, or it is as secagg
    left it. Anything else is a conflict, which is reported each time; only with ``newer_wins`` the
    newer decision counts. A dry run changes neither side. Raises :class:`GitHubError` if alerts
    cannot be read; decisions that GitHub refuses are in ``failed``.
    """
    api = Alerts(client, repository)
    written = store.written()
    changed = _changed(api, store.cursor())
    alerts = {**store.alerts(), **{alert.number: alert for alert in changed}}
    report = SyncReport(read=len(changed))
    keep_open: set[int] = set()
    for decision in store.decisions(alerts):
        alert = alerts.get(decision.number)
        if alert is None:
            report.unknown.append(decision)
        elif not _agrees(alert, decision) and _may_write(
            written.get(alert.number), alert, decision, newer_wins, report
        ):
            _write(api, decision, report, dry_run)
            keep_open.add(decision.number)
    keep_open |= {
        conflict.alert.number
        for conflict in report.conflicts
        if conflict.winner is not Winner.GITHUB
    }
    by_people = [a for a in alerts.values() if a.number not in keep_open and not a.by_secagg]
    report.taken = store.apply_dismissals(by_people, dry_run=dry_run)
    if not dry_run:
        cursor = max((alert.updated_at for alert in changed), default=store.cursor())
        store.save(changed, cursor, report.written)
    return report


def _alert(alert: Mapping[str, Any]) -> Alert:
    instance = as_mapping(alert.get("most_recent_instance"))
    location = as_mapping(instance.get("location"))
    line = location.get("start_line")
    return Alert(
        number=alert["number"],
        state=text_at(alert, "state") or "",
        tool=text_at(alert, "tool", "name") or "",
        rule=text_at(alert, "rule", "id") or "",
        path=unquote(text_at(location, "path") or ""),
        line=line if isinstance(line, int) else 0,
        category=text_at(instance, "category") or "",
        updated_at=text_at(alert, "updated_at") or "",
        dismissed_reason=text_at(alert, "dismissed_reason"),
        dismissed_comment=text_at(alert, "dismissed_comment"),
        dismissed_at=text_at(alert, "dismissed_at"),
        dismissed_by=text_at(alert, "dismissed_by", "login"),
        url=text_at(alert, "html_url"),
    )


def _changed(api: Alerts, cursor: str | None) -> list[Alert]:
    """Return the alerts that changed at or after ``cursor``, the newest first."""
    changed = []
    for alert in api.list(sort="updated", direction="desc"):
        if cursor is not None and alert.updated_at < cursor:
            break
        changed.append(alert)
    return changed


def _agrees(alert: Alert, decision: AlertDecision) -> bool:
    if alert.state == "fixed":
        # A fixed alert needs no decision.
        return True
    if decision.state == "dismissed":
        same_reason = alert.dismissed_reason == decision.reason or alert.by_secagg
        return alert.state == "dismissed" and same_reason
    return alert.state == "open"


def _may_write(
    written: AlertDecision | None,
    alert: Alert,
    decision: AlertDecision,
    newer_wins: bool,
    report: SyncReport,
) -> bool:
    """Return whether to write ``decision`` to GitHub; else report a conflict."""
    if alert.state == "open" if written is None else _agrees(alert, written):
        return True
    winner = Winner.NOBODY
    if newer_wins:
        dismissed = alert.dismissed_at or alert.updated_at
        winner = Winner.HERE if timestamp(decision.at) > timestamp(dismissed) else Winner.GITHUB
    report.conflicts.append(Conflict(alert=alert, decision=decision, winner=winner))
    return winner is Winner.HERE


def _write(api: Alerts, decision: AlertDecision, report: SyncReport, dry_run: bool) -> None:
    try:
        if not dry_run and decision.state == "dismissed":
            reason = next((r for r in DismissalReason if r == decision.reason), _DEFAULT_REASON)
            if not api.dismiss(decision.number, reason, decision.comment):
                report.requested.append(decision)
                return
        elif not dry_run:
            api.reopen(decision.number)
    except GitHubError as error:
        report.failed.append((decision, error))
        return
    report.written.append(decision)
