"""The report as one self-contained HTML file, which works from a disk without any network."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from secagg.model.problem import Problem, RunRecord
from secagg.output.links import ADVISORY_PAGES, WEAKNESS_PAGE
from secagg.report import words
from secagg.report.filters import new_since
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps, plain, record, rfc3339
from secagg.report.standing import (
    ACTIVE,
    LastRuns,
    newest_runs,
    owners_of,
    severity_label,
    standing,
)
from secagg.report.upgrades import upgrades


def pieces(report: Report) -> Iterator[bytes]:
    """The page. Where no state was asked for, all are in it and the page filters them itself."""
    yield page(page_data(report)).encode("utf-8", "replace")


# The page does without these.
_LEFT_OUT = (
    *("known_as", "secret", "owners", "owner", "overdue", "severity", "severity_known"),
    *("sources", "steps", "places"),
)


# Where "no" or 0 says more than nothing.
_SAID_NO = frozenset({"direct", "kev", "verified", "age_days"})


_RUNS_SHOWN = 120
_BRANCHES_SHOWN = 50
_OLDER_SHOWN = 50
_UPGRADES_SENT = 500


# A tool that has not run for so long is no longer in use, and its problems no longer counted.
_IN_USE = datetime.timedelta(days=30)


def page_data(report: Report, repository: str | None = None) -> dict[str, Any]:
    """Plain values for :func:`secagg.report.page.page`, of all repositories or of one.

    Problems come worst first.
    """
    shown = {"every_state": report.every_state}
    problems = report.answer.worst(report.limit, repository=repository, **shown)
    left_out = 0
    if report.limit is not None:
        counts = report.answer.by_repository(**shown)
        names = counts if repository is None else [repository]
        left_out = sum(counts[name].total() for name in names) - len(problems)
    runs = [run for run in report.runs if repository in (None, run.repository)]
    return {
        "generated_at": rfc3339(report.now),
        "today": report.today.isoformat(),
        "every_state": report.every_state,
        "left_out": left_out,
        "several": len({(p.repository, p.branch) for p in problems}) > 1,
        "runs": [plain(run) for run in newest_runs(runs)[:_BRANCHES_SHOWN]],
        "older": _older(runs),
        "trend": trend(runs),
        "trend_of": _place_of_trend(runs),
        "upgrades": _upgrades(problems, report.today),
        "code": plain(report.code),
        "pages": [[p.pattern, page] for p, page in (*ADVISORY_PAGES, WEAKNESS_PAGE)],
        "problems": [problem_data(p, report.last, report.today) for p in problems],
    }


def problem_data(problem: Problem, last: LastRuns, today: datetime.date) -> dict[str, Any]:
    """One problem: what is set of its record, and the words in which it is shown."""
    made = record(problem, today)
    for name in _LEFT_OUT:
        del made[name]
    made |= {
        "label": severity_label(problem),
        "what": words.title(problem),
        "detail": words.detail(problem),
        "where": words.place(problem),
        "remedy": words.remedy(problem),
        "owners": owners_of(problem),
        "age": words.age(problem, today),
        "late": words.late(problem, today),
        "approval": words.approval(problem, today),
        "new": new_since(last, problem),
        "news": _news(problem, last),
    }
    made |= {
        # What the problem says already is not said again by each source.
        "sources": [
            _set(source, unlike={problem.title, problem.message}) for source in problem.sources
        ],
        "steps": [_set(step) for step in problem.steps],
        "places": [_set(place) for place in problem.places],
    }
    if made["title"] == made["detail"]:
        del made["title"]
    if problem.snippet is not None:
        # Empty lines of code are lines, too.
        made["snippet"] = {
            "start_line": problem.snippet.start_line,
            "lines": problem.snippet.lines,
        }
    return {
        key: value
        for key, value in made.items()
        if value or (key in _SAID_NO and value is not None)
    }


def _set(value: Any, *, unlike: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a part of a problem that hold something; no ``message`` of ``unlike``."""
    made = {name: getattr(value, name) for name in value.__slots__}
    return {
        name: part
        for name, part in made.items()
        if (part or part == 0) and not (name == "message" and part in unlike)
    }


def _upgrades(problems: Sequence[Problem], today: datetime.date) -> list[dict[str, Any]]:
    """The upgrades that close the most, each with the numbers of the problems that it closes.

    The page counts those of them that its filters let through.
    """
    numbers = {(p.repository, p.branch, p.identity): i for i, p in enumerate(problems)}
    active = [problem for problem in problems if standing(problem, today) in ACTIVE]
    return [
        {
            "package": one.package,
            "version": one.version,
            "place": one.place,
            "worst": one.worst,
            "repository": one.repository,
            "branch": one.branch,
            "closes": [numbers[one.repository, one.branch, name] for name in one.identities],
        }
        for one in upgrades(active, _UPGRADES_SENT)
    ]


def _older(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The runs that a newer one of their branch has followed, newest first: what looked, and when.

    A tool that failed in any component did not complete.
    """
    newest = {run.key for run in newest_runs(runs)}
    older = [run for run in runs if run.key not in newest]
    older.sort(key=lambda run: run.started_at, reverse=True)
    return [
        {
            "at": rfc3339(run.started_at),
            "repository": run.repository,
            "branch": run.branch,
            "commit": run.commit,
            "verdict": run.verdict,
            "total": sum(run.by_severity.values()),
            "complete": _tools_that(run, "complete"),
            "failed": _tools_that(run, "failed"),
        }
        for run in older[:_OLDER_SHOWN]
    ]


def _tools_that(run: RunRecord, status: str) -> list[str]:
    """The names of the tools that ended so: ``complete`` only where no run of theirs failed."""
    failed = {tool.tool for tool in run.tools if tool.status == "failed"}
    if status == "failed":
        return sorted(failed)
    return sorted({tool.tool for tool in run.tools if tool.status == status} - failed)


def trend(runs: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """The counts of the latest run's branch over its complete runs, oldest first.

    What an incomplete run did not see, or one that looked at less than those before it, would
    look as if it had been fixed.
    """
    return [
        {"at": rfc3339(run.started_at), "counts": dict(run.by_severity), "verdict": run.verdict}
        for run in _charted(runs)
    ]


def _place_of_trend(runs: Iterable[RunRecord]) -> dict[str, str] | None:
    charted = _charted(runs)
    return {"repository": charted[0].repository, "branch": charted[0].branch} if charted else None


def _charted(runs: Iterable[RunRecord]) -> Sequence[RunRecord]:
    complete = (run for run in runs if run.verdict != "incomplete")
    counted = sorted(complete, key=lambda run: run.started_at)
    if not counted:
        return ()
    latest = (counted[-1].repository, counted[-1].branch)
    own = [run for run in counted if (run.repository, run.branch) == latest]
    return _whole(own)[-_RUNS_SHOWN:]


def _whole(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Those of ``runs``, oldest first, that looked at no less than others shortly before."""
    kept: list[RunRecord] = []
    seen: dict[str, datetime.datetime] = {}
    for run in runs:
        # A tool counts as a whole, but for one that stops looking at the whole tree.
        looked = {tool for tool, _ in run.covered}
        looked |= {f"{tool} ." for tool, component in run.covered if component == "."}
        if all(name in looked or run.started_at - at > _IN_USE for name, at in seen.items()):
            kept.append(run)
        seen |= dict.fromkeys(looked, run.started_at)
    return kept


def _news(problem: Problem, last: LastRuns) -> str | None:
    since = last.since(problem)
    if since is None:
        return None
    if problem.fixed_at is not None:
        return "fixed" if problem.fixed_at >= since else None
    if problem.reopened_at is not None and problem.reopened_at >= since:
        return "reopened"
    return "new" if problem.first_seen is not None and problem.first_seen >= since else None


_SCRIPTS = (
    "base.js",
    "filter.js",
    "list.js",
    "details.js",
    "charts.js",
    "controls.js",
    "decide.js",
)


_OFFLINE_SCRIPTS = ("offline.js",)


_LIVE_SCRIPTS = ("live.js",)


_LAST = ("main.js",)


# What would end the element, or a line of a script, is written as JSON's own escapes.
_IN_SCRIPT = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(data: Mapping[str, Any], *, live: bool = False) -> str:
    """Return the whole document for ``data`` (see :func:`secagg.report.page.page_data`).

    Its content security policy forbids everything but the style and the script in it; a
    ``live`` page may also speak to the server that it came from.
    """
    style = _asset("page.css")
    script = _script(live)
    connect = "; connect-src 'self'" if live else ""
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
        f"{connect}; base-uri 'none'; form-action 'none'"
    )
    made: str = _template("page.html.j2").render(
        policy=policy,
        # Both are files of ours, not anybody's data.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(script_json(data)),  # noqa: S704
        title=_title(data),
    )
    return made


def list_of_pages(values: Mapping[str, Any]) -> str:
    """Return a page without scripts that lists the pages of repositories.

    ``values`` are ``lines`` (:class:`secagg.report.pagefiles.PageOfRepository`), ``labels`` of
    their counts, ``total``, ``most``, ``made_at`` and ``every_state``.
    """
    style = _asset("page.css") + _asset("repositories.css")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    made: str = _template("repositories.html.j2").render(
        policy=policy,
        style=Markup(style),  # noqa: S704 (a file of ours)
        **values,
    )
    return made


def style_of_report() -> str:
    """Return the style of the page, for other pages of the server."""
    return _asset("page.css")


def script_json(value: Any) -> str:
    """``value`` as JSON that can stand in a script element of any HTML document."""
    text = dumps(value).decode("utf-8")
    for character, written in _IN_SCRIPT.items():
        text = text.replace(character, written)
    return text


def _title(data: Mapping[str, Any]) -> str:
    runs = data["runs"]
    return f"secagg report \u2014 {runs[0]['repository']}" if runs else "secagg report"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text("utf-8")


@cache
def _script(live: bool) -> str:
    names = [*_SCRIPTS, *(_LIVE_SCRIPTS if live else _OFFLINE_SCRIPTS), *_LAST]
    body = "\n".join(_asset(name) for name in names)
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'


@cache
def _template(name: str) -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters["number"] = "{:,}".format
    return environment.from_string(_asset(name))
