"""Read the store's decisions on the problems of a scan, for a gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from secagg.decisions.entry import Trust
from secagg.merge import MergedSet, known_as
from secagg.model.approval import signers
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import has_store, open_store_of
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.system.dates import utc_today

if TYPE_CHECKING:
    from secagg.model.problem import Triage

STORE = "store"
"""The source of a decision in the store."""
GITHUB = "GitHub"
"""The source of a dismissal that ``secagg sync`` read from GitHub."""


def stored_decisions(
    gate: Gate, merged: MergedSet, *, trust: Trust, mask: Callable[[str], str]
) -> Mapping[str, Sequence[PolicyException]]:
    """Return the store's decisions on the groups of ``merged``, by the groups' identities.

    The newest of the store and of GitHub, whichever id of a group they were made under; none where
    there is no store. Raises :class:`secagg.errors.StoreError`.
    """
    url = gate.options.store
    if not has_store(url, gate.root):
        return {}
    with open_store_of(url, gate.root) as store:
        made = store.decisions_made(gate.origin.repository)
    today = utc_today()
    decided = {g.identity: made.on(g.identity, known_as(g), today) for g in merged.groups}
    return {
        identity: [trust.applied(_exception(decision, mask)) for decision in decisions]
        for identity, decisions in decided.items()
        if decisions
    }


def _exception(decision: Triage, mask: Callable[[str], str]) -> PolicyException:
    at_github = decision.alert is not None
    state = decision.state.value.replace("-", " ")
    return PolicyException(
        source=GITHUB if at_github else STORE,
        origin=DecisionSource.GITHUB if at_github else DecisionSource.STORE,
        state=decision.state,
        target=f"{state} {'at GitHub' if at_github else 'by triage'}",
        reason=mask(decision.reason),
        owner=decision.by or decision.owner,
        created=None if decision.at is None else decision.at.date(),
        expires=decision.expires,
        on_one=True,
        signers=tuple(name for name in signers(decision) if name),
        at=decision.at,
    )
