"""Send HTTP requests to GitHub: one token, one host, retries where GitHub asks for them.

Source of the rules on waiting: GitHub Docs, "Best practices for using the REST API" and "Rate
limits for the REST API".
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from secagg import __version__
from secagg.errors import UsageError
from secagg.github.failures import (
    RATE_LIMITED,
    SOMETIMES_TRANSIENT,
    Failure,
    GitHubError,
    failure_of_status,
)
from secagg.secrets.lastfilter import filtered

_log = logging.getLogger(__name__)

VARIABLES = ("SECAGG_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
API_VERSION = "2022-11-28"
ATTEMPTS = 6
PATIENCE = 900.0
"""How many seconds one request may wait in all."""

_MASK = "***"
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_MOST_REDIRECTS = 5
_LONGEST_TEXT = 500
_LONGEST_PAUSE = 60.0
# The fields of a request that people read; SARIF was filtered before.
_TEXT_FIELDS = frozenset({"body", "dismissed_comment"})


class Clock(Protocol):
    """``now`` is seconds since 1970; ``sleep`` takes seconds."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Token:
    """A GitHub token that cannot be printed.

    Raises :class:`UsageError`, without the value, for one that no header could hold.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise UsageError(
                "the GitHub token is empty or holds characters that no token has",
                hint="check the secret that it comes from",
            )
        self._value = value

    def __repr__(self) -> str:
        return f"Token({_MASK})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Token cannot be serialized")

    def header(self) -> dict[str, str]:
        """Return the header with the token."""
        return {"Authorization": f"Bearer {self._value}"}

    def mask(self, text: str) -> str:
        """Return ``text`` without the token."""
        return text.replace(self._value, _MASK)


def find_token(environ: Mapping[str, str]) -> Token:
    """Return the token of the environment. Raises :class:`UsageError` where there is none."""
    for name in VARIABLES:
        if environ.get(name):
            return Token(environ[name])
    raise UsageError(
        "there is no GitHub token",
        hint="in a workflow: env: GITHUB_TOKEN: ${{ github.token }}, with the permission "
        "security-events: write; elsewhere a token with the scope security_events",
    )


class TransientError(Exception):
    """A failure to retry. ``wait`` is how many seconds GitHub asks to wait."""

    def __init__(self, error: GitHubError, wait: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait = wait


class _RetryPauses:
    """The pauses in seconds between retries of a refusal, as codeql-action makes them."""

    def __init__(self, retry_refusals: bool) -> None:
        self._pauses = iter((1.0, 4.0, 9.0) if retry_refusals else ())

    def pause(self) -> float | None:
        """Return the next pause; None after the last retry."""
        return next(self._pauses, None)


class Client:
    """Sends requests to one GitHub with one token; for use in a ``with`` statement.

    Most refusals raise :class:`GitHubError` at once. After a rate limit, a server error or a broken
    connection the client tries again, up to ``attempts`` times and for ``patience`` seconds.
    """

    def __init__(
        self,
        api_url: str,
        token: Token,
        *,
        clock: Clock | None = None,
        attempts: int = ATTEMPTS,
        patience: float = PATIENCE,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self._api_url = api_url
        self._token = token
        self.clock = clock or SystemClock()
        self._attempts = attempts
        self._patience = patience
        self._http = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": API_VERSION,
                "User-Agent": f"secagg/{__version__}",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON value at ``path``."""
        return self._json(self.request("GET", path, params=params))

    def post(self, path: str, body: Mapping[str, Any], *, retry_refusals: bool = False) -> Any:
        """Return the JSON answer to ``body``; see :meth:`request` for ``retry_refusals``."""
        return self._json(self.request("POST", path, body=body, retry_refusals=retry_refusals))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON answer to a change."""
        return self._json(self.request("PATCH", path, body=body))

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Yield every item of a list that GitHub returns in pages, in order."""
        response = self.request("GET", path, params={"per_page": 100, **params})
        while True:
            items = self._json(response)
            yield from items if isinstance(items, list) else ()
            next_url = response.links.get("next", {}).get("url")
            if not next_url:
                return
            response = self.request("GET", next_url)

    def mask(self, text: str) -> str:
        """Return ``text`` without the token."""
        return self._token.mask(text)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        retry_refusals: bool = False,
    ) -> httpx.Response:
        """Send a request, with retries. Raises :class:`GitHubError` for a final failure.

        ``retry_refusals`` also retries, a few times, refusals that are usually final (401, 403,
        404).
        """
        started = self.clock.now()

        def give_up(state: RetryCallState) -> bool:
            waited = self.clock.now() - started + state.upcoming_sleep
            return state.attempt_number >= self._attempts or waited > self._patience

        retrying = Retrying(
            sleep=self.clock.sleep,
            wait=_retry_pause,
            stop=give_up,
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        try:
            return retrying(
                self._request_once, method, path, params, body, _RetryPauses(retry_refusals)
            )
        except TransientError as error:
            raise error.error from None

    def _request_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        pauses: _RetryPauses,
    ) -> httpx.Response:
        url = path if "://" in path else f"{self._api_url}{path}"
        if body is not None:
            body = {
                key: filtered(value) if key in _TEXT_FIELDS and isinstance(value, str) else value
                for key, value in body.items()
            }
        for _ in range(_MOST_REDIRECTS):
            self._check_host(url)
            try:
                response = self._http.request(
                    method, url, params=params, json=body, headers=self._token.header()
                )
            except httpx.TransportError as error:
                raise self._connection_error(error) from None
            # Without the query, where a redirect may carry a signature.
            _log.debug("%s %s: %d", method, urlsplit(url).path, response.status_code)
            if response.is_success:
                return response
            if not response.has_redirect_location:
                raise self._error_of(response, pauses)
            url, params = str(response.url.join(response.headers["location"])), None
            if response.status_code == 303:
                method, body = "GET", None
        raise GitHubError(Failure.REDIRECT, "too many redirects")

    def _check_host(self, url: str) -> None:
        """Raise :class:`GitHubError` for an address that must not get the token."""
        api, target = urlsplit(self._api_url), urlsplit(url)
        if (api.scheme, api.hostname, api.port) != (target.scheme, target.hostname, target.port):
            raise GitHubError(Failure.REDIRECT, str(target.hostname))

    def _connection_error(self, error: httpx.TransportError) -> Exception:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return GitHubError(Failure.CERTIFICATE)
        # Without the text of ``error``, which may quote what was sent.
        final = GitHubError(Failure.CONNECTION, type(error).__name__)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return final
        return TransientError(final)

    def _error_of(self, response: httpx.Response, pauses: _RetryPauses) -> Exception:
        message = self._error_text(response)
        wait, limited = self._requested_wait(response)
        failure = failure_of_status(response.status_code, message, limited=limited)
        error = GitHubError(failure, message, status=response.status_code)
        if response.status_code in _RETRIED_STATUSES or failure in RATE_LIMITED:
            if failure is Failure.SECONDARY_LIMIT and wait is None:
                wait = 60.0
            return TransientError(error, wait)
        pause = pauses.pause() if failure in SOMETIMES_TRANSIENT else None
        return error if pause is None else TransientError(error, pause)

    def _requested_wait(self, response: httpx.Response) -> tuple[float | None, bool]:
        """Return the seconds to wait by the headers, and whether they name a rate limit."""
        retry_after = response.headers.get("retry-after", "").strip()
        if retry_after.isdecimal():
            return float(retry_after), True
        if retry_after:
            try:
                return max(
                    0.0, parsedate_to_datetime(retry_after).timestamp() - self.clock.now()
                ), True
            except ValueError:
                return None, True
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            # A second more, as the clocks may differ.
            seconds = max(0.0, float(reset) - self.clock.now()) + 1 if reset.isdecimal() else None
            return seconds, True
        return None, False

    def _error_text(self, response: httpx.Response) -> str:
        try:
            body = response.json()
        except ValueError:
            return ""
        if not isinstance(body, Mapping):
            return ""
        parts = [body.get("message"), *(body.get("errors") or ())]
        texts = (part.get("message") if isinstance(part, Mapping) else part for part in parts)
        message = "; ".join(" ".join(text.split()) for text in texts if isinstance(text, str))
        return self.mask(message)[:_LONGEST_TEXT]

    def _json(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise GitHubError(
                Failure.CONNECTION, "the answer is no JSON", status=response.status_code
            ) from None


def _retry_pause(state: RetryCallState) -> float:
    """Return the seconds that GitHub asks for, else more each time; jitter keeps jobs apart."""
    error = state.outcome.exception() if state.outcome is not None else None
    factor = 2.0 ** (state.attempt_number - 1)
    wait = error.wait if isinstance(error, TransientError) else None
    if wait is not None:
        secondary = isinstance(error, TransientError) and (
            error.error.failure is Failure.SECONDARY_LIMIT and wait == _LONGEST_PAUSE
        )
        return (wait * factor if secondary else wait) + random.uniform(0.0, 1.0)  # noqa: S311
    return min(_LONGEST_PAUSE, factor) * random.uniform(0.5, 1.5)  # noqa: S311
