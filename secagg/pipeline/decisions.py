"""Decisions where a gate decides: the newest word that its source may say counts.

People decide in two ways: on what matches some keys (a file, a VEX document, a scanner's own
ignore file), and on one problem, in the store or in a file. A gate takes both. A policy says
whose word it trusts; any other is shown on the row as not honoured.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping

from secagg.decisions.entry import Trust, text_of
from secagg.decisions.index import AllExceptions
from secagg.merge import MergedSet, known_as
from secagg.merge.groups import Group
from secagg.model.problem import TRIAGE_FILE, State, Triage
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import has_store, open_store_of
from secagg.policy.decision import DecisionSource, PolicyException

STORE = "store"
"""What a decision that is in the store has as its source."""
GITHUB = "GitHub"
"""What a dismissal that was read from GitHub has as its source."""

_SETTLED = {State.ACCEPTED: "accepted", State.FALSE_POSITIVE: "false positive"}
_REOPENED = frozenset({State.OPEN, State.CONFIRMED})

_Read = Callable[[str], bytes | None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Said:
    decision: Triage
    source: str
    origin: DecisionSource


class Decisions:
    """Exceptions and triage together (see :class:`secagg.policy.decision.Exceptions`).

    ``decided`` has the decisions on each problem by the identity that they were made on. The
    newest trusted one counts. One that calls a problem open or confirmed takes back exceptions
    that were written before.
    """

    def __init__(
        self,
        exceptions: AllExceptions,
        decided: Mapping[str, Collection[_Said]],
        mask: Callable[[str], str],
        trust: Trust,
    ) -> None:
        self._exceptions = exceptions
        self._decided = decided
        self._mask = mask
        self._trust = trust
        self._met: dict[tuple[str, str], PolicyException] = {}

    def covering(self, group: Group) -> list[PolicyException]:
        """Return every exception and decision that names ``group``, decisions first."""
        covering = self._exceptions.covering(group)
        if not self._decided:
            return covering
        every = {one for name in known_as(group) for one in self._decided.get(name, ())}
        trusted = {one for one in every if self._trust.refusal(one.origin) is None}
        others = [
            self._exception(group, one)
            for one in sorted(every - trusted, key=lambda one: one.source)
            if one.decision.state in _SETTLED
        ]
        newest = _newest(trusted)
        if newest is not None and newest.decision.state in _SETTLED:
            return [self._exception(group, newest), *covering, *others]
        if newest is not None and newest.decision.state in _REOPENED:
            covering = [_taken_back(exception, newest) for exception in covering]
        return [*covering, *others]

    def all(self) -> list[PolicyException]:
        """Return the decisions met so far, then every exception."""
        return [*self._met.values(), *self._exceptions.all()]

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Return every exception for the gap that ``sentence`` states: triage is about problems."""
        return self._exceptions.covering_gap(sentence)

    def partial(self) -> Mapping[PolicyException, str]:
        """What covers a part of a row only, of those asked for so far: a sentence for each."""
        return self._exceptions.partial()

    def sentences(self, unused: Collection[PolicyException] = ()) -> list[str]:
        """One sentence a file on its exceptions but those ``unused``, and one on triage."""
        sentences = self._exceptions.sentences(unused)
        for source in (STORE, TRIAGE_FILE, GITHUB):
            met = [made for made in self._met.values() if made.source == source]
            if met:
                what = "dismissal" if source == GITHUB else "decision of triage"
                many = f"{what}s" if source == GITHUB else "decisions of triage"
                refused = f" ({met[0].refusal})" if met[0].refusal else ""
                sentences.append(f"{source}: {len(met)} {what if len(met) == 1 else many}{refused}")
        return sentences

    def _exception(self, group: Group, said: _Said) -> PolicyException:
        made = said.decision
        by = "at GitHub" if said.origin is DecisionSource.GITHUB else "by triage"
        exception = PolicyException(
            source=said.source,
            origin=said.origin,
            state=made.state,
            target=f"{_SETTLED[made.state]} {by}",
            reason=self._mask(made.reason),
            owner=made.by or made.owner,
            created=None if made.at is None else made.at.date(),
            expires=made.expires,
        )
        return self._met.setdefault((group.identity, said.source), self._trust.applied(exception))


def with_triage(
    exceptions: AllExceptions,
    gate: Gate,
    merged: MergedSet,
    *,
    read: _Read,
    trust: Trust,
    mask: Callable[[str], str],
) -> Decisions:
    """Put triage beside ``exceptions``.

    ``read`` gives the file of decisions as the gate sees it: in a change, the base's. The store
    is asked where there is one. Raises :class:`secagg.errors.ConfigError` for a file that cannot
    be used and :class:`secagg.errors.StoreError`.
    """
    filed, stored = _in_file(read), _in_store(gate)
    decided: dict[str, list[_Said]] = {}
    if filed or stored:
        names = {name for group in merged.groups for name in known_as(group)}
        for name in names & (filed.keys() | stored.keys()):
            decided[name] = [
                *(_of_store(made) for made in stored.get(name, ())),
                *(
                    _Said(made, TRIAGE_FILE, DecisionSource.FILES)
                    for made in (filed.get(name),)
                    if made is not None
                ),
            ]
    return Decisions(exceptions, decided, mask, trust)


def of_triage(exception: PolicyException | None) -> bool:
    """Return whether an exception is a decision of triage, which the store keeps by itself."""
    return exception is not None and exception.source in (STORE, TRIAGE_FILE, GITHUB)


def _of_store(made: Triage) -> _Said:
    if made.alert is None:
        return _Said(made, STORE, DecisionSource.STORE)
    return _Said(made, GITHUB, DecisionSource.GITHUB)


def _in_file(read: _Read) -> Mapping[str, Triage]:
    data = read(TRIAGE_FILE)
    if data is None:
        return {}
    from secagg.decisions.triagefile import triage_in

    return triage_in(text_of(TRIAGE_FILE, data))


def _in_store(gate: Gate) -> Mapping[str, Collection[Triage]]:
    url = gate.options.store
    if not has_store(url, gate.root):
        return {}
    with open_store_of(url, gate.root) as store:
        return store.newest_decisions(gate.origin.repository)


def _newest(said: Iterable[_Said]) -> _Said | None:
    """The newest; of two of one moment, the one that leaves the problem open."""
    first = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return max(
        said,
        key=lambda one: (one.decision.at or first, one.decision.state in _REOPENED, one.source),
        default=None,
    )


def _taken_back(exception: PolicyException, said: _Said) -> PolicyException:
    """``exception`` as refused, if it was written before the decision."""
    at = said.decision.at
    if exception.refusal is not None or at is None:
        return exception
    if exception.created is not None and exception.created > at.date():
        return exception
    by = f" by {said.decision.by}" if said.decision.by else ""
    refusal = f"triage says {said.decision.state.value} since {at.date()}{by} ({said.source})"
    return dataclasses.replace(exception, refusal=refusal)
