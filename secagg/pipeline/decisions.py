"""Decisions of triage where a gate decides: the newest word on a problem counts.

People decide in two ways: by an exception (a file, a VEX document, a scanner's own ignore file),
which covers whatever it matches, and by ``secagg triage``, which is about one problem and is in
the store or in ``.secagg/triage.yaml``. A gate takes both.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from secagg.decisions.index import AllExceptions
from secagg.decisions.source import text_of
from secagg.merge import MergedSet, known_as
from secagg.merge.groups import Group
from secagg.model.problem import TRIAGE_FILE, State, Triage
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import ENVIRONMENT, open_store_of
from secagg.policy.exception import PolicyException

STORE = "store"
"""What a decision that is in the store has as its source."""

_SETTLED = {State.ACCEPTED: "accepted", State.FALSE_POSITIVE: "false positive"}
_REOPENED = frozenset({State.OPEN, State.CONFIRMED})

_Read = Callable[[str], bytes | None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Said:
    decision: Triage
    source: str


class Decisions:
    """Exceptions and triage together (see :class:`secagg.policy.exception.Exceptions`).

    ``decided`` has the newest decision on each problem by the identity it was made on. One that
    calls a problem open or confirmed takes back exceptions that were written before.
    """

    def __init__(
        self, exceptions: AllExceptions, decided: Mapping[str, _Said], mask: Callable[[str], str]
    ) -> None:
        self._exceptions = exceptions
        self._decided = decided
        self._mask = mask
        self._met: dict[str, PolicyException] = {}

    def covering(self, group: Group) -> list[PolicyException]:
        """Every exception and decision that names ``group``, decisions first."""
        covering = self._exceptions.covering(group)
        if not self._decided:
            return covering
        said = _newest(self._decided.get(name) for name in known_as(group))
        if said is None:
            return covering
        if said.decision.state in _SETTLED:
            return [self._exception(group, said), *covering]
        if said.decision.state in _REOPENED:
            return [_taken_back(exception, said) for exception in covering]
        return covering

    def all(self) -> list[PolicyException]:
        """The decisions met so far, then every exception."""
        return [*self._met.values(), *self._exceptions.all()]

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Every exception for the gap that ``sentence`` states: triage is about problems."""
        return self._exceptions.covering_gap(sentence)

    def partial(self) -> Mapping[PolicyException, str]:
        """What covers a part of a row only, of those asked for so far: a sentence for each."""
        return self._exceptions.partial()

    def sentences(self, unused: Collection[PolicyException] = ()) -> list[str]:
        """One sentence a file on its exceptions but those ``unused``, and one on triage."""
        sentences = self._exceptions.sentences(unused)
        for source in (STORE, TRIAGE_FILE):
            count = sum(made.source == source for made in self._met.values())
            if count:
                sentences.append(f"{source}: {count} decision{'s' * (count != 1)} of triage")
        return sentences

    def _exception(self, group: Group, said: _Said) -> PolicyException:
        made = said.decision
        exception = PolicyException(
            source=said.source,
            target=f"{_SETTLED[made.state]} by triage",
            reason=self._mask(made.reason),
            owner=made.by or made.owner,
            created=None if made.at is None else made.at.date(),
            expires=made.expires,
        )
        return self._met.setdefault(group.identity, exception)


def with_triage(
    exceptions: AllExceptions,
    gate: Gate,
    merged: MergedSet,
    *,
    read: _Read,
    mask: Callable[[str], str],
) -> Decisions:
    """Put triage beside ``exceptions``.

    ``read`` gives the file of decisions as the gate sees it: in a change, the base's. The store
    is asked where there is one. Raises :class:`secagg.errors.ConfigError` for a file that cannot
    be used and :class:`secagg.errors.StoreError`.
    """
    filed, stored = _in_file(read), _in_store(gate)
    decided: dict[str, _Said] = {}
    if filed or stored:
        names = {name for group in merged.groups for name in known_as(group)}
        for name in names & (filed.keys() | stored.keys()):
            said = [
                _Said(decision, source)
                for source, decisions in ((STORE, stored), (TRIAGE_FILE, filed))
                if (decision := decisions.get(name)) is not None
            ]
            newest = _newest(said)
            if newest is not None:
                decided[name] = newest
    return Decisions(exceptions, decided, mask)


def of_triage(exception: PolicyException | None) -> bool:
    """Whether an exception is a decision of triage, which the store keeps by itself."""
    return exception is not None and exception.source in (STORE, TRIAGE_FILE)


def _in_file(read: _Read) -> Mapping[str, Triage]:
    data = read(TRIAGE_FILE)
    if data is None:
        return {}
    from secagg.decisions.triagefile import triage_in

    return triage_in(text_of(TRIAGE_FILE, data))


def _in_store(gate: Gate) -> Mapping[str, Triage]:
    url = gate.options.store
    if url == "":
        return {}
    from secagg.history import DEFAULT

    if not (url or os.environ.get(ENVIRONMENT)) and not (gate.root / DEFAULT).exists():
        return {}
    with open_store_of(url, gate.root) as store:
        return store.decisions(gate.origin.repository)


def _newest(said: Iterator[_Said | None] | Sequence[_Said | None]) -> _Said | None:
    first = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    made = [one for one in said if one is not None]
    return max(made, key=lambda one: one.decision.at or first, default=None)


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
