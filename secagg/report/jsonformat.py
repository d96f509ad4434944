"""JSON and JSON lines. The JSON's schema is ``secagg/schemas/report.schema.json``."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

import orjson

from secagg.model.problem import Problem
from secagg.report.formats import Report
from secagg.report.record import SCHEMA_VERSION, plain, record, rfc3339, summary_record


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
