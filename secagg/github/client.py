"""HTTP with GitHub: one token, one host, retries where GitHub asks for them.

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
from secagg.github.failures import FLEETING, LIMITED, Failure, GitHubError, of_status
from secagg.secrets.lastfilter import filtered


class Clock(Protocol):
    """``now`` is seconds since 1970; ``sleep`` takes seconds."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


VARIABLES = ("SECAGG_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")


_HIDDEN = "***"


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
        return f"Token({_HIDDEN})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Token cannot be serialized")

    def header(self) -> dict[str, str]:
        """Return the one header that holds it."""
        return {"Authorization": f"Bearer {self._value}"}

    def mask(self, text: str) -> str:
        """``text`` without the token."""
        return text.replace(self._value, _HIDDEN)


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


_log = logging.getLogger(__name__)


API_VERSION = "2022-11-28"


ATTEMPTS = 6


# Seconds that one request may wait in all before it is given up.
PATIENCE = 900.0


_TIMEOUT = httpx.Timeout(60.0, connect=15.0)


_AGAIN = frozenset({429, 500, 502, 503, 504})


_MOST_REDIRECTS = 5


_LONGEST_TEXT = 500


_LONGEST_PAUSE = 60.0


_TEXTS = frozenset({"body", "dismissed_comment"})


class Transient(Exception):
    """A failure that may pass. ``wait`` is how long GitHub asks to wait, in seconds."""

    def __init__(self, error: GitHubError, wait: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait = wait


class _Refusals:
    """The pauses after refusals that may pass, as codeql-action makes them (seconds)."""

    def __init__(self, insist: bool) -> None:
        self._pauses = iter((1.0, 4.0, 9.0) if insist else ())

    def pause(self) -> float | None:
        """Return the next pause; None where the refusal is final."""
        return next(self._pauses, None)


class Client:
    """Requests to one GitHub with one token; for use in a ``with`` statement.

    Most refusals raise :class:`GitHubError` at once. Rate limits, server errors and broken
    connections are tried again, up to ``attempts`` times and for ``patience`` seconds.
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

    def post(self, path: str, body: Mapping[str, Any], *, insist: bool = False) -> Any:
        """Return the JSON answer to ``body``; see :meth:`request` for ``insist``."""
        return self._json(self.request("POST", path, body=body, insist=insist))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON answer to a change."""
        return self._json(self.request("PATCH", path, body=body))

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Yield every item of a list that GitHub gives in pages, in its order."""
        response = self.request("GET", path, params={"per_page": 100, **params})
        while True:
            items = self._json(response)
            yield from items if isinstance(items, list) else ()
            following = response.links.get("next", {}).get("url")
            if not following:
                return
            response = self.request("GET", following)

    def mask(self, text: str) -> str:
        """``text`` without the token."""
        return self._token.mask(text)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        insist: bool = False,
    ) -> httpx.Response:
        """One request with its retries. Raises :class:`GitHubError` once it is final.

        With ``insist`` refusals are tried again a few times, too, that are final most times but
        not always (401, 403, 404).
        """
        started = self.clock.now()

        def too_long(state: RetryCallState) -> bool:
            waited = self.clock.now() - started + state.upcoming_sleep
            return state.attempt_number >= self._attempts or waited > self._patience

        retrying = Retrying(
            sleep=self.clock.sleep,
            wait=_pause,
            stop=too_long,
            retry=retry_if_exception_type(Transient),
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, params, body, _Refusals(insist))
        except Transient as given_up:
            raise given_up.error from None

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        refusals: _Refusals,
    ) -> httpx.Response:
        url = path if "://" in path else f"{self._api_url}{path}"
        if body is not None:
            # What people read; references and SARIF, which was filtered as JSON, stay.
            body = {
                key: filtered(value) if key in _TEXTS and isinstance(value, str) else value
                for key, value in body.items()
            }
        for _ in range(_MOST_REDIRECTS):
            self._stay(url)
            try:
                response = self._http.request(
                    method, url, params=params, json=body, headers=self._token.header()
                )
            except httpx.TransportError as error:
                raise self._broken(error) from None
            # Without the query: a redirect may carry a signature there.
            _log.debug("%s %s: %d", method, urlsplit(url).path, response.status_code)
            if response.is_success:
                return response
            if not response.has_redirect_location:
                raise self._refused(response, refusals)
            url, params = str(response.url.join(response.headers["location"])), None
            if response.status_code == 303:
                method, body = "GET", None
        raise GitHubError(Failure.REDIRECT, "too many redirects")

    def _stay(self, url: str) -> None:
        """Raise :class:`GitHubError` for an address that the token must not go to."""
        ours, theirs = urlsplit(self._api_url), urlsplit(url)
        if (ours.scheme, ours.hostname, ours.port) != (theirs.scheme, theirs.hostname, theirs.port):
            raise GitHubError(Failure.REDIRECT, str(theirs.hostname))

    def _broken(self, error: httpx.TransportError) -> Exception:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return GitHubError(Failure.CERTIFICATE)
        # Its own text is not shown: it may quote what was sent.
        failure = GitHubError(Failure.CONNECTION, type(error).__name__)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return failure
        return Transient(failure)

    def _refused(self, response: httpx.Response, refusals: _Refusals) -> Exception:
        message = self._said(response)
        wait, limited = self._asked_to_wait(response)
        failure = of_status(response.status_code, message, limited=limited)
        error = GitHubError(failure, message, status=response.status_code)
        if response.status_code in _AGAIN or failure in LIMITED:
            if failure is Failure.SECONDARY_LIMIT and wait is None:
                wait = 60.0
            return Transient(error, wait)
        pause = refusals.pause() if failure in FLEETING else None
        return error if pause is None else Transient(error, pause)

    def _asked_to_wait(self, response: httpx.Response) -> tuple[float | None, bool]:
        """Seconds to wait by the headers, and whether they name a limit."""
        after = response.headers.get("retry-after", "").strip()
        if after.isdecimal():
            return float(after), True
        if after:
            try:
                return max(0.0, parsedate_to_datetime(after).timestamp() - self.clock.now()), True
            except ValueError:
                return None, True
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            # A second more, as clocks are not the same.
            seconds = max(0.0, float(reset) - self.clock.now()) + 1 if reset.isdecimal() else None
            return seconds, True
        return None, False

    def _said(self, response: httpx.Response) -> str:
        try:
            answer = response.json()
        except ValueError:
            return ""
        if not isinstance(answer, Mapping):
            return ""
        parts = [answer.get("message"), *(answer.get("errors") or ())]
        texts = (p.get("message") if isinstance(p, Mapping) else p for p in parts)
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


def _pause(state: RetryCallState) -> float:
    """As long as GitHub asks for, else longer each time, with jitter so that jobs part."""
    error = state.outcome.exception() if state.outcome is not None else None
    times = 2.0 ** (state.attempt_number - 1)
    wait = error.wait if isinstance(error, Transient) else None
    if wait is not None:
        secondary = isinstance(error, Transient) and (
            error.error.failure is Failure.SECONDARY_LIMIT and wait == _LONGEST_PAUSE
        )
        return (wait * times if secondary else wait) + random.uniform(0.0, 1.0)  # noqa: S311
    return min(_LONGEST_PAUSE, times) * random.uniform(0.5, 1.5)  # noqa: S311
