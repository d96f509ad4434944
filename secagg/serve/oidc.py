"""Check the tokens by which GitHub and GitLab say which repository and ref a job is of.

The issuer, the audience, the times, the signature and its algorithm are checked, and the claims
become rights: a job of a branch may record runs of that branch and read its repository's history.
A job that a pull request started may only read, whatever its ref: the token does not tell whether
the pull request comes from a fork.

Sources: GitHub Docs, "OpenID Connect reference"; GitLab Docs, "OpenID Connect (OIDC)
Authentication Using ID Tokens", "Token payload".
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from secagg.model.access import Caller, Grant, TokenScope, is_name
from secagg.serve.settings import Issuer

ALGORITHMS = ("RS256", "ES256")
_LONGEST_TOKEN = 16_384
_LEEWAY_SECONDS = 30
# An issuer publishes new keys long before it signs with them.
_KEYS_ARE_KEPT_SECONDS = 600.0
# An unknown key is asked for once in this time, so that made-up ones cause no flood of requests.
_LEAST_SECONDS_BETWEEN = 30.0
_MOST_KEY_BYTES = 1_000_000
# What starts a job with code of the repository's own branches.
_OWN_EVENTS = {
    "github": frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch"}),
    "gitlab": frozenset({"push", "schedule", "web", "api", "trigger", "pipeline"}),
}
_NAMES = {
    "github": ("repository", "event_name"),
    "gitlab": ("project_path", "pipeline_source"),
}
_REF_TYPES = {"branch": "refs/heads/", "tag": "refs/tags/"}


def fetch_keys(url: str) -> Mapping[str, Any]:
    """Return the key set at ``url``. Raises :class:`httpx.HTTPError` or :class:`ValueError`."""
    with httpx.stream("GET", url, timeout=httpx.Timeout(10.0)) as answer:
        answer.raise_for_status()
        data = b""
        for piece in answer.iter_bytes():
            data += piece
            if len(data) > _MOST_KEY_BYTES:
                raise ValueError("too many keys")
    document = httpx.Response(200, content=data).json()
    if not isinstance(document, dict):
        raise ValueError("no key set")
    return document


@dataclass(slots=True)
class _Keys:
    by_id: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    fetched: float | None = None


class KeySets:
    """The public keys of issuers, by the address of each key set."""

    def __init__(
        self,
        fetch: Callable[[str], Mapping[str, Any]] = fetch_keys,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, _Keys] = {}
        self._lock = threading.Lock()

    def key(self, url: str, key_id: object) -> jwt.PyJWK | None:
        """Return a key of the set at ``url``, fetched where it is not known or was long ago."""
        if not isinstance(key_id, str):
            return None
        keys = self._keys.setdefault(url, _Keys())
        if key_id in keys.by_id and self._age(keys) <= _KEYS_ARE_KEPT_SECONDS:
            # Without the lock, which is held while an issuer answers slowly.
            return keys.by_id[key_id]
        with self._lock:
            age, unknown = self._age(keys), key_id not in keys.by_id
            if age > _KEYS_ARE_KEPT_SECONDS or (unknown and age > _LEAST_SECONDS_BETWEEN):
                keys.fetched = self._clock()
                try:
                    fetched = jwt.PyJWKSet.from_dict(dict(self._fetch(url)))
                except (httpx.HTTPError, httpx.InvalidURL, ValueError, jwt.PyJWTError):
                    # The keys that were fetched before still hold.
                    return keys.by_id.get(key_id)
                keys.by_id = {key.key_id: key for key in fetched.keys if key.key_id}
            return keys.by_id.get(key_id)

    def _age(self, keys: _Keys) -> float:
        """Return how many seconds ago ``keys`` were fetched."""
        return float("inf") if keys.fetched is None else self._clock() - keys.fetched


class Verifier:
    """Checks tokens for the server at ``audience``, its address."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        audience: str,
        *,
        fetch: Callable[[str], Mapping[str, Any]] = fetch_keys,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = tuple(issuers)
        self._audience = audience
        self._keys = KeySets(fetch, clock)

    def caller(self, token: str) -> Caller | None:
        """Return the job that ``token`` names, with its rights; None if it is refused."""
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
            issuers = [one for one in self._issuers if one.url == unverified.get("iss")]
            key = self._keys.key(issuers[0].keys_url, header.get("kid")) if issuers else None
            if key is None or header.get("alg") not in ALGORITHMS:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=issuers[0].url,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.PyJWTError:
            return None
        return _caller(claims, issuers)


def _caller(claims: Mapping[str, Any], issuers: Sequence[Issuer]) -> Caller | None:
    """Return the rights that verified ``claims`` give; None for those of no repository."""
    provider = issuers[0].provider
    repository, event = (claims.get(name) for name in _NAMES[provider])
    if not isinstance(repository, str) or not is_name(repository, 200) or "*" in repository:
        return None
    read = Grant(scopes=frozenset({TokenScope.READ}), repositories=(repository,))
    covering = [
        one
        for one in issuers
        if Grant(scopes=read.scopes, repositories=one.repositories).covers(repository)
    ]
    if not covering:
        return None
    grants = [read]
    name = f"{provider}:{repository}"
    own = isinstance(event, str) and event in _OWN_EVENTS[provider]
    ref = _ref(provider, claims)
    if own and ref is not None and any(_allows(one, ref) for one in covering):
        branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        grants.append(
            Grant(
                scopes=frozenset({TokenScope.WRITE}),
                repositories=(repository,),
                branches=frozenset({branch}),
            )
        )
    return Caller(name=name, grants=tuple(grants), reads_only=not own)


def _ref(provider: str, claims: Mapping[str, Any]) -> str | None:
    """Return the ref of the job, such as ``refs/heads/main``. GitLab's has its type beside it."""
    ref = claims.get("ref")
    if not isinstance(ref, str):
        return None
    if provider == "github":
        return ref
    start = _REF_TYPES.get(str(claims.get("ref_type")))
    return None if start is None else start + ref


def _allows(issuer: Issuer, ref: str) -> bool:
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), ref) for pattern in issuer.refs
    )
