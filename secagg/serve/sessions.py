"""Sessions of people who have logged in: a signed cookie, which ends by itself and by logging out.

The cookie says who it is for, and is signed with a key of the process; nothing of it is stored. It
holds for a time from the login on, and ends earlier where it is not used. After a restart people
log in again, which their issuer does without asking.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
from fastapi import Response

from secagg.errors import SecaggError

LOGIN_PATH, CALLBACK_PATH, LOGOUT_PATH = "/login", "/login/callback", "/logout"
_ALGORITHM = "HS256"
_LOGIN_SECONDS = 600
# An idle time is counted to this precision, so that not every answer renews the cookie.
_RENEW_SECONDS = 60
# Of a cookie; browsers take no longer ones.
_LONGEST = 4000


class LoginRefused(SecaggError):
    """An answer of an issuer that logs nobody in; the message quotes nothing of it."""


class IssuerUnavailable(SecaggError):
    """The issuer of logins does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login. ``started`` and ``seen`` are seconds since 1970; ``id`` is new for each login."""

    id: str
    name: str
    groups: tuple[str, ...]
    started: float
    seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """A login that has begun: what the answer of the issuer is checked against."""

    state: str
    nonce: str
    verifier: str
    target: str


@dataclass(slots=True)
class OneTime:
    """Values that were used, each kept until its time is over."""

    clock: Callable[[], float] = time.time
    _until: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def use(self, value: str, seconds: float) -> bool:
        """Return whether ``value`` is used for the first time; ``seconds`` is how long it holds."""
        now = self.clock()
        with self._lock:
            self._until = {one: until for one, until in self._until.items() if until > now}
            if value in self._until:
                return False
            self._until[value] = now + seconds
            return True

    def is_used(self, value: str) -> bool:
        return value in self._until


class Sessions:
    """Makes and reads the cookies of sessions and of logins that have begun.

    ``absolute`` is how many seconds a session holds, ``idle`` how many without a request. With
    ``secure`` browsers send them by https only, and take them from no other host.
    """

    def __init__(
        self,
        *,
        absolute: float,
        idle: float,
        secure: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        prefix = "__Host-" if secure else ""
        self.session_name, self.login_name = f"{prefix}secagg-session", f"{prefix}secagg-login"
        self._secure = secure
        self._absolute, self._idle, self._clock = absolute, idle, clock
        self._key = secrets.token_bytes(32)
        self._ended = OneTime(clock)
        self._used = OneTime(clock)

    def start(self, name: str, groups: tuple[str, ...]) -> Session:
        """Make a session for a person who has just logged in."""
        now = self._clock()
        return Session(
            id=secrets.token_urlsafe(24), name=name, groups=groups, started=now, seen=now
        )

    def cookie(self, session: Session) -> str:
        """Return the value of the cookie of ``session``."""
        return self._signed("session", {
            "jti": session.id,
            "sub": session.name,
            "groups": list(session.groups),
            "started": session.started,
            "seen": session.seen,
        })  # fmt: skip

    def read(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie that we signed and that has not ended; else None."""
        claims = self._claims("session", cookie)
        if claims is None:
            return None
        session = Session(
            id=claims["jti"],
            name=claims["sub"],
            groups=tuple(claims["groups"]),
            started=claims["started"],
            seen=claims["seen"],
        )
        now = self._clock()
        over = now - session.started >= self._absolute or now - session.seen >= self._idle
        return None if over or self._ended.is_used(session.id) else session

    def renewed(self, session: Session) -> Session | None:
        """Return ``session`` as seen now, where its cookie is to be renewed; else None."""
        now = self._clock()
        return replace(session, seen=now) if now - session.seen >= _RENEW_SECONDS else None

    def end(self, session: Session) -> None:
        """End ``session``: no copy of its cookie is read any more."""
        self._ended.use(session.id, self._absolute)

    def begin(self, target: str) -> PendingLogin:
        """Begin a login that leads to the page ``target``."""
        return PendingLogin(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(64),
            target=target,
        )

    def login_cookie(self, login: PendingLogin) -> str:
        """Return the value of the cookie that ties ``login`` to the browser that began it."""
        return self._signed("login", {
            "state": login.state,
            "nonce": login.nonce,
            "verifier": login.verifier,
            "target": login.target,
            "began": self._clock(),
        })  # fmt: skip

    def take_login(self, cookie: str | None) -> PendingLogin | None:
        """Return the login of a cookie, once: None for one that is over or was taken already."""
        claims = self._claims("login", cookie)
        if claims is None or self._clock() - claims["began"] >= _LOGIN_SECONDS:
            return None
        if not self._used.use(claims["state"], _LOGIN_SECONDS):
            return None
        return PendingLogin(
            state=claims["state"],
            nonce=claims["nonce"],
            verifier=claims["verifier"],
            target=claims["target"],
        )

    def set_cookie(self, response: Response, session: Session) -> None:
        """Give the browser the cookie of ``session``."""
        self._set(response, self.session_name, self.cookie(session), self._absolute)

    def set_login_cookie(self, response: Response, cookie: str) -> None:
        """Give the browser the cookie of a login that has begun."""
        self._set(response, self.login_name, cookie, _LOGIN_SECONDS)

    def _set(self, response: Response, name: str, value: str, seconds: float) -> None:
        # Strict cookies would be missing when the issuer sends the browser back.
        response.set_cookie(
            name,
            value,
            max_age=int(seconds),
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/",
        )

    def delete_cookie(self, response: Response, name: str) -> None:
        """Let the browser forget the cookie ``name``."""
        response.delete_cookie(name, httponly=True, samesite="lax", secure=self._secure, path="/")

    def _signed(self, purpose: str, claims: dict[str, Any]) -> str:
        return jwt.encode({**claims, "aud": purpose}, self._key, _ALGORITHM)

    def _claims(self, purpose: str, cookie: str | None) -> dict[str, Any] | None:
        if cookie is None or len(cookie) > _LONGEST:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                cookie, self._key, algorithms=[_ALGORITHM], audience=purpose
            )
        except jwt.PyJWTError:
            return None
        return claims
