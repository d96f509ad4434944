"""Who may do what with the history of which repositories, for ``secagg serve``."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from secagg.system.dates import utc_now


class TokenScope(StrEnum):
    """What a caller may do with a repository's history."""

    WRITE = "write"
    """Record runs."""
    READ = "read"
    """Read runs, problems and decisions."""
    TRIAGE = "triage"
    """Decide on problems."""
    ADMIN = "admin"
    """Add, list and revoke tokens."""


EVERY_REPOSITORY = "*"
MOST_DAYS = 366
"""For how many days a token may hold."""
TOKEN_PREFIX = "secagg_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights to some repositories.

    ``repositories`` are names such as ``acme/shop``, all of an owner as ``acme/*``, or ``*``.
    ``branches``, where it is not None, are the only branches whose runs may be recorded.
    """

    scopes: frozenset[TokenScope]
    repositories: tuple[str, ...]
    branches: frozenset[str] | None = None

    def covers(self, repository: str) -> bool:
        """Return whether the grant is for ``repository``. Case does not matter, as at GitHub."""
        name = repository.casefold()
        return any(_matches(pattern.casefold(), name) for pattern in self.repositories)

    def covers_pattern(self, pattern: str) -> bool:
        """Return whether the grant is for every repository that ``pattern`` stands for."""
        return EVERY_REPOSITORY in self.repositories or (
            pattern != EVERY_REPOSITORY and self.covers(pattern)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person or a job that has shown who it is. ``name`` goes into the audit log.

    ``reads_only`` says that a pull request started the job: it may record nothing. ``session`` is
    the id of the person's login, empty where a proxy says who it is.
    """

    name: str
    grants: tuple[Grant, ...] = ()
    reads_only: bool = False
    session: str = ""

    def may(self, scope: TokenScope, repository: str) -> bool:
        """Return whether the caller has ``scope`` for ``repository``, on some branch at least."""
        return any(scope in grant.scopes and grant.covers(repository) for grant in self.grants)

    def may_record(self, repository: str, branch: str) -> bool:
        """Return whether the caller may record a run of ``branch``."""
        return any(
            TokenScope.WRITE in grant.scopes
            and grant.covers(repository)
            and (grant.branches is None or branch in grant.branches)
            for grant in self.grants
        )

    def administers(self, repositories: Iterable[str]) -> bool:
        """Return whether the caller may give rights to all of ``repositories``, as patterns."""
        return all(
            any(
                TokenScope.ADMIN in grant.scopes and grant.covers_pattern(one)
                for grant in self.grants
            )
            for one in repositories
        )

    def may_everywhere(self, scope: TokenScope) -> bool:
        """Return whether the caller has ``scope`` for every repository."""
        return any(
            scope in grant.scopes and EVERY_REPOSITORY in grant.repositories
            for grant in self.grants
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of ``secagg serve`` as the store keeps it: without its secret part.

    ``digest`` is the SHA-256 of the secret part in hexadecimal digits. Times are in UTC.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[TokenScope, ...]
    repositories: tuple[str, ...]
    created_at: datetime.datetime
    created_by: str
    expires_at: datetime.datetime
    revoked_at: datetime.datetime | None = None

    def is_valid(self, now: datetime.datetime) -> bool:
        """Return whether the token is neither revoked nor expired at ``now`` (UTC)."""
        return self.revoked_at is None and now < self.expires_at

    def grant(self) -> Grant:
        """Return the rights of the token."""
        return Grant(scopes=frozenset(self.scopes), repositories=self.repositories)


def new_token(
    *,
    name: str,
    scopes: Iterable[TokenScope],
    repositories: Iterable[str],
    by: str,
    lifetime: datetime.timedelta,
) -> tuple[str, ApiToken]:
    """Make a token: what its holder shows, and what the store keeps of it."""
    token_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    now = utc_now()
    kept = ApiToken(
        id=token_id,
        name=name,
        digest=digest_of(secret),
        scopes=tuple(dict.fromkeys(scopes)),
        repositories=tuple(dict.fromkeys(repositories)),
        created_at=now,
        created_by=by,
        expires_at=now + lifetime,
    )
    return f"{TOKEN_PREFIX}{token_id}_{secret}", kept


def digest_of(secret: str) -> str:
    """Hash the secret part of a token: random, and so long that a slow hash adds nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_pattern(text: str) -> bool:
    """Return whether ``text`` can stand in :attr:`Grant.repositories`."""
    name = text.removesuffix("/*")
    return text == EVERY_REPOSITORY or (
        bool(name) and name.isprintable() and "*" not in name and name == name.strip()
    )


def is_name(text: str, longest: int) -> bool:
    """Return whether ``text`` can be the name of a repository or branch."""
    return 0 < len(text) <= longest and text.isprintable() and text == text.strip()


def scopes_of(names: Iterable[str]) -> tuple[TokenScope, ...]:
    """Return the scopes by their names, each once. Raises :class:`ValueError` for another name."""
    return tuple(dict.fromkeys(TokenScope(name) for name in names))


def _matches(pattern: str, name: str) -> bool:
    if pattern == EVERY_REPOSITORY:
        return True
    if pattern.endswith("/*"):
        return name.startswith(pattern[:-1]) and len(name) >= len(pattern)
    return name == pattern
