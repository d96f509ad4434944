"""Count the people who agree with a decision, where a policy wants more than one.

A policy may say ``approval: {critical: 2}``: a decision that hides a critical problem counts once
two different people have made it. Until then the problem is judged as if nobody had decided.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secagg.model.state import State

if TYPE_CHECKING:
    from secagg.model.problem import Problem, Triage

# How names begin and end that stand for a token (:mod:`secagg.serve.callers`) and an assistant
# (``secagg mcp``): a person could approve their own decision by either.
_OF_TOKENS = "token:"
_OF_ASSISTANTS = " (assistant)"
_GIT_AUTHOR = re.compile(r"<([^<>\s]+@[^<>\s]+)>\Z")
# The address that GitHub writes for those who hide theirs: ``1234+ana@users.noreply.github.com``.
_HIDDEN_ADDRESS = re.compile(r"(?:[0-9]+\+)?([^+@\s]+)@users\.noreply\.github\.com\Z")
# Control and format characters, such as a zero-width space.
_INVISIBLE = frozenset({"Cc", "Cf"})
SETTLED = frozenset({State.ACCEPTED, State.FALSE_POSITIVE})
"""The states in which a problem does not count."""
_ORDINALS = {2: "second", 3: "third", 4: "fourth"}


def person_key(name: str) -> str:
    """Return what the ways to write one name share: ``@Ana`` and ``ana`` are one person.

    So are a name with invisible or wide characters, ``Ana <ana@example.com>`` as git writes it,
    ``ana+work@example.com``, and the address that GitHub gives a handle.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(char for char in text if unicodedata.category(char) not in _INVISIBLE).strip()
    author = _GIT_AUTHOR.search(text)
    text = author[1] if author else text.lstrip("@ ")
    hidden = _HIDDEN_ADDRESS.match(text)
    if hidden:
        return hidden[1]
    mailbox, at, domain = text.partition("@")
    return f"{mailbox.partition('+')[0]}{at}{domain}" if at else text


def same_person(one: str, other: str) -> bool:
    """Tell whether two names may be one person: ``ana`` and ``ana@example.com`` may."""
    keys = {person_key(one), person_key(other)}
    return len(keys) == 1 or any(key.partition("@")[0] in keys for key in keys if "@" in key)


def people(names: Iterable[str | None]) -> int:
    """Count the different people among ``names``: tokens, assistants and no name are nobody.

    Names that may be one person (:func:`same_person`) count once.
    """
    keys = {person_key(name) for name in names if name} - {"", "unknown"}
    keys = {
        key for key in keys if not key.startswith(_OF_TOKENS) and not key.endswith(_OF_ASSISTANTS)
    }
    return sum("@" not in key or key.partition("@")[0] not in keys for key in keys)


def signers(decision: Triage) -> tuple[str | None, ...]:
    """Return the names behind ``decision``: who made it last, and who made the same before."""
    return decision.by, *decision.approved_by


def joined(previous: Triage | None, decision: Triage, today: datetime.date) -> Triage:
    """Return ``decision`` with the people who decided the same right before it, and its own.

    ``previous`` is the decision on the same problem before it, made in the same place and joined
    with those before that. Another state between them ends the agreement, and so does the last day
    (UTC) of a person's own decision.
    """
    if previous is None or previous.state is not decision.state or decision.state not in SETTLED:
        return decision
    lasts = previous.expires is None or today <= previous.expires
    earlier = [*previous.approved_by, *([previous.by] if lasts and previous.by else [])]
    earlier += decision.approved_by
    own = person_key(decision.by or "")
    names = {person_key(name): name for name in earlier if person_key(name) != own}
    from dataclasses import replace

    return replace(decision, approved_by=tuple(names.values())) if names else decision


@dataclass(frozen=True, slots=True)
class DecisionsMade:
    """The decisions of a repository's store that are not taken back, by identity, oldest first.

    ``wholes`` are, by identity, the identities with decisions that had it as a part: when fewer
    tools run, a part of a group may remain, and the decision on the whole group counts.
    """

    by_identity: Mapping[str, Sequence[Triage]] = field(default_factory=dict)
    wholes: Mapping[str, Iterable[str]] = field(default_factory=dict)

    def on(self, identity: str, known_as: Iterable[str], today: datetime.date) -> list[Triage]:
        """Return the newest decisions on a problem, whichever of its ids they were made under.

        They are the newest made at GitHub and the newest made here, joined with who agrees on
        ``today`` (UTC); the newer one comes last.
        """
        return newest_by_place(self.made_on(identity, known_as), today)

    def made_on(self, identity: str, known_as: Iterable[str]) -> list[Triage]:
        """Return all decisions on a problem, the oldest first."""
        if not self.by_identity:
            return []
        names = self.names_of(identity, known_as)
        made = [one for name in names for one in self.by_identity.get(name, ())]
        return sorted(made, key=_moment)

    def names_of(self, identity: str, known_as: Iterable[str]) -> list[str]:
        """Return the ids under which a problem may be decided on."""
        return sorted({identity, *known_as, *self.wholes.get(identity, ())})


def newest_by_place(decisions: Iterable[Triage], today: datetime.date) -> list[Triage]:
    """Return the newest decision made at GitHub and the newest made here, the newer one last.

    ``decisions`` are on one problem, oldest first. Each is joined with those who decided the same
    before: people at GitHub and here may be the same under other names, so they are not added up.
    """
    places: dict[bool, Triage] = {}
    for decision in decisions:
        here = decision.alert is None
        places[here] = joined(places.pop(here, None), decision, today)
    return list(places.values())


def _moment(decision: Triage) -> datetime.datetime:
    return decision.at or datetime.datetime.min.replace(tzinfo=datetime.UTC)


def needs_approval(given: int, needed: int) -> str | None:
    """Say which approval is missing; None where ``given`` people are enough for ``needed``."""
    if given >= needed:
        return None
    if given == needed - 1:
        return f"needs a {_ORDINALS.get(needed, 'further')} approval ({given} of {needed})"
    return f"needs {needed - given} more approvals ({given} of {needed})"


def settle(problem: Problem, decision: Triage | None) -> None:
    """Set the ``decision`` that counts on ``problem``, or keep it aside while it needs approval."""
    problem.triage = decision
    if decision is None:
        return
    problem.unapproved = problem.unapproved_in = None
    needed = problem.approvals_needed or 1
    if needed > 1 and decision.state in SETTLED and people(signers(decision)) < needed:
        problem.triage, problem.unapproved = None, decision


def missing_approval(problem: Problem, today: datetime.date) -> str | None:
    """Say which approval the decision on ``problem`` needs to count; None where it needs none.

    ``today`` is in UTC: an expired decision needs no approval.
    """
    decision = problem.unapproved
    if decision is None or problem.fixed_at is not None:
        return None
    if decision.expires is not None and today > decision.expires:
        return None
    given = people(signers(decision))
    return needs_approval(given, max(problem.approvals_needed or 1, given + 1))
