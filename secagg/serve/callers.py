"""Tell who calls the API: by a token of ``secagg token add``, or by the word of a CI service."""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Callable, Set
from dataclasses import dataclass, field

from secagg.history import Store
from secagg.model.access import TOKEN_PREFIX, Caller, digest_of
from secagg.serve.oidc import Verifier
from secagg.system.dates import utc_now

_LONGEST = 200
_BEARER = "bearer "
# Compared with where there is no such token, so that an unknown id takes as long as a known one.
_NO_DIGEST = digest_of("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Finds out who calls. ``open_store`` is called for each token of the store.

    ``tools`` are the tools whose names have a place in the store whatever callers send.
    """

    open_store: Callable[[], Store]
    tools: Set[str] = frozenset()
    verifier: Verifier | None = None
    now: Callable[[], datetime.datetime] = field(default=utc_now)

    def of(self, authorization: str | None) -> Caller | None:
        """Return who sent the header ``Authorization``; None where nobody is known by it.

        Raises :class:`secagg.errors.StoreError`.
        """
        if authorization is None or not authorization.lower().startswith(_BEARER):
            return None
        token = authorization[len(_BEARER) :].strip()
        if not token.isascii():
            return None
        if token.startswith(TOKEN_PREFIX):
            return self._of_api_token(token)
        return None if self.verifier is None else self.verifier.caller(token)

    def _of_api_token(self, token: str) -> Caller | None:
        token_id, _, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
        if len(token) > _LONGEST or not token_id.isalnum():
            return None
        with self.open_store() as store:
            tokens = store.tokens(token_id)
        kept = tokens[0] if tokens else None
        same = hmac.compare_digest(digest_of(secret), _NO_DIGEST if kept is None else kept.digest)
        if kept is None or not same or not kept.is_valid(self.now()):
            return None
        return Caller(name=f"token:{kept.name}", grants=(kept.grant(),))
