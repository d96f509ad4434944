"""The application of ``secagg serve``: the data that it serves, and its routes.

:mod:`secagg.serve.guard` checks each request before it reaches one of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from secagg import __version__
from secagg.errors import SecaggError
from secagg.model.access import Caller, TokenScope
from secagg.model.problem import State
from secagg.report.filters import Filters, problem_with_id
from secagg.report.formats import Report, compose
from secagg.report.jsonformat import dumps, pieces
from secagg.report.page import page, page_data, problem_data
from secagg.report.query import Query
from secagg.report.source import ProblemSource, TriageSink
from secagg.report.standing import ShownState
from secagg.serve.allpages import make_pages
from secagg.serve.api import Forbidden, TheCaller, make_api
from secagg.serve.callers import Callers
from secagg.serve.guard import Access, Guard, refused
from secagg.serve.loginroutes import make_login
from secagg.serve.monitoring import HEALTH_PATH, METRICS_PATH, Health, LogLine, Metrics
from secagg.serve.overview import AllRepositories
from secagg.serve.people import People, may_decide, may_decide_on_all, readable
from secagg.system.dates import utc_now

_MOST_ERRORS = 10
# So many ids fit into the longest body.
_MOST_AT_ONCE = 25_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The data and settings of the application.

    ``open_source`` is called for each request. Without ``triage``, or with ``read_only``, nothing
    can be changed from the page. ``by`` is the person who decides. ``log`` gets one line for each
    request. The API for jobs is there with ``callers``, and uses their store. With ``people`` the
    page is for them, each with the rights of their teams; without, for whoever has the address.
    ``repositories`` is the store behind the pages for all repositories; without it the page is that
    of the report, with all problems in it.
    """

    open_source: Callable[[], ProblemSource]
    access: Access
    triage: TriageSink | None = None
    read_only: bool = False
    by: str = "unknown"
    log: Callable[[LogLine], None] | None = None
    callers: Callers | None = None
    people: People | None = None
    repositories: AllRepositories | None = None
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def writable(self) -> bool:
        return self.triage is not None and not self.read_only

    def csrf_of(self, person: Caller) -> str:
        """Return the token that the page of ``person`` sends with each change."""
        return self.access.csrf if self.people is None else self.people.csrf_of(person)


class TriageRequest(BaseModel):
    """A decision on one or more problems."""

    model_config = ConfigDict(extra="forbid")

    identities: list[str] = Field(min_length=1, max_length=_MOST_AT_ONCE)
    state: Literal["open", "confirmed", "false-positive", "accepted"]
    reason: str = Field(min_length=1, max_length=4000)
    owner: str | None = Field(default=None, max_length=200)
    expires: datetime.date | None = None


class UndoBatchRequest(BaseModel):
    """A batch of decisions to take back, by the name that deciding answered."""

    model_config = ConfigDict(extra="forbid")

    batch: str = Field(min_length=1, max_length=40)


class TriageResponse(BaseModel):
    """The problems as they stand now, as in the page's data; ``batch`` names the decision."""

    batch: str
    problems: list[dict[str, Any]]


class PastResponse(BaseModel):
    """What was decided on a problem, newest first."""

    entries: list[dict[str, Any]]


def make_app(served: Served) -> FastAPI:
    """Return the application, without FastAPI's documentation pages, which load other sites."""
    app = FastAPI(
        title="secagg", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.middleware("http")(Guard(served))

    @app.exception_handler(SecaggError)
    def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, SecaggError)
        return refused(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: Exception) -> Response:
        # Without the request's own values: they may be long, or invalid text (a lone surrogate).
        assert isinstance(error, RequestValidationError)
        errors = [{"loc": e["loc"], "msg": e["msg"]} for e in error.errors()[:_MOST_ERRORS]]
        return Response(dumps({"detail": errors}), 422, media_type="application/json")

    if served.callers is not None:
        callers = served.callers
        app.include_router(make_api(callers.open_store, served.metrics, callers.tools))
    if served.people is not None:
        app.include_router(make_login(served.people, served.access))
    add_monitoring(app, served)

    if served.repositories is not None:
        app.include_router(make_pages(served.repositories, served.csrf_of))
        return app
    add_report(app, served)
    return app


def add_report(app: FastAPI, served: Served) -> None:
    """Add the page of the report and the routes that it asks."""

    @app.get("/", response_class=HTMLResponse, summary="The page")
    def index(person: TheCaller) -> HTMLResponse:
        data = page_data(_report(served, person))
        decides = served.writable and any(TokenScope.TRIAGE in g.scopes for g in person.grants)
        data["live"] = {"csrf": served.csrf_of(person), "read_only": not decides}
        if person.session:
            data["live"]["person"] = person.name
        return HTMLResponse(page(data, live=True).encode("utf-8", "replace"))

    @app.get("/api/report", summary="All problems, as secagg report --format json writes them")
    def everything(person: TheCaller) -> Response:
        every = Query(filters=Filters(states=frozenset(ShownState)))
        report = compose(readable(served.open_source(), person), every, utc_now())
        return Response(b"".join(pieces(report)), media_type="application/json")

    @app.get("/api/problems/{identity}", summary="One problem")
    def one(identity: str, person: TheCaller) -> Response:
        report = _report(served, person)
        found = problem_with_id(identity, report.answer.related)
        if found is None:
            raise HTTPException(404, "no such problem")
        data = problem_data(found, report.last, report.today)
        return Response(dumps(data), media_type="application/json")

    @app.get("/api/problems/{identity}/history", summary="What was decided on a problem")
    def past(identity: str, person: TheCaller) -> PastResponse:
        source = readable(served.open_source(), person)
        found = problem_with_id(identity, list(source.problems()))
        if found is None:
            raise HTTPException(404, "no such problem")
        entries = [] if served.triage is None else served.triage.past(found)
        return _json({"entries": entries})  # type: ignore[return-value]

    @app.post("/api/triage", summary="Decide on problems")
    def decide(request: TriageRequest, person: TheCaller) -> TriageResponse:
        if served.triage is None or not served.writable:
            raise HTTPException(403, "this server is read-only")
        if not may_decide(served.open_source(), person, request.identities):
            raise HTTPException(403, "you may not decide on all of these problems")
        batch = served.triage.decide(
            request.identities,
            state=State(request.state),
            reason=request.reason,
            by=person.name,
            owner=request.owner,
            expires=request.expires,
        )
        problems = _problems_named(_report(served, person), request.identities)
        return _json({"batch": batch, "problems": problems})  # type: ignore[return-value]

    @app.post("/api/undo", summary="Take a batch of decisions back")
    def undo(request: UndoBatchRequest, person: TheCaller) -> TriageResponse:
        if served.triage is None or not served.writable:
            raise HTTPException(403, "this server is read-only")
        if not may_decide_on_all(served.open_source(), person):
            raise HTTPException(403, "you may not decide on all problems here")
        names = served.triage.undo(request.batch, by=person.name)
        problems = _problems_named(_report(served, person), names)
        return _json({"batch": request.batch, "problems": problems})  # type: ignore[return-value]


def add_monitoring(app: FastAPI, served: Served) -> None:
    """Add the routes for operators."""
    health = Health(None if served.callers is None else served.callers.open_store)

    @app.get(HEALTH_PATH, summary="Whether the server and its store work")
    def healthy() -> PlainTextResponse:
        if health.works():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the store cannot be used\n", 503)

    @app.get(METRICS_PATH, summary="Metrics for Prometheus, with a token for all repositories")
    def metrics(caller: TheCaller) -> Response:
        if not caller.may_everywhere(TokenScope.READ):
            raise Forbidden("metrics need the right to read for all repositories")
        text, kind = served.metrics.document()
        return Response(text, headers={"Content-Type": kind})


def _report(served: Served, person: Caller) -> Report:
    """Return the open problems with all related ones; the page applies its own filters."""
    return compose(readable(served.open_source(), person), Query(), utc_now())


def _json(value: object) -> Response:
    return Response(dumps(value), media_type="application/json")


def _problems_named(report: Report, identities: Iterable[str]) -> list[dict[str, Any]]:
    """Return the data of the problems with these ids, or that had one of them before."""
    requested, related = set(identities), report.answer.related
    earlier = requested - {problem.identity for problem in related}
    return [
        problem_data(problem, report.last, report.today)
        for problem in related
        if problem.identity in requested or not earlier.isdisjoint(problem.known_as)
    ]
