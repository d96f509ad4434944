"""The routes: the page, its data, and triage."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from secagg import __version__
from secagg.errors import SecaggError
from secagg.model.problem import State
from secagg.report.compose import compose
from secagg.report.filters import Filters
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps, pieces
from secagg.report.page.data import page_data, problem_data
from secagg.report.page.html import page
from secagg.report.query import Query
from secagg.report.source import ProblemSource
from secagg.report.standing import ShownState
from secagg.serve.access import Access
from secagg.serve.guard import Guard
from secagg.serve.triage import TriageSink

_MOST_ERRORS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is served. ``open_source`` is called for each request; without ``triage``, or with
    ``read_only``, nothing can be changed. ``by`` is who decides.
    """

    open_source: Callable[[], ProblemSource]
    access: Access
    triage: TriageSink | None = None
    read_only: bool = False
    by: str = "unknown"
    # Told of each request in one line, without tokens.
    log: Callable[[str], None] | None = None

    @property
    def writable(self) -> bool:
        return self.triage is not None and not self.read_only


class TriageRequest(BaseModel):
    """A decision on one or more problems."""

    model_config = ConfigDict(extra="forbid")

    identities: list[str] = Field(min_length=1, max_length=1000)
    state: Literal["open", "confirmed", "false-positive", "accepted"]
    reason: str = Field(min_length=1, max_length=4000)
    owner: str | None = Field(default=None, max_length=200)
    expires: datetime.date | None = None


class TriageResponse(BaseModel):
    """The problems as they stand now, as in the page's data."""

    problems: list[dict[str, Any]]


def make_app(served: Served) -> FastAPI:
    """The application. Its own documentation pages are off: they would load from elsewhere."""
    app = FastAPI(
        title="secagg", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.middleware("http")(Guard(served.access, served.log))

    @app.get("/", response_class=HTMLResponse, summary="The page")
    def index() -> HTMLResponse:
        data = page_data(_report(served))
        data["live"] = {"csrf": served.access.csrf, "read_only": not served.writable}
        return HTMLResponse(page(data, live=True).encode("utf-8", "replace"))

    @app.get("/api/report", summary="All problems, as secagg report --format json writes them")
    def everything() -> Response:
        every = Query(filters=Filters(states=frozenset(ShownState)))
        report = compose(served.open_source(), every, datetime.datetime.now(datetime.UTC))
        return Response(b"".join(pieces(report)), media_type="application/json")

    @app.get("/api/problems/{identity}", summary="One problem")
    def one(identity: str) -> Response:
        found = _named(_report(served), [identity])
        if not found:
            raise HTTPException(404, "no such problem")
        return Response(dumps(found[0]), media_type="application/json")

    @app.post("/api/triage", summary="Decide on problems")
    def decide(request: TriageRequest) -> TriageResponse:
        if served.triage is None or not served.writable:
            raise HTTPException(403, "this server is read-only")
        served.triage.decide(
            request.identities,
            state=State(request.state),
            reason=request.reason,
            by=served.by,
            owner=request.owner,
            expires=request.expires,
        )
        return Response(  # type: ignore[return-value]
            dumps({"problems": _named(_report(served), request.identities)}),
            media_type="application/json",
        )

    @app.exception_handler(SecaggError)
    def refused(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(RequestValidationError)
    def misunderstood(_: Request, error: Exception) -> Response:
        # Without what was sent: it may be long, and no text at all (a lone surrogate).
        assert isinstance(error, RequestValidationError)
        said = [{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()[:_MOST_ERRORS]]
        return Response(dumps({"detail": said}), 422, media_type="application/json")

    return app


def _report(served: Served) -> Report:
    """What is to be done, and all other problems related to it: the page filters by itself."""
    return compose(served.open_source(), Query(), datetime.datetime.now(datetime.UTC))


def _named(report: Report, identities: list[str]) -> list[dict[str, Any]]:
    wanted = set(identities)
    return [
        problem_data(p, report.last, report.today)
        for p in report.answer.related
        if p.identity in wanted
    ]
