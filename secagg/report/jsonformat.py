"""JSON and JSON lines; the schema is ``secagg/schemas/report.schema.json``."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

from secagg.model.problem import UNREPORTED, Problem
from secagg.report.formats import Report
from secagg.report.overview import Overview
from secagg.report.standing import age_days, overdue, owners_of, standing

SCHEMA_VERSION = 1


_NAMES = tuple(f.name for f in fields(Problem) if f.name not in UNREPORTED)


_VALUES = operator.attrgetter(*_NAMES)


def record(problem: Problem, today: datetime.date) -> dict[str, Any]:
    """All keys of ``problem``, and ``state``, ``overdue``, ``age_days``, ``owner`` on ``today``.

    The values are those of the problem: :func:`secagg.report.jsonformat.dumps` writes them.
    """
    made = dict(zip(_NAMES, _VALUES(problem), strict=True))
    made["state"] = standing(problem, today)
    made["overdue"] = overdue(problem, today)
    made["age_days"] = age_days(problem, today)
    made["owner"] = next(iter(owners_of(problem)), None)
    return made


def summary_record(found: Overview) -> dict[str, Any]:
    """Return the summary in plain values."""
    return {
        "total": found.total,
        "by_severity": {
            label: {"count": c.count, "more": c.more, "fewer": c.fewer}
            for label, c in found.by_severity.items()
        },
        "by_state": dict(found.by_state),
        "new": found.new,
        "fixed": found.fixed,
        "reopened": found.reopened,
        "overdue": found.overdue,
        "components": [plain(component) for component in found.components],
        "upgrades": [
            {
                "package": u.package,
                "package_type": u.package_type,
                "version": u.version,
                "place": u.place,
                "component": u.component,
                "closes": u.closes,
                "problems": u.problems,
                "worst": u.worst,
                "ordered": u.ordered,
                "identities": list(u.identities),
                "repository": u.repository,
                "branch": u.branch,
            }
            for u in found.upgrades
        ],
        "last_run": plain(found.last_run),
        "incomplete": [plain(run) for run in found.incomplete],
    }


def plain(value: Any) -> Any:
    """``value`` in JSON's own types; times as RFC 3339 in UTC with a ``Z``."""
    if value is None or value.__class__ in _PLAIN:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime.datetime):
        return rfc3339(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    assert is_dataclass(value), type(value)
    return {f.name: plain(getattr(value, f.name)) for f in fields(value)}


def rfc3339(at: datetime.datetime) -> str:
    """``2026-01-31T12:00:00Z``; a time without a zone is in UTC."""
    utc = at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
    return utc.isoformat().replace("+00:00", "Z")


_PLAIN = frozenset({str, int, float, bool, type(None)})


def pieces(report: Report) -> Iterator[bytes]:
    """One document, a problem a line so that it can be read and compared."""
    yield b'{"schema_version":%d,\n' % SCHEMA_VERSION
    yield b'"generated_at":' + orjson.dumps(rfc3339(report.now)) + b",\n"
    yield b'"summary":' + dumps(summary_record(report.overview)) + b',\n"problems":['
    separator = b"\n"
    for problem in report.answer.rows:
        yield separator + dumps(record(problem, report.today))
        separator = b",\n"
    yield b"\n]}\n"


def json_lines(problems: Iterable[Problem], now: datetime.datetime) -> Iterator[bytes]:
    """One object a line: a problem each."""
    today = now.date()
    for problem in problems:
        yield dumps(record(problem, today)) + b"\n"


def dumps(value: object) -> bytes:
    """``value`` as compact JSON in UTF-8, whatever is in its texts; times in UTC with a ``Z``."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    except TypeError:
        # A lone surrogate, which no UTF-8 can hold: a tool's text may still have brought one.
        import json

        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def line_pieces(report: Report) -> Iterator[bytes]:
    """One object a line."""
    return json_lines(report.answer.rows, report.now)
