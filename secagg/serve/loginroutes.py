"""The routes by which people log in and out (:mod:`secagg.serve.login`)."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from secagg.errors import SecaggError
from secagg.model.access import Caller
from secagg.serve.guard import CSRF_HEADER, Access
from secagg.serve.people import People
from secagg.serve.sessions import (
    CALLBACK_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    LoginRefused,
    Sessions,
)


def make_login(people: People, access: Access) -> APIRouter:
    """Return the routes; none where nobody logs in here."""
    router = APIRouter()
    sessions, provider = people.sessions, people.provider
    if sessions is None or provider is None:
        return router

    @router.get(LOGIN_PATH, summary="Log in at the issuer")
    def login(next: str = "/") -> Response:  # noqa: A002
        try:
            address, cookie = provider.begin(next)
        except SecaggError as error:
            return PlainTextResponse(f"Nobody can log in now: {error.message}.\n", 503)
        response: Response = RedirectResponse(address, 303)
        sessions.set_login_cookie(response, cookie)
        return response

    @router.get(CALLBACK_PATH, summary="Where the issuer sends people back to")
    def callback(request: Request) -> Response:
        cookie = request.cookies.get(sessions.login_name)
        try:
            response = _logged_in(people, sessions, dict(request.query_params), cookie)
        except SecaggError as error:
            status = 401 if isinstance(error, LoginRefused) else 503
            response = PlainTextResponse(
                f"You are not logged in: {error.message}.\nOpen {LOGIN_PATH} to try again.\n",
                status,
            )
        sessions.delete_cookie(response, sessions.login_name)
        return response

    def _logged_in(
        people: People, sessions: Sessions, answer: dict[str, str], cookie: str | None
    ) -> Response:
        person = provider.finish(answer, cookie)
        groups = people.groups_that_count(person.groups)
        if people.named(person.name, groups) is None:
            return PlainTextResponse(
                "You are logged in, and no team of this server names you: ask who runs it.\n", 403
            )
        response = RedirectResponse(person.target, 303)
        sessions.set_cookie(response, sessions.start(person.name, groups))
        return response

    @router.get(LOGOUT_PATH, summary="What is shown to who has logged out")
    def logged_out() -> PlainTextResponse:
        return PlainTextResponse(f"You are logged out. Open {LOGIN_PATH} to log in again.\n")

    @router.post(LOGOUT_PATH, summary="Log out")
    async def logout(request: Request) -> Response:
        person, session = request.state.caller, request.state.session
        if not await _comes_from_the_page(request, people, access, person):
            return PlainTextResponse("the page's token is missing or wrong\n", 403)
        if session is not None:
            await run_in_threadpool(sessions.end, session)
        response = RedirectResponse(LOGOUT_PATH, 303)
        sessions.delete_cookie(response, sessions.session_name)
        return response

    return router


async def _comes_from_the_page(
    request: Request, people: People, access: Access, person: Caller
) -> bool:
    """Return whether a form or a script of our own page has sent ``request``.

    A form of a page that sends no referrer has the origin ``null`` (Fetch, section 3.1): then the
    page's token and ``Sec-Fetch-Site`` tell.
    """
    token = request.headers.get(CSRF_HEADER)
    if token is None:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        token = next(iter(form.get("csrf", ())), None)
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    return access.may_change(token, None if origin == "null" else origin, people.csrf_of(person))
