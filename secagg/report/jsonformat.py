"""Write the report as JSON (``secagg/schemas/report.schema.json``) and as JSON lines."""

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
_FIELD_NAMES = tuple(f.name for f in fields(Problem) if f.name not in UNREPORTED)
_field_values = operator.attrgetter(*_FIELD_NAMES)
_JSON_TYPES = frozenset({str, int, float, bool, type(None)})


def record(problem: Problem, today: datetime.date) -> dict[str, Any]:
    """Return the fields of ``problem``, with its state, age and owner on ``today``.

    :func:`dumps` writes the values.
    """
    values = dict(zip(_FIELD_NAMES, _field_values(problem), strict=True))
    values["state"] = standing(problem, today)
    values["overdue"] = overdue(problem, today)
    values["age_days"] = age_days(problem, today)
    values["owner"] = next(iter(owners_of(problem)), None)
    return values


def summary_record(overview: Overview) -> dict[str, Any]:
    """Return the summary as plain values."""
    return {
        "total": overview.total,
        "by_severity": {
            label: {"count": change.count, "more": change.more, "fewer": change.fewer}
            for label, change in overview.by_severity.items()
        },
        "by_state": dict(overview.by_state),
        "new": overview.new,
        "fixed": overview.fixed,
        "reopened": overview.reopened,
        "overdue": overview.overdue,
        "components": [plain(component) for component in overview.components],
        "upgrades": [
            {
                "package": upgrade.package,
                "package_type": upgrade.package_type,
                "version": upgrade.version,
                "place": upgrade.place,
                "component": upgrade.component,
                "closes": upgrade.closes,
                "problems": upgrade.problems,
                "worst": upgrade.worst,
                "ordered": upgrade.ordered,
                "identities": list(upgrade.identities),
                "repository": upgrade.repository,
                "branch": upgrade.branch,
            }
            for upgrade in overview.upgrades
        ],
        "last_run": plain(overview.last_run),
        "incomplete": [plain(run) for run in overview.incomplete],
    }


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types; times as RFC 3339 in UTC with a ``Z``."""
    if value is None or value.__class__ in _JSON_TYPES:
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
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def rfc3339(at: datetime.datetime) -> str:
    """Return ``2026-01-31T12:00:00Z``; a time without a zone is in UTC."""
    utc = at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
    return utc.isoformat().replace("+00:00", "Z")


def pieces(report: Report) -> Iterator[bytes]:
    """Write one document, with a line for each problem, to read and compare."""
    yield b'{"schema_version":%d,\n' % SCHEMA_VERSION
    yield b'"generated_at":' + orjson.dumps(rfc3339(report.now)) + b",\n"
    yield b'"summary":' + dumps(summary_record(report.overview)) + b',\n"problems":['
    separator = b"\n"
    for problem in report.answer.rows:
        yield separator + dumps(record(problem, report.today))
        separator = b",\n"
    yield b"\n]}\n"


def json_lines(problems: Iterable[Problem], now: datetime.datetime) -> Iterator[bytes]:
    """Yield an object for each problem, a line each."""
    today = now.date()
    for problem in problems:
        yield dumps(record(problem, today)) + b"\n"


def dumps(value: object) -> bytes:
    """Return ``value`` as compact JSON in UTF-8; times in UTC with a ``Z``."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    except TypeError:
        # A tool's text may have a lone surrogate, which UTF-8 cannot hold.
        import json

        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def line_pieces(report: Report) -> Iterator[bytes]:
    """Write a problem a line."""
    return json_lines(report.answer.rows, report.now)
