"""Check each request to ``secagg serve`` before it reaches a route.

The Host header must name this server, because another site's name can resolve to this machine (DNS
rebinding). A cookie must hold the session token, which the one-time token in the printed address
buys once. A request that changes something also needs a token in a header, which no other site can
send or read (cross-site request forgery), and a matching Origin. The API for jobs
(:mod:`secagg.serve.api`) asks for a token in each request instead, and no cookie opens it.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from secagg.errors import SecaggError, StoreUnavailable, UsageError
from secagg.jsonio.packed import MOST_PACKED_BYTES
from secagg.model.access import Caller
from secagg.output.escape import cell
from secagg.remote.documents import PREFIX, UntrustedRun
from secagg.report.jsonformat import dumps
from secagg.serve.api import INGEST_PATH, Forbidden
from secagg.serve.monitoring import HEALTH_PATH, METRICS_PATH, LogLine
from secagg.serve.people import People, only_person
from secagg.serve.sessions import CALLBACK_PATH, LOGIN_PATH, LOGOUT_PATH
from secagg.system.network import is_loopback

if TYPE_CHECKING:
    from secagg.serve.app import Served

CSRF_HEADER = "x-secagg-token"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LARGEST_BODY = 1_000_000
# Of a request of the API: as many ids as a run may have problems.
_LARGEST_API_BODY = 16_000_000
_SECONDS_FOR_A_BODY = 10.0
_SECONDS_FOR_A_RUN = 120.0
# Runs that are received at once, each of up to MOST_PACKED_BYTES.
_RUNS_AT_ONCE = 8
_READING = frozenset({"GET", "HEAD"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
API = f"{PREFIX}/"
# This path lists the routes and shows no data.
_OPEN_PATHS = frozenset({"/openapi.json"})
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
}
# Whoever is not logged in may open these.
_LOGIN_PATHS = frozenset({LOGIN_PATH, CALLBACK_PATH, LOGOUT_PATH})
_NOT_FROM_THE_PAGE = {"detail": "the page's token is missing or wrong"}

Next = Callable[[Request], Awaitable[Response]]


def _token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(slots=True, kw_only=True)
class Access:
    """The tokens of one server process, which are never stored.

    ``hosts`` are the allowed Host headers, with the port, in lower case.
    """

    hosts: frozenset[str]
    cookie_name: str = "secagg"
    one_time: str = field(default_factory=_token)
    session: str = field(default_factory=_token)
    csrf: str = field(default_factory=_token)
    _used: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def exchange(self, token: str) -> bool:
        """Return whether ``token`` is the one-time token; it works only once."""
        with self._lock:
            if self._used or not _same(token, self.one_time):
                return False
            self._used = True
            return True

    def is_session(self, cookie: str | None) -> bool:
        """Return whether ``cookie`` is the session's."""
        return cookie is not None and _same(cookie, self.session)

    def is_own_host(self, host: str | None) -> bool:
        """Return whether a Host header names this server."""
        return host is not None and host.lower() in self.hosts

    def may_change(self, token: str | None, origin: str | None, csrf: str | None = None) -> bool:
        """Return whether a request that changes something comes from the page itself.

        ``csrf`` is the token of the page, by default that of the only person.
        """
        if token is None or not _same(token, csrf or self.csrf):
            return False
        if origin is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() in self.hosts


def hosts_for(host: str, port: int, also: Iterable[str] = ()) -> frozenset[str]:
    """Return the Host headers of a server bound to ``host`` and ``port``; ``also`` names more."""
    names = list(also)
    if is_loopback(host):
        names += _LOCAL_NAMES
    elif host not in ("0.0.0.0", "::"):  # noqa: S104
        names.append(f"[{host}]" if ":" in host else host)
    hosts = {f"{name.lower()}:{port}" for name in names}
    # A browser leaves out the port that belongs to the scheme.
    return frozenset(hosts | ({name.lower() for name in names} if port == 80 else set()))


def _same(token: str, expected: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode())


class Guard:
    """The middleware that checks each request, limits its time, and logs it."""

    def __init__(self, served: Served) -> None:
        self._access = served.access
        self._log = served.log
        self._callers = served.callers
        self._people = served.people
        self._person = only_person(served.by)
        self._runs = asyncio.Semaphore(_RUNS_AT_ONCE)
        self._metrics = served.metrics

    async def __call__(self, request: Request, call_next: Next) -> Response:
        started = time.monotonic()
        response = await self._respond(request, call_next)
        self._renew_session(request, response)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        self._note(request, response.status_code, time.monotonic() - started)
        return response

    def _renew_session(self, request: Request, response: Response) -> None:
        """Renew the cookie of a session, which says when it was used last."""
        session = getattr(request.state, "session", None)
        sessions = None if self._people is None else self._people.sessions
        if session is None or sessions is None or request.url.path == LOGOUT_PATH:
            return
        renewed = sessions.renewed(session)
        if renewed is not None:
            sessions.set_cookie(response, renewed)

    async def _respond(self, request: Request, call_next: Next) -> Response:
        if request.url.path == HEALTH_PATH and request.method in _READING:
            # Probes come by any name of the host, and learn nothing but yes or no.
            return await self._answer(request, call_next)
        response = self._refusal(request)
        if response is None:
            is_api = request.url.path.startswith(API) or request.url.path == METRICS_PATH
            response = await self._identify(request) if is_api else self._admit(request)
        if response is not None:
            return response
        if request.method == "POST" and request.url.path == INGEST_PATH:
            async with self._runs:
                return await self._read_and_answer(request, call_next, _SECONDS_FOR_A_RUN)
        return await self._read_and_answer(request, call_next, _SECONDS_FOR_A_BODY)

    def _note(self, request: Request, status: int, seconds: float) -> None:
        """Count the request, and log it without its query, which may hold the one-time token."""
        route = request.scope.get("route")
        known = getattr(route, "path", None)
        self._metrics.request(_method(request), known or "other", status, seconds)
        if self._log is None:
            return
        path, caller = cell(request.url.path), getattr(request.state, "caller", None)
        values: dict[str, object] = {
            "method": request.method,
            "path": path,
            "status": status,
            "milliseconds": round(1000 * seconds),
        }
        text = f"{request.method} {path} {status} {1000 * seconds:.0f} ms"
        if isinstance(caller, Caller) and caller is not self._person:
            values["caller"] = cell(caller.name)
            text += f" {cell(caller.name)}"
        values |= getattr(request.state, "about", {})
        self._log(LogLine(text=text, values=values))

    async def _identify(self, request: Request) -> Response | None:
        """Find out who calls the API; return a refusal if nobody known does."""
        authorization = request.headers.get("authorization")
        try:
            caller = await run_in_threadpool(self._caller_of, authorization)
        except SecaggError as error:
            return refused(error)
        if caller is None:
            return JSONResponse(
                {"detail": "a valid token is needed"}, 401, {"WWW-Authenticate": "Bearer"}
            )
        request.state.caller = caller
        return None

    def _caller_of(self, authorization: str | None) -> Caller | None:
        return None if self._callers is None else self._callers.of(authorization)

    async def _read_and_answer(self, request: Request, call_next: Next, seconds: float) -> Response:
        """Wait ``seconds`` for the body, if there may be one, and return the route's answer."""
        response = None
        if request.method not in _READING:
            response = await self._read_body(request, seconds)
        return await self._answer(request, call_next) if response is None else response

    async def _answer(self, request: Request, call_next: Next) -> Response:
        """Return the route's answer; an error's message is left out, as it may quote data."""
        try:
            return await call_next(request)
        except Exception as error:
            if self._log is not None:
                self._log(LogLine(text=f"internal error: {type(error).__name__}"))
            return PlainTextResponse("internal error\n", 500)

    @staticmethod
    async def _read_body(request: Request, seconds: float) -> Response | None:
        """Wait for the body; return a refusal if it does not come in time."""
        try:
            async with asyncio.timeout(seconds):
                await request.body()
        except TimeoutError:
            return PlainTextResponse("too slow\n", 408)
        return None

    def _refusal(self, request: Request) -> Response | None:
        """Return the refusal of a request that nobody may send, whoever it is."""
        access = self._access
        if not access.is_own_host(request.headers.get("host")):
            return PlainTextResponse("this host name is not served here\n", 421)
        if "transfer-encoding" in request.headers:
            # The length of such a body is known only after reading it.
            return PlainTextResponse("a Content-Length is required\n", 411)
        length = request.headers.get("content-length", "0")
        if request.method not in _READING and (
            not length.isdecimal() or int(length) > _largest_body(request.url.path)
        ):
            return PlainTextResponse("too long\n", 413)
        return None

    def _admit(self, request: Request) -> Response | None:
        """Return the refusal or redirect that replaces the page's answer, if any."""
        access = self._access
        if request.url.path in _OPEN_PATHS and request.method in _READING:
            return None
        if self._people is not None:
            return self._admit_person(self._people, request)
        request.state.caller = self._person
        has_session = access.is_session(request.cookies.get(access.cookie_name))
        token = request.query_params.get("token")
        if request.url.path == "/" and request.method == "GET" and token is not None:
            return self._start_session(token, has_session=has_session)
        if not has_session:
            return PlainTextResponse(
                "Open the address that secagg serve has printed; it works once.\n", 401
            )
        if request.method not in _READING and not access.may_change(
            request.headers.get(CSRF_HEADER), request.headers.get("origin")
        ):
            return JSONResponse(_NOT_FROM_THE_PAGE, 403)
        return None

    def _admit_person(self, people: People, request: Request) -> Response | None:
        """Return the refusal of a person whom no proxy names, or of a request of another site."""
        peer = None if request.client is None else request.client.host
        person, session = people.of(peer, request.headers), None
        sessions, path = people.sessions, request.url.path
        if person is None and sessions is not None:
            session = sessions.read(request.cookies.get(sessions.session_name))
            person = None if session is None else people.of_session(session)
            if request.method in _READING and path in _LOGIN_PATHS:
                return None
        if person is None:
            return _not_logged_in(request, at_proxy=sessions is None)
        request.state.caller, request.state.session = person, session
        if sessions is not None and path == LOGOUT_PATH:
            # The route looks for the page's token in the form.
            return None
        csrf = people.csrf_of(person)
        if request.method not in _READING and not self._access.may_change(
            request.headers.get(CSRF_HEADER), request.headers.get("origin"), csrf
        ):
            return JSONResponse(_NOT_FROM_THE_PAGE, 403)
        return None

    def _start_session(self, token: str, *, has_session: bool) -> Response:
        """Exchange the one-time token for the cookie, and redirect to an address without it."""
        access = self._access
        response: Response = RedirectResponse("/", 303)
        if access.exchange(token):
            response.set_cookie(
                access.cookie_name, access.session, httponly=True, samesite="strict", path="/"
            )
        elif not has_session:
            return PlainTextResponse(
                "This address is wrong or was used already. Start secagg serve again.\n", 403
            )
        return response


def _not_logged_in(request: Request, *, at_proxy: bool) -> Response:
    """Return where to log in: for a page by a redirect, else as an answer.

    A script's request is no page (Fetch Metadata, section 2.2): it would begin a login unseen.
    """
    if at_proxy:
        return PlainTextResponse("Log in at the proxy in front of this server.\n", 401)
    is_page = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    if is_page and request.method in _READING and not request.url.path.startswith("/api/"):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{LOGIN_PATH}?{urlencode({'next': target})}", 303)
    return JSONResponse({"detail": f"log in again: open {LOGIN_PATH}"}, 401)


def _largest_body(path: str) -> int:
    """Return the most bytes of a body that is sent to ``path``."""
    if path == INGEST_PATH:
        return MOST_PACKED_BYTES
    return _LARGEST_API_BODY if path.startswith(API) else _LARGEST_BODY


def refused(error: SecaggError) -> Response:
    """Return the answer that says why a request was refused, as an ``ErrorAnswer``."""
    status, headers = 409, {}
    if isinstance(error, UntrustedRun):
        status = 422
    elif isinstance(error, Forbidden):
        status = 403
    elif isinstance(error, StoreUnavailable):
        status, headers = 503, {"Retry-After": "2"}
    answer = {
        "detail": error.message,
        "hint": error.hint,
        "usage": isinstance(error, UsageError),
        "read_only": isinstance(error, Forbidden) and error.read_only,
    }
    return Response(dumps(answer), status, headers, media_type="application/json")


def _method(request: Request) -> str:
    """Return the method if it is a known one: others would make a metric each."""
    return request.method if request.method in _METHODS else "other"
