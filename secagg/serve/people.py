"""Tell who opens the page: one person on this machine, or people that a named proxy lets in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from starlette.datastructures import Headers

from secagg.model.access import EVERY_REPOSITORY, Caller, Grant, TokenScope, is_name
from secagg.model.problem import Problem, RunRecord
from secagg.report.source import ProblemSource, RecordedHistory
from secagg.serve.settings import Proxy, Team

_LONGEST_NAME = 200
SCOPES = {
    "reader": frozenset({TokenScope.READ}),
    "triager": frozenset({TokenScope.READ, TokenScope.TRIAGE}),
    "admin": frozenset({TokenScope.READ, TokenScope.TRIAGE, TokenScope.ADMIN}),
}
"""What each role of a team may do in the team's repositories."""


def only_person(name: str) -> Caller:
    """Return the person on this machine, who may do everything."""
    grant = Grant(scopes=frozenset(TokenScope), repositories=(EVERY_REPOSITORY,))
    return Caller(name=name, grants=(grant,))


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """People by the headers of a proxy, with the rights of their teams.

    The headers count only if the proxy's own address sent them, and if each is there once: a second
    one could be that of the browser.
    """

    proxy: Proxy
    teams: Sequence[Team]
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def of(self, peer: str | None, headers: Headers) -> Caller | None:
        """Return who opens the page from ``peer``, an address; None for nobody that is known."""
        if peer not in self.proxy.peers:
            return None
        names = headers.getlist(self.proxy.user)
        if len(names) != 1 or not is_name(names[0], _LONGEST_NAME):
            return None
        groups = headers.getlist(self.proxy.groups)
        if len(groups) > 1:
            return None
        of_person = {group.strip() for group in ",".join(groups).split(",")} - {""}
        grants = tuple(
            Grant(scopes=SCOPES[team.role], repositories=team.repositories)
            for team in self.teams
            if names[0] in team.members or of_person.intersection(team.groups)
        )
        return Caller(name=names[0], grants=grants) if grants else None

    def csrf_of(self, person: Caller) -> str:
        """Return the token that the page of ``person`` sends with each change."""
        return hmac.new(self._key, person.name.encode(), hashlib.sha256).hexdigest()


def readable(source: ProblemSource, person: Caller) -> ProblemSource:
    """Return the part of ``source`` that ``person`` may read."""
    if person.may_everywhere(TokenScope.READ):
        return source
    part = RecordedHistory(
        [p for p in source.problems() if person.may(TokenScope.READ, p.repository or "")],
        [run for run in source.runs() if person.may(TokenScope.READ, run.repository)],
    )
    code = getattr(source, "code", None)
    readable_code = code is not None and person.may(TokenScope.READ, code.repository)
    return replace(part, code=code) if readable_code else part


def may_decide(source: ProblemSource, person: Caller, identities: Iterable[str]) -> bool:
    """Return whether ``person`` may decide on the problems of ``source`` with these whole ids."""
    if person.may_everywhere(TokenScope.TRIAGE):
        return True
    decidable = {p.identity for p in source.problems() if _may_triage(person, p)}
    return decidable.issuperset(identities)


def may_decide_on_all(source: ProblemSource, person: Caller) -> bool:
    """Return whether ``person`` may decide on everything that is in ``source``."""
    rows: list[Problem | RunRecord] = [*source.problems(), *source.runs()]
    return person.may_everywhere(TokenScope.TRIAGE) or all(_may_triage(person, row) for row in rows)


def _may_triage(person: Caller, row: Problem | RunRecord) -> bool:
    return person.may(TokenScope.TRIAGE, row.repository or "")
