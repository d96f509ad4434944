"""Log people in at an issuer by OpenID Connect: the authorization code flow with PKCE.

The issuer's answer counts in the browser that began the login (a signed cookie has its state), and
once. It comes with an ID token, whose issuer, audience, times, nonce, signature and algorithm are
checked. Its claims give the name and the groups; the teams of the settings make rights of these.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; OpenID Connect Discovery 1.0, section
4.3; RFC 7636 (PKCE); RFC 9207 (the issuer in the answer).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from authlib.integrations.httpx_client import OAuth2Client

from secagg.serve.oidc import ALGORITHMS, KeySets, fetch_keys
from secagg.serve.sessions import (
    CALLBACK_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    IssuerUnavailable,
    LoginRefused,
    PendingLogin,
    Sessions,
)
from secagg.serve.settings import Login, is_address

SECRET = "SECAGG_OIDC_SECRET"
_LEEWAY_SECONDS = 30
# An ID token is used at once: an older one was made for something else.
_OLDEST_SECONDS = 600
_DISCOVERY_IS_KEPT_SECONDS = 600.0
_SECONDS = 10.0
_LONGEST_CODE = 4000
_LONGEST_TARGET = 1000
_LONGEST_TOKEN = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses of an issuer that its discovery document names."""

    authorization: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who has logged in, by the ID token, and the page to show."""

    name: str
    groups: frozenset[str]
    target: str


class Provider:
    """The issuer of ``login``, for the server at ``address``."""

    def __init__(
        self,
        login: Login,
        address: str,
        sessions: Sessions,
        *,
        secret: str | None = None,
        fetch: Callable[[str], Mapping[str, Any]] = fetch_keys,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._login = login
        self._callback = address + CALLBACK_PATH
        self._sessions = sessions
        self._secret = secret
        self._fetch = fetch
        self._clock = clock
        self._keys = KeySets(fetch, clock)
        self._endpoints: Endpoints | None = None
        self._fetched = 0.0

    def begin(self, target: str) -> tuple[str, str]:
        """Begin a login that leads to ``target``; return the issuer's address and the cookie.

        Raises :class:`IssuerUnavailable` where the issuer does not answer.
        """
        endpoints = self._discover()
        pending = self._sessions.begin(local_target(target))
        with self._client() as client:
            address, _ = client.create_authorization_url(
                endpoints.authorization,
                state=pending.state,
                code_verifier=pending.verifier,
                nonce=pending.nonce,
            )
        return str(address), self._sessions.login_cookie(pending)

    def finish(self, answer: Mapping[str, str], cookie: str | None) -> LoggedIn:
        """Return who the issuer's ``answer``, the parameters of the callback, logs in.

        Raises :class:`LoginRefused`, and :class:`IssuerUnavailable` where the issuer does not
        answer.
        """
        pending = self._sessions.take_login(cookie)
        if pending is None or not _same(answer.get("state", ""), pending.state):
            raise LoginRefused("this login was not begun here, is over or was used already")
        if not _same(answer.get("iss", self._login.issuer), self._login.issuer):
            raise LoginRefused("another issuer has answered")
        code = answer.get("code", "")
        if "error" in answer or not code or len(code) > _LONGEST_CODE:
            raise LoginRefused("the issuer has logged nobody in")
        return self._logged_in(self._claims(self._id_token(code, pending), pending), pending)

    def _id_token(self, code: str, pending: PendingLogin) -> str:
        """Exchange ``code`` for the ID token, at the issuer itself."""
        endpoint = self._discover().token
        try:
            with self._client() as client:
                tokens = client.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=pending.verifier,
                )
        # The classes of the transport's errors depend on the library that authlib has found.
        except Exception as error:
            raise LoginRefused(
                f"the issuer has not taken the code of the login ({type(error).__name__})"
            ) from None
        token = tokens.get("id_token")
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise LoginRefused("the issuer has sent no ID token")
        return token

    def _claims(self, token: str, pending: PendingLogin) -> Mapping[str, Any]:
        """Return the claims of an ID token that is for this server and this login."""
        client_id = self._login.client_id
        try:
            header = jwt.get_unverified_header(token)
            key = None
            if header.get("alg") in ALGORITHMS:
                key = self._keys.key(self._discover().keys, header.get("kid"))
            if key is None:
                raise LoginRefused("the ID token is not signed by a key of the issuer")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=client_id,
                issuer=self._login.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise LoginRefused(f"the ID token is refused ({type(error).__name__})") from None
        if not _same(claims.get("nonce"), pending.nonce):
            raise LoginRefused("the ID token is of another login")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != client_id:
            raise LoginRefused("the ID token was made for another client")
        if time.time() - float(claims["iat"]) > _OLDEST_SECONDS:
            raise LoginRefused("the ID token is too old")
        return claims

    def _logged_in(self, claims: Mapping[str, Any], pending: PendingLogin) -> LoggedIn:
        claim = self._login.user
        name = claims.get(claim)
        if not isinstance(name, str):
            raise LoginRefused(f"the ID token has no claim {claim}")
        if claim == "email" and claims.get("email_verified") is not True:
            raise LoginRefused("the issuer has not verified the address of this person")
        groups = claims.get(self._login.groups)
        listed = groups if isinstance(groups, list) else []
        return LoggedIn(
            name=name,
            groups=frozenset(group for group in listed if isinstance(group, str)),
            target=pending.target,
        )

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._login.client_id,
            self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=" ".join(self._login.scopes),
            redirect_uri=self._callback,
            code_challenge_method="S256",
            timeout=_SECONDS,
            trust_env=False,
        )

    def _discover(self) -> Endpoints:
        """Return the issuer's endpoints; they are asked for again after ten minutes."""
        age = self._clock() - self._fetched
        if self._endpoints is not None and age < _DISCOVERY_IS_KEPT_SECONDS:
            return self._endpoints
        issuer = self._login.issuer
        try:
            document = self._fetch(f"{issuer}/.well-known/openid-configuration")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            if self._endpoints is not None:
                return self._endpoints
            raise IssuerUnavailable(
                "the issuer of logins does not answer", hint=f"is {issuer} reached from here?"
            ) from None
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [document.get(name) for name in names]
        if not _same(document.get("issuer"), issuer) or not all(map(is_address, addresses)):
            raise LoginRefused("the discovery document is not that of the issuer")
        authorization, token, keys = map(str, addresses)
        self._endpoints = Endpoints(authorization=authorization, token=token, keys=keys)
        self._fetched = self._clock()
        return self._endpoints


def local_target(target: str) -> str:
    """Return ``target`` if it is a path of this server, else the first page."""
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    plain = len(target) <= _LONGEST_TARGET and target.isascii() and target.isprintable()
    own = parts.path in (LOGIN_PATH, CALLBACK_PATH, LOGOUT_PATH)
    return target if is_path and plain and not own and "\\" not in target else "/"


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(
        value.encode("utf-8", "replace"), expected.encode()
    )
