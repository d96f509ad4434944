"""Show ``secagg serve`` who a job is: by a token of the environment, or by the CI's own word.

GitHub Actions signs a token for each job with ``id-token: write``, which names repository, ref and
event (GitHub Docs, "OpenID Connect reference"). GitLab puts one into a variable that the job names
under ``id_tokens`` (GitLab Docs, "OpenID Connect (OIDC) Authentication Using ID Tokens").
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from secagg.errors import StoreError, UsageError

VARIABLE = "SECAGG_STORE_TOKEN"
_REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
_REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_HINT = (
    f"set {VARIABLE} (secagg token add makes one), or give a GitHub job the permission "
    "id-token: write"
)


def bearer_token(environ: Mapping[str, str], audience: str) -> str:
    """Return the token for the server at ``audience``, its address.

    Raises :class:`StoreError` where there is none, and :class:`UsageError` for one that no header
    can hold.
    """
    token = environ.get(VARIABLE, "").strip()
    if not token and environ.get(_REQUEST_URL) and environ.get(_REQUEST_TOKEN):
        token = _token_of_github(environ[_REQUEST_URL], environ[_REQUEST_TOKEN], audience)
    if not token:
        raise StoreError(f"there is no token for the store {audience}", hint=_HINT)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{VARIABLE} holds characters that no token has")
    return token


def _token_of_github(url: str, request_token: str, audience: str) -> str:
    """Return the token that GitHub signs for this job."""
    try:
        answer = httpx.get(
            url,
            params=[*httpx.URL(url).params.multi_items(), ("audience", audience)],
            headers={"Authorization": f"Bearer {request_token}"},
            timeout=httpx.Timeout(30.0, connect=10.0),
        )
        value = answer.raise_for_status().json()["value"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError):
        # Without the text of the error, which may quote the token.
        raise StoreError("GitHub gave this job no token that says who it is", hint=_HINT) from None
    return str(value)
