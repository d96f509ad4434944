"""The pages for all repositories: the first page, lists of problems, and one problem.

The server makes them whole and without scripts. Every text is escaped; links lead to this server
or to the databases of advisories that :mod:`secagg.output.links` knows.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from secagg.errors import UsageError
from secagg.model.access import Caller
from secagg.model.approval import signers
from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.output.links import page_of
from secagg.report import words
from secagg.report.filters import Filters, FilterWords, filters_of
from secagg.report.page import style_of_report
from secagg.report.standing import (
    SEVERITY_LABELS,
    ShownState,
    owners_of,
    reason_of,
    severity_label,
    standing,
)
from secagg.serve.api import TheCaller
from secagg.serve.overview import ROWS, AllRepositories, lines_after
from secagg.serve.sessions import LOGOUT_PATH
from secagg.system.dates import days_text

PROBLEMS_PATH, PROBLEM_PATH = "/problems", "/problem"
_SHOWN = 20
_WORDS = {"all": "Any state", **{str(state): str(state) for state in ShownState}}
_SORTS = {"": "Worst first", "newest": "Newest", "age": "Oldest", "due": "Due first"}
# No database stores a NUL.
Text = Annotated[str, Query(max_length=200, pattern="^[^\\x00]*$")]
Words = Annotated[list[str], Query(max_length=20)]
Cursor = Annotated[str | None, Query(max_length=4000)]


def make_pages(repositories: AllRepositories, csrf_of: Callable[[Caller], str]) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter()

    def shown(template: str, person: Caller, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(
            _page(template, person, csrf_of(person), repositories.now(), values), status
        )

    @router.get("/", response_class=HTMLResponse, summary="The page for all repositories")
    def first(person: TheCaller, after: Cursor = None) -> Response:
        overview = repositories.overview(person)
        rows, more = lines_after(overview.repositories, after)
        return shown("overview", person, overview=overview, rows=rows, more=more, after=after)

    @router.get(PROBLEMS_PATH, response_class=HTMLResponse, summary="Problems, a page at a time")
    def problems(
        person: TheCaller,
        q: Text = "",
        severity: Words = [],  # noqa: B006
        kind: Words = [],  # noqa: B006
        state: Text = "",
        repository: Text = "",
        owner: Text = "",
        overdue: bool = False,
        sort: Text = "",
        after: Cursor = None,
    ) -> Response:
        asked = {
            "q": q,
            "severity": [one for one in severity if one],
            "kind": [one for one in kind if one],
            "state": state,
            "repository": repository,
            "owner": owner,
            "overdue": overdue,
            "sort": sort,
        }
        try:
            listed = repositories.problems(
                person,
                _filters(asked, repositories.now()),
                repository=repository or None,
                sort=[sort] if sort else [],
                after=after,
            )
        except UsageError as error:
            return shown("problems", person, 422, asked=asked, listed=None, error=error.message)
        return shown("problems", person, asked=asked, listed=listed, error=None, after=after)

    @router.get(PROBLEM_PATH, response_class=HTMLResponse, summary="One problem, with all of it")
    def problem(person: TheCaller, repository: Text, id: Text) -> Response:  # noqa: A002
        one = repositories.problem(person, repository, id)
        if one is None:
            return shown("nothing", person, 404)
        return shown("problem", person, problem=one)

    return router


def _filters(asked: dict[str, Any], now: datetime.datetime) -> Filters:
    """Read the filters of a form. Raises :class:`UsageError` for a word that is none."""
    return filters_of(
        FilterWords(
            severity=asked["severity"],
            kind=asked["kind"],
            state=[asked["state"]] if asked["state"] else [],
            owner=[asked["owner"]] if asked["owner"] else [],
            overdue=asked["overdue"],
            search=asked["q"],
        ),
        None,
        now,
    )


def _page(
    template: str, person: Caller, csrf: str, now: datetime.datetime, values: dict[str, Any]
) -> bytes:
    today = now.date()
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text: str = _templates().get_template(f"{template}.html.j2").render(
        values,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'self'",
        # It is a file of this package, and no untrusted text.
        style=Markup(style),  # noqa: S704
        person=person,
        csrf=csrf,
        now=now,
        today=today,
        facts=lambda problem: _facts(problem, today),
        state=lambda problem: standing(problem, today),
        reason=lambda problem: reason_of(problem, today),
        late=lambda problem: words.late(problem, today),
        age=lambda problem: words.age(problem, today),
        approval=lambda problem: words.approval(problem, today),
        since=lambda at: days_text((today - at.date()).days),
    )  # fmt: skip
    return text.encode("utf-8", "replace")


def _address(path: str, **values: Any) -> str:
    """Return a path of this server with the ``values`` that are given."""
    given = {name: value for name, value in values.items() if value not in (None, "", [], False)}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def _facts(problem: Problem, today: datetime.date) -> list[tuple[str, str]]:
    """Return the facts of a problem with their names; those without a value are left out."""
    triage = problem.triage or problem.unapproved
    decided = ""
    if triage is not None:
        names = " and ".join(name for name in signers(triage) if name)
        decided = f"{triage.state}{f' by {names}' if names else ''}: {triage.reason}"
    pairs = [
        ("Where", words.place(problem)),
        ("Repository", f"{problem.repository} ({problem.branch})"),
        ("Component", problem.component),
        ("Package", problem.purl or problem.package),
        ("Fix", words.remedy(problem)),
        ("Owner", ", ".join(owners_of(problem))),
        ("First seen", None if problem.first_seen is None else f"{problem.first_seen:%Y-%m-%d}"),
        ("Last seen", None if problem.last_seen is None else f"{problem.last_seen:%Y-%m-%d}"),
        ("Due", None if problem.due is None else str(problem.due)),
        ("Decision", decided),
        ("Needs", words.approval(problem, today)),
        ("Exception", reason_of(problem, today) if problem.exception else None),
        ("Policy", problem.why),
        ("Score", None if problem.score is None else f"{problem.score:g}"),
        ("EPSS", None if problem.epss is None else f"{problem.epss:.1%}"),
        ("Known exploited", "yes" if problem.kev else None),
        ("Verified", "yes" if problem.verified else None),
    ]
    return [(name, value) for name, value in pairs if value]


@cache
def _style() -> str:
    own = (resources.files(__package__) / "pages" / "pages.css").read_text("utf-8")
    return f"{style_of_report()}\n{own}"


@cache
def _templates() -> Environment:
    from jinja2 import PackageLoader

    environment = Environment(
        loader=PackageLoader("secagg.serve", "pages"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.globals |= {
        "PROBLEMS": PROBLEMS_PATH,
        "PROBLEM": PROBLEM_PATH,
        "LOGOUT": LOGOUT_PATH,
        "SEVERITIES": SEVERITY_LABELS,
        "KINDS": [str(kind) for kind in Kind],
        "STATES": _WORDS,
        "SORTS": _SORTS,
        "ROWS": ROWS,
        "SHOWN": _SHOWN,
        "address": _address,
        "page_of": page_of,
        "label": severity_label,
        "title": words.title,
        "detail": words.detail,
        "place": words.place,
        "remedy": words.remedy,
        "owners": owners_of,
        "scanned_at": words.scanned_at,
    }
    return environment
