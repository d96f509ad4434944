"""Decisions on single problems that the store has, as a gate takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from secagg.decisions.entry import Trust
from secagg.merge import MergedSet, known_as
from secagg.model.problem import Triage
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import has_store, open_store_of
from secagg.policy.decision import DecisionSource, PolicyException

STORE = "store"
"""What a decision that is in the store has as its source."""
GITHUB = "GitHub"
"""What a dismissal that was read from GitHub has as its source."""


def stored_decisions(
    gate: Gate, merged: MergedSet, *, trust: Trust, mask: Callable[[str], str]
) -> Mapping[str, Sequence[PolicyException]]:
    """Return what the store says of the problems in ``merged``, by the identity it was said of.

    Of each place the newest; none where there is no store. Raises
    :class:`secagg.errors.StoreError`.
    """
    url = gate.options.store
    if not has_store(url, gate.root):
        return {}
    with open_store_of(url, gate.root) as store:
        decisions = store.newest_decisions(gate.origin.repository)
    if not decisions:
        return {}
    names = {name for group in merged.groups for name in known_as(group)}
    return {
        name: [trust.applied(_decision(decision, mask)) for decision in decisions[name]]
        for name in names & decisions.keys()
    }


def _decision(made: Triage, mask: Callable[[str], str]) -> PolicyException:
    at_github = made.alert is not None
    return PolicyException(
        source=GITHUB if at_github else STORE,
        origin=DecisionSource.GITHUB if at_github else DecisionSource.STORE,
        state=made.state,
        target=f"{made.state.value.replace('-', ' ')} {'at GitHub' if at_github else 'by triage'}",
        reason=mask(made.reason),
        owner=made.by or made.owner,
        created=None if made.at is None else made.at.date(),
        expires=made.expires,
        on_one=True,
        at=made.at,
    )
