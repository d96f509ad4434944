"""The check in front of every route, and the headers on every answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse

from secagg.output.escape import cell
from secagg.serve.access import CSRF_HEADER, Access

_LARGEST_BODY = 1_000_000
_SECONDS_FOR_A_BODY = 10.0
_READING = frozenset({"GET", "HEAD"})
# It says which routes there are, and nothing of what is behind them.
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
Next = Callable[[Request], Awaitable[Response]]


class Guard:
    """A middleware over all routes."""

    def __init__(self, access: Access, log: Callable[[str], None] | None = None) -> None:
        self._access = access
        self._log = log

    async def __call__(self, request: Request, call_next: Next) -> Response:
        started = time.monotonic()
        refused = self._refusal(request)
        if refused is None and request.method not in _READING:
            refused = await self._slow(request)
        response = await self._answer(request, call_next) if refused is None else refused
        for name, value in _HEADERS.items():
            response.headers[name] = value
        if self._log is not None:
            # Without what stands behind the path: the one-time token is there.
            took = 1000 * (time.monotonic() - started)
            path = cell(request.url.path)
            self._log(f"{request.method} {path} {response.status_code} {took:.0f} ms")
        return response

    async def _answer(self, request: Request, call_next: Next) -> Response:
        """The route's answer; where it fails, no word of why, which may quote what is served."""
        try:
            return await call_next(request)
        except Exception as error:
            if self._log is not None:
                self._log(f"internal error: {type(error).__name__}")
            return PlainTextResponse("internal error\n", 500)

    @staticmethod
    async def _slow(request: Request) -> Response | None:
        """Wait for the body; an answer if it does not come."""
        try:
            async with asyncio.timeout(_SECONDS_FOR_A_BODY):
                await request.body()
        except TimeoutError:
            return PlainTextResponse("too slow\n", 408)
        return None

    def _refusal(self, request: Request) -> Response | None:
        """What is answered instead of the route's answer, if anything."""
        access = self._access
        if not access.own_host(request.headers.get("host")):
            return PlainTextResponse("this host name is not served here\n", 421)
        if "transfer-encoding" in request.headers:
            # Its length is known when it has arrived only.
            return PlainTextResponse("say how long it is\n", 411)
        length = request.headers.get("content-length", "0")
        if request.method not in _READING and (
            not length.isdecimal() or int(length) > _LARGEST_BODY
        ):
            return PlainTextResponse("too long\n", 413)
        if request.url.path in _OPEN_PATHS and request.method in _READING:
            return None
        known = access.known(request.cookies.get(access.cookie_name))
        token = request.query_params.get("token")
        if request.url.path == "/" and request.method == "GET" and token is not None:
            return self._enter(token, known=known)
        if not known:
            return PlainTextResponse(
                "Open the address that secagg serve has printed; it works once.\n", 401
            )
        if request.method not in _READING and not access.may_change(
            request.headers.get(CSRF_HEADER), request.headers.get("origin")
        ):
            return JSONResponse({"detail": "the page's token is missing or wrong"}, 403)
        return None

    def _enter(self, token: str, *, known: bool) -> Response:
        """The token for a cookie, and away from the address that has the token in it."""
        access = self._access
        response: Response = RedirectResponse("/", 303)
        if access.exchange(token):
            response.set_cookie(
                access.cookie_name, access.session, httponly=True, samesite="strict", path="/"
            )
        elif not known:
            return PlainTextResponse(
                "This address has been used already, or is none. Start secagg serve again.\n", 403
            )
        return response
