"""Tell who opens the page: one person on this machine, or people by a proxy or a login."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from secagg.model.access import EVERY_REPOSITORY, Caller, Grant, TokenScope, is_name
from secagg.model.approval import people
from secagg.model.problem import Problem, RunRecord
from secagg.report.source import ProblemSource, RecordedHistory
from secagg.serve.settings import Proxy, Team

if TYPE_CHECKING:
    from secagg.serve.login import Provider
    from secagg.serve.sessions import Session, Sessions

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
    """People by the headers of a proxy, or by their sessions, with the rights of their teams.

    The headers count only if the proxy's own address sent them, and if each is there once: a second
    one could be that of the browser.
    """

    teams: Sequence[Team]
    proxy: Proxy | None = None
    sessions: Sessions | None = None
    provider: Provider | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def of(self, peer: str | None, headers: Headers) -> Caller | None:
        """Return whom the proxy at ``peer``, an address, names; None for nobody that is known."""
        if self.proxy is None or peer not in self.proxy.peers:
            return None
        names = headers.getlist(self.proxy.user)
        groups = headers.getlist(self.proxy.groups)
        if len(names) != 1 or len(groups) > 1:
            return None
        of_person = {group.strip() for group in ",".join(groups).split(",")} - {""}
        return self.named(names[0], of_person)

    def named(self, name: str, groups: Collection[str], session: str = "") -> Caller | None:
        """Return the person ``name`` with the rights of the teams; None if no team has them.

        A name that stands for a token or an assistant is nobody's.
        """
        if not is_name(name, _LONGEST_NAME) or not people([name]):
            return None
        grants = tuple(
            Grant(scopes=SCOPES[team.role], repositories=team.repositories)
            for team in self.teams
            if name in team.members or not set(team.groups).isdisjoint(groups)
        )
        return Caller(name=name, grants=grants, session=session) if grants else None

    def of_session(self, session: Session) -> Caller | None:
        """Return the person of ``session``, with the rights that the teams give today."""
        return self.named(session.name, session.groups, session.id)

    def groups_that_count(self, groups: Collection[str]) -> tuple[str, ...]:
        """Return those of ``groups`` that a team names: a cookie has no room for hundreds."""
        return tuple(sorted({g for team in self.teams for g in team.groups}.intersection(groups)))

    def csrf_of(self, person: Caller) -> str:
        """Return the token that the page of ``person`` sends with each change."""
        text = f"{person.session}\0{person.name}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


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
