"""The store as the side of ``secagg sync`` that is not GitHub.

An alert and a problem are the same by tool, rule and place: GitHub tells no fingerprints. What is
said of a problem here becomes a dismissal there; what people dismiss there becomes a decision
here, which says so.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from secagg.github.alerts import MARK, REASONS, Alert, AlertDecision
from secagg.history import Store
from secagg.history.alerts import StoredAlert
from secagg.model.problem import Problem, State, Triage
from secagg.pipeline.sarifruns import driver
from secagg.secrets.lastfilter import run_redactor

_FALSE_POSITIVE, _WONT_FIX, _IN_TESTS = REASONS


_SETTLED = {State.FALSE_POSITIVE: _FALSE_POSITIVE, State.ACCEPTED: _WONT_FIX}


_Place = tuple[str, str, str, int]


class StoreAlerts:
    """An :class:`secagg.github.alerts.AlertStore` in the store, of one repository in it.

    ``branch`` is asked first what an alert is about; ``prefix`` is where the scanned directory is
    in the repository; ``filed`` are the decisions in git, which are this side's too.
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
        self._kept = store.alerts(repository)
        problems = list(store.problems(repository, file_decisions=filed))
        # The branch's own word on a place is the last to be put there.
        problems.sort(key=lambda p: (p.branch == branch, p.last_seen is not None, p.last_seen))
        self._problems: dict[str, Problem] = {}
        self._at: dict[_Place, str] = {}
        self._in_file: dict[tuple[str, str, str], set[str]] = {}
        for problem in problems:
            if problem.fixed_at is not None:
                continue
            self._problems[problem.identity] = problem
            for place in _places(problem, prefix):
                self._at[place] = problem.identity
                self._in_file.setdefault(place[:3], set()).add(problem.identity)

    def cursor(self) -> str | None:
        return max((alert.updated_at for alert in self._kept.values()), default=None)

    def alerts(self) -> Mapping[int, Alert]:
        return {n: Alert(**json.loads(kept.document)) for n, kept in self._kept.items()}

    def written(self) -> Mapping[int, AlertDecision]:
        return {
            number: AlertDecision(**json.loads(kept.written))
            for number, kept in self._kept.items()
            if kept.written is not None
        }

    def decisions(self, alerts: Mapping[int, Alert]) -> Sequence[AlertDecision]:
        """One for each alert on whose problem this side has decided, or has taken that back."""
        written = self.written()
        made = (self._decision(alert, written.get(n)) for n, alert in sorted(alerts.items()))
        return [decision for decision in made if decision is not None]

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None:
        last = {decision.number: json.dumps(asdict(decision)) for decision in written}
        changed = {
            alert.number: _kept_alert(alert, self._kept.get(alert.number)) for alert in alerts
        }
        for number, said in last.items():
            before = changed.get(number) or self._kept[number]
            changed[number] = StoredAlert(
                number=number,
                updated_at=before.updated_at,
                document=before.document,
                written=said,
            )
        self._store.save_alerts(self._repository, changed.values())
        self._kept |= changed

    def take(self, alerts: Sequence[Alert], *, dry_run: bool) -> Sequence[Alert]:
        """Decide as people did at GitHub, and take back what they opened again."""
        known = {
            made.alert: (identity, made)
            for identity, said in self._store.newest_decisions(self._repository).items()
            for made in said
            if made.alert is not None
        }
        taken = []
        for alert in alerts:
            name = _name(alert)
            before = known.get(name)
            if alert.state == "dismissed":
                identity, made = self.problem_of(alert), _triage(alert)
                if identity is None or (before is not None and before[1].at == made.at):
                    continue
                taken.append(alert)
                if not dry_run:
                    self._store.triage(self._repository, [identity], made)
            elif alert.state == "open" and before is not None:
                taken.append(alert)
                if not dry_run:
                    self._store.undo_dismissal(self._repository, name, who="GitHub")
        return taken

    def problem_of(self, alert: Alert) -> str | None:
        """Return the identity of the problem that ``alert`` is about, None if the store has none.

        A line may have moved since the upload: then the only problem of the rule in the file.
        """
        place = (alert.tool.casefold(), *alert.place[1:])
        identity = self._at.get(place)
        if identity is not None:
            return identity
        others = self._in_file.get(place[:3], set())
        return next(iter(others)) if len(others) == 1 else None

    def _decision(self, alert: Alert, last: AlertDecision | None) -> AlertDecision | None:
        identity = self.problem_of(alert)
        triage = None if identity is None else self._problems[identity].triage
        if triage is not None and triage.alert is not None:
            return None
        if triage is None or triage.state is State.FIXED:
            if last is None or last.state != "dismissed" or identity is None:
                return None
            # What was dismissed from here was taken back since, or its day is over.
            return AlertDecision(number=alert.number, state="open", at=_text(_now()))
        at = _text(triage.at or _now())
        reason = _SETTLED.get(triage.state)
        if reason is None:
            return AlertDecision(number=alert.number, state="open", at=at)
        notes = [note for note in (triage.by and f"by {triage.by}", _until(triage)) if note]
        comment = f"{MARK}{triage.reason}" + (f" ({', '.join(notes)})" if notes else "")
        return AlertDecision(
            number=alert.number, state="dismissed", at=at, reason=reason, comment=comment
        )


def _places(problem: Problem, prefix: str) -> Iterable[_Place]:
    for source in problem.sources:
        if source.uri is not None:
            tool = driver(source.tool).casefold()
            yield tool, source.rule_id, f"{prefix}{source.uri}", source.line or 1


def _triage(alert: Alert) -> Triage:
    """The dismissal as a decision. What is used in tests only is an accepted risk."""
    reason = alert.dismissed_reason or _WONT_FIX
    state = State.FALSE_POSITIVE if reason == _FALSE_POSITIVE else State.ACCEPTED
    words = " ".join((alert.dismissed_comment or "").split())
    said = f"{reason}: {words}" if words else f"{reason}, dismissed at GitHub"
    return Triage(
        state=state,
        reason=run_redactor().mask(said),
        by=alert.dismissed_by or "GitHub",
        at=_moment(alert.dismissed_at or alert.updated_at),
        alert=_name(alert),
    )


def _name(alert: Alert) -> str:
    return alert.url or f"alert {alert.number}"


def _kept_alert(alert: Alert, before: StoredAlert | None) -> StoredAlert:
    data: dict[str, Any] = asdict(alert)
    return StoredAlert(
        number=alert.number,
        updated_at=alert.updated_at,
        document=json.dumps(data),
        written=None if before is None else before.written,
    )


def _until(triage: Triage) -> str | None:
    return None if triage.expires is None else f"until {triage.expires}"


def _moment(text: str) -> datetime.datetime:
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return _now()
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)


def _text(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
