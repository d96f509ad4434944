"""Keep in the store's audit log which target was told of which runs, so that none is told twice.

The log is where all machines of a team look, and nobody can change its entries. An entry is written
before a message is sent and one after it: a message of which the second is missing may have
arrived, so it is not sent again by itself.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from secagg.history.deciding import change
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
class _Claim:
    """One message: what it told of, when it was begun, and how it ended, as far as is known."""

    runs: list[dict[str, str]]
    at: datetime.datetime
    state: Sending = Sending.BEGUN

    @property
    def keys(self) -> set[str]:
        return {run["key"] for run in self.runs}


@dataclass(frozen=True, slots=True)
class Told:
    """What a target was told, by the keys of runs, with the time of sending.

    ``unclear`` are runs of messages that may have arrived. ``starts`` is when the last run of each
    branch began that it was told of, and ``missed`` when the first one began of which a message
    failed, or may have. All times are in UTC.
    """

    runs: Mapping[str, datetime.datetime] = field(default_factory=dict)
    unclear: Mapping[str, datetime.datetime] = field(default_factory=dict)
    starts: Mapping[_Branch, datetime.datetime] = field(default_factory=dict)
    missed: Mapping[_Branch, datetime.datetime] = field(default_factory=dict)
    claims: Collection[str] = ()

    def pending(self, runs: Iterable[RunRecord]) -> list[RunRecord]:
        """Return the newest run of each branch that the target was not told of."""
        told = self.runs.keys() | self.unclear.keys()
        return [run for run in newest_runs(runs) if run.key not in told]

    def new_since(self, runs: Sequence[RunRecord]) -> LastRuns:
        """Return from when on problems are new to the target.

        That is the first run of a branch after the last one that it was told of, so that what a
        failed message held is not lost; on a branch that it never was told of, the newest run.
        """
        starts = dict(LastRuns.of(runs).started)
        for branch, start in self.missed.items():
            if branch in starts and branch not in self.starts:
                starts[branch] = min(start, starts[branch])
        for run in runs:
            branch = (run.repository, run.branch)
            told = self.starts.get(branch)
            if told is not None and told < run.started_at < starts[branch]:
                starts[branch] = run.started_at
        return LastRuns(starts)


class DeliveryJournal:
    """The messages of one ``subject``: a target, with the filters of what it is told."""

    def __init__(self, store: Store, subject: str, who: str) -> None:
        self._store = store
        self._subject = subject
        self._who = who

    def told(self) -> Told:
        """Return what the target was told so far."""
        claims = self._claims()
        runs: dict[str, datetime.datetime] = {}
        unclear: dict[str, datetime.datetime] = {}
        starts: dict[_Branch, datetime.datetime] = {}
        missed: dict[_Branch, datetime.datetime] = {}
        for claim in claims.values():
            if claim.state is Sending.BEGUN:
                unclear.update(dict.fromkeys(claim.keys, claim.at))
            sent = claim.state is Sending.SENT
            if sent:
                runs.update(dict.fromkeys(claim.keys, claim.at))
            for run in claim.runs:
                branch = (run["repository"], run["branch"])
                started = datetime.datetime.fromisoformat(run["started_at"])
                times, choose = (starts, max) if sent else (missed, min)
                times[branch] = choose(started, times.get(branch, started))
        unclear = {key: at for key, at in unclear.items() if key not in runs}
        return Told(runs, unclear, starts, missed, claims.keys())

    def begin(self, runs: Sequence[RunRecord], told: Told) -> str | None:
        """Write that a message on ``runs`` is being sent; return its name for :meth:`end`.

        Returns None where another process began one on any of them after ``told`` was read.
        """
        name = secrets.token_hex(8)
        self.end(name, runs, Sending.BEGUN)
        keys = {run.key for run in runs}
        for other, claim in self._claims().items():
            if other == name:
                break
            if other in told.claims or claim.state is Sending.FAILED or not keys & claim.keys:
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

    def _claims(self) -> dict[str, _Claim]:
        """Return the messages by name, oldest first."""
        claims: dict[str, _Claim] = {}
        for entry in reversed(self._store.audit(subjects=[self._subject])):
            if entry.what != WHAT or entry.after is None:
                continue
            name, state = entry.after["message"], Sending(entry.after["state"])
            if state is Sending.BEGUN:
                claims[name] = _Claim(runs=entry.after["runs"], at=entry.at)
            elif name in claims:
                claims[name].state = state
        return claims
