"""Give ``secagg sync`` the store: match GitHub's alerts with problems, and exchange decisions.

An alert matches a problem by tool, rule and location, because GitHub's API returns no fingerprints.
A decision in the store becomes a dismissal at GitHub; a dismissal by a person at GitHub becomes a
decision in the store.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from secagg.github.alerts import MARK, Alert, AlertDecision, DismissalReason
from secagg.history import Store
from secagg.history.alerts import StoredAlert
from secagg.model.problem import Problem, State, Triage
from secagg.pipeline.sarifruns import driver
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import parse_time, utc_now

_DISMISSAL_REASONS = {
    State.FALSE_POSITIVE: DismissalReason.FALSE_POSITIVE,
    State.ACCEPTED: DismissalReason.WONT_FIX,
}

# Tool, rule, path and line.
_Location = tuple[str, str, str, int]


class StoreAlerts:
    """The :class:`secagg.github.alerts.AlertStore` of one repository in the store.

    Where branches differ in the problem at a location, ``branch`` counts. ``prefix`` is the path of
    the scanned directory in the repository. ``filed`` are the decisions in the triage file.
    """

    def __init__(
        self,
        store: Store,
        repository: str,
        *,
        branch: str,
        prefix: str = "",
        filed: Mapping[str, Triage] | None = None,
    ) -> None:
        self._store, self._repository = store, repository
        self._alerts = store.alerts(repository)
        problems = list(store.problems(repository, file_decisions=filed))
        # The last problem put at a location wins: that of ``branch``, else the newest.
        problems.sort(key=lambda p: (p.branch == branch, p.last_seen is not None, p.last_seen))
        self._problems: dict[str, Problem] = {}
        self._by_location: dict[_Location, str] = {}
        self._by_file: dict[tuple[str, str, str], set[str]] = {}
        for problem in problems:
            if problem.fixed_at is not None:
                continue
            self._problems[problem.identity] = problem
            for location in _locations(problem, prefix):
                self._by_location[location] = problem.identity
                self._by_file.setdefault(location[:3], set()).add(problem.identity)

    def cursor(self) -> str | None:
        return max((alert.updated_at for alert in self._alerts.values()), default=None)

    def alerts(self) -> Mapping[int, Alert]:
        return {
            number: Alert(**json.loads(record.document)) for number, record in self._alerts.items()
        }

    def written(self) -> Mapping[int, AlertDecision]:
        return {
            number: AlertDecision(**json.loads(record.written))
            for number, record in self._alerts.items()
            if record.written is not None
        }

    def decisions(self, alerts: Mapping[int, Alert]) -> Sequence[AlertDecision]:
        """Return a decision for each alert whose problem was decided here, or reopened since."""
        written = self.written()
        candidates = (
            self._decision(alert, written.get(number)) for number, alert in sorted(alerts.items())
        )
        return [decision for decision in candidates if decision is not None]

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None:
        documents = {decision.number: json.dumps(asdict(decision)) for decision in written}
        changed = {
            alert.number: _alert_record(alert, self._alerts.get(alert.number)) for alert in alerts
        }
        for number, document in documents.items():
            record = changed.get(number) or self._alerts[number]
            changed[number] = StoredAlert(
                number=number,
                updated_at=record.updated_at,
                document=record.document,
                written=document,
            )
        self._store.save_alerts(self._repository, changed.values())
        self._alerts |= changed

    def apply_dismissals(self, alerts: Sequence[Alert], *, dry_run: bool) -> Sequence[Alert]:
        """Record what people dismissed at GitHub, and withdraw that where they reopened it."""
        dismissals = {
            decision.alert: (identity, decision)
            for identity, decisions in self._store.newest_decisions(self._repository).items()
            for decision in decisions
            if decision.alert is not None
        }
        changed = []
        for alert in alerts:
            key = _alert_key(alert)
            last = dismissals.get(key)
            if alert.state == "dismissed":
                identity, decision = self.problem_of(alert), _triage(alert)
                if identity is None or (last is not None and last[1].at == decision.at):
                    continue
                changed.append(alert)
                if not dry_run:
                    self._store.triage(self._repository, [identity], decision)
            elif alert.state == "open" and last is not None:
                changed.append(alert)
                if not dry_run:
                    self._store.undo_dismissal(self._repository, key, who="GitHub")
        return changed

    def problem_of(self, alert: Alert) -> str | None:
        """Return the identity of the problem that ``alert`` is about, None if the store has none.

        A line may have moved since the upload: then the only problem of the rule in the file.
        """
        location = (alert.tool.casefold(), *alert.location[1:])
        identity = self._by_location.get(location)
        if identity is not None:
            return identity
        identities = self._by_file.get(location[:3], set())
        return next(iter(identities)) if len(identities) == 1 else None

    def _decision(self, alert: Alert, last: AlertDecision | None) -> AlertDecision | None:
        identity = self.problem_of(alert)
        triage = None if identity is None else self._problems[identity].triage
        if triage is not None and triage.alert is not None:
            return None
        if triage is None or triage.state is State.FIXED:
            if last is None or last.state != "dismissed" or identity is None:
                return None
            # The decision behind our dismissal was withdrawn or has expired.
            return AlertDecision(number=alert.number, state="open", at=_iso_utc(utc_now()))
        at = _iso_utc(triage.at or utc_now())
        reason = _DISMISSAL_REASONS.get(triage.state)
        if reason is None:
            return AlertDecision(number=alert.number, state="open", at=at)
        notes = [f"by {triage.by}"] if triage.by else []
        notes += [] if triage.expires is None else [f"until {triage.expires}"]
        comment = f"{MARK}{triage.reason}" + (f" ({', '.join(notes)})" if notes else "")
        return AlertDecision(
            number=alert.number, state="dismissed", at=at, reason=reason, comment=comment
        )


def _locations(problem: Problem, prefix: str) -> Iterable[_Location]:
    for source in problem.sources:
        if source.uri is not None:
            tool = driver(source.tool).casefold()
            yield tool, source.rule_id, f"{prefix}{source.uri}", source.line or 1


def _triage(alert: Alert) -> Triage:
    """Return a dismissal as a decision. "Used in tests" becomes an accepted risk."""
    reason = alert.dismissed_reason or DismissalReason.WONT_FIX
    state = State.FALSE_POSITIVE if reason == DismissalReason.FALSE_POSITIVE else State.ACCEPTED
    comment = " ".join((alert.dismissed_comment or "").split())
    text = f"{reason}: {comment}" if comment else f"{reason}, dismissed at GitHub"
    return Triage(
        state=state,
        reason=run_redactor().mask(text),
        by=alert.dismissed_by or "GitHub",
        at=parse_time(alert.dismissed_at or alert.updated_at) or utc_now(),
        alert=_alert_key(alert),
    )


def _alert_key(alert: Alert) -> str:
    return alert.url or f"alert {alert.number}"


def _alert_record(alert: Alert, previous: StoredAlert | None) -> StoredAlert:
    document: dict[str, Any] = asdict(alert)
    return StoredAlert(
        number=alert.number,
        updated_at=alert.updated_at,
        document=json.dumps(document),
        written=None if previous is None else previous.written,
    )


def _iso_utc(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
