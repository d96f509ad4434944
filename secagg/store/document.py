"""A problem as JSON and back: what it says, without what follows from its history.

Only what differs from a field's default is written, by the field's name, so that a document
stays readable when fields are added.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson

from secagg.finding import Kind, Severity
from secagg.history import Problem, Snippet, Source, Step

# What the store knows from elsewhere: the sighting, the branch and the decisions.
_ELSEWHERE = frozenset(
    {
        "epss",
        "baseline",
        "repository",
        "branch",
        "first_seen",
        "last_seen",
        "fixed_at",
        "reopened_at",
        "triage",
    }
)
_NAMES = tuple(f.name for f in fields(Problem) if f.name not in _ELSEWHERE)
_VALUES = attrgetter(*_NAMES)
_KNOWN = frozenset(_NAMES)


def encode(problem: Problem) -> str:
    """The JSON of ``problem``, the same for equal problems."""
    said = {
        name: value
        for name, value in zip(_NAMES, _VALUES(problem), strict=True)
        if value is not None and value != () and value != ""
    }
    if said.get("severity_known"):
        del said["severity_known"]
    try:
        return orjson.dumps(said).decode()
    except TypeError:
        # A lone surrogate, from the name of a file that is not UTF-8.
        return json.dumps(said, default=_plain, separators=(",", ":"))


def digest(document: str) -> str:
    """32 hexadecimal digits that stand for a document."""
    return hashlib.blake2b(document.encode(), digest_size=16).hexdigest()


def decode(document: str) -> Problem:
    """The problem that :func:`encode` wrote; fields that are not known here are passed over."""
    try:
        said: dict[str, Any] = orjson.loads(document)
    except orjson.JSONDecodeError:
        said = json.loads(document)
    values = {name: value for name, value in said.items() if name in _KNOWN}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = _READ[name](value) if name in _READ else tuple(value)
    values["kind"], values["severity"] = Kind(said["kind"]), Severity(said["severity"])
    values.setdefault("title", "")
    values.setdefault("rule_id", "")
    values.setdefault("tools", ())
    if "snippet" in values:
        kept = values["snippet"]
        values["snippet"] = Snippet(start_line=kept["start_line"], lines=tuple(kept["lines"]))
    if "due" in values:
        values["due"] = datetime.date.fromisoformat(values["due"])
    return Problem(**values)


def _sources(items: list[dict[str, Any]]) -> tuple[Source, ...]:
    return tuple(Source(**{**item, "severity": Severity(item["severity"])}) for item in items)


def _steps(items: list[dict[str, Any]]) -> tuple[Step, ...]:
    return tuple(Step(**item) for item in items)


def _paths(items: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path) for path in items)


_READ: dict[str, Any] = {"sources": _sources, "steps": _steps, "dependency_paths": _paths}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}
