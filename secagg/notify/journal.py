"""Record in the store's audit log which runs were sent to which target, so that none is sent twice.

All machines of a team share the log, and nobody can change its entries. An entry is written before
a message is sent and another after it. A message without the second may have arrived, so secagg
does not send it again by itself.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from secagg.history.audit import change
from secagg.model.problem import RunRecord
from secagg.report.standing import LastRuns, newest_runs

if TYPE_CHECKING:
    from secagg.history import Store

WHAT = "notify"
# A repository and a branch of it.
_Branch = tuple[str, str]


class Sending(StrEnum):
    """The last known state of a message."""

    BEGUN = "begun"
    SENT = "sent"
    FAILED = "failed"


@dataclass(slots=True)
class _Message:
    """One message: its runs, when sending began, and its last recorded state."""

    runs: list[dict[str, str]]
    at: datetime.datetime
    state: Sending = Sending.BEGUN

    @property
    def keys(self) -> set[str]:
        return {run["key"] for run in self.runs}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The runs that were sent to a target, by their keys, with the time of sending.

    ``unclear`` are runs of messages that may have arrived. ``starts`` is when the last run of each
    branch began that was sent, and ``missed`` when the first one began whose message failed, or
    may have. ``messages`` are the names of all messages. All times are in UTC.
    """

    runs: Mapping[str, datetime.datetime] = field(default_factory=dict)
    unclear: Mapping[str, datetime.datetime] = field(default_factory=dict)
    starts: Mapping[_Branch, datetime.datetime] = field(default_factory=dict)
    missed: Mapping[_Branch, datetime.datetime] = field(default_factory=dict)
    messages: Collection[str] = ()

    def pending(self, runs: Iterable[RunRecord]) -> list[RunRecord]:
        """Return the newest run of each branch that was not sent to the target."""
        sent = self.runs.keys() | self.unclear.keys()
        return [run for run in newest_runs(runs) if run.key not in sent]

    def new_since(self, runs: Sequence[RunRecord]) -> LastRuns:
        """Return from when on problems are new to the target.

        That is the first run of a branch after the last one that was sent, so that the problems of
        a failed message are sent with the next; on a branch without one, it is the newest run.
        """
        starts = dict(LastRuns.of(runs).started)
        for branch, start in self.missed.items():
            if branch in starts and branch not in self.starts:
                starts[branch] = min(start, starts[branch])
        for run in runs:
            branch = (run.repository, run.branch)
            last_sent = self.starts.get(branch)
            if last_sent is not None and last_sent < run.started_at < starts[branch]:
                starts[branch] = run.started_at
        return LastRuns(starts)


class DeliveryJournal:
    """The messages of one ``subject``: a target, and the filters of its digest."""

    def __init__(self, store: Store, subject: str, who: str) -> None:
        self._store = store
        self._subject = subject
        self._who = who

    def deliveries(self) -> Deliveries:
        """Return what was sent to the target so far."""
        messages = self._messages()
        runs: dict[str, datetime.datetime] = {}
        unclear: dict[str, datetime.datetime] = {}
        starts: dict[_Branch, datetime.datetime] = {}
        missed: dict[_Branch, datetime.datetime] = {}
        for message in messages.values():
            if message.state is Sending.BEGUN:
                unclear.update(dict.fromkeys(message.keys, message.at))
            sent = message.state is Sending.SENT
            if sent:
                runs.update(dict.fromkeys(message.keys, message.at))
            for run in message.runs:
                branch = (run["repository"], run["branch"])
                started = datetime.datetime.fromisoformat(run["started_at"])
                times, choose = (starts, max) if sent else (missed, min)
                times[branch] = choose(started, times.get(branch, started))
        unclear = {key: at for key, at in unclear.items() if key not in runs}
        return Deliveries(runs, unclear, starts, missed, messages.keys())

    def begin(self, runs: Sequence[RunRecord], deliveries: Deliveries) -> str | None:
        """Write that a message on ``runs`` is being sent; return its name for :meth:`end`.

        Returns None where another process began one on any of them after ``deliveries`` were read.
        """
        name = secrets.token_hex(8)
        self.end(name, runs, Sending.BEGUN)
        keys = {run.key for run in runs}
        for other, message in self._messages().items():
            if other == name:
                break
            if other in deliveries.messages or message.state is Sending.FAILED:
                continue
            if not keys & message.keys:
                continue
            self.end(name, runs, Sending.FAILED)
            return None
        return name

    def end(self, name: str, runs: Sequence[RunRecord], state: Sending) -> None:
        """Write the state of the message ``name``."""
        after = {
            "message": name,
            "state": state.value,
            "runs": [
                {
                    "key": run.key,
                    "repository": run.repository,
                    "branch": run.branch,
                    "started_at": run.started_at.isoformat(),
                }
                for run in runs
            ],
        }
        self._store.note(change(self._who, WHAT, self._subject, after=after))

    def _messages(self) -> dict[str, _Message]:
        """Return the messages by name, oldest first."""
        messages: dict[str, _Message] = {}
        for entry in reversed(self._store.audit(subjects=[self._subject])):
            if entry.what != WHAT or entry.after is None:
                continue
            name, state = entry.after["message"], Sending(entry.after["state"])
            if state is Sending.BEGUN:
                messages[name] = _Message(runs=entry.after["runs"], at=entry.at)
            elif name in messages:
                messages[name].state = state
        return messages
