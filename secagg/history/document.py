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

from secagg.model.finding import Kind, Severity
from secagg.model.problem import MemberKeys, Problem, Snippet, Source, TimelineStep

# What the store knows from elsewhere: the sighting, the branch and the decisions.
ELSEWHERE = frozenset(
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
_NAMES = tuple(f.name for f in fields(Problem) if f.name not in ELSEWHERE)
_VALUES = attrgetter(*_NAMES)
_KNOWN = frozenset(_NAMES)
_KINDS = {kind.value: kind for kind in Kind}
_SEVERITIES = {severity.value: severity for severity in Severity}

DETAILS = (
    "sources",
    "member_keys",
    "steps",
    "snippet",
    "dependency_paths",
    "references",
    "related",
)
"""Fields that no list, filter, order or summary looks at."""


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


def decode(document: str, *, details: bool = True) -> Problem:
    """The problem that :func:`encode` wrote; fields that are not known here are passed over.

    Without ``details``, what only a single problem's own view shows is left out: see
    :data:`DETAILS`.
    """
    try:
        said: dict[str, Any] = orjson.loads(document)
    except orjson.JSONDecodeError:
        said = json.loads(document)
    if not _KNOWN.issuperset(said):
        said = {name: value for name, value in said.items() if name in _KNOWN}
    if not details:
        for name in DETAILS:
            said.pop(name, None)
    for name, value in said.items():
        if value.__class__ is list:
            said[name] = _READ[name](value) if name in _READ else tuple(value)
    said["kind"], said["severity"] = _KINDS[said["kind"]], _SEVERITIES[said["severity"]]
    said.setdefault("title", "")
    said.setdefault("rule_id", "")
    said.setdefault("tools", ())
    if "snippet" in said:
        kept = said["snippet"]
        said["snippet"] = Snippet(start_line=kept["start_line"], lines=tuple(kept["lines"]))
    if "due" in said:
        said["due"] = datetime.date.fromisoformat(said["due"])
    return Problem(**said)


def _sources(items: list[dict[str, Any]]) -> tuple[Source, ...]:
    for item in items:
        item["severity"] = _SEVERITIES[item["severity"]]
    return tuple(Source(**item) for item in items)


def _member_keys(items: list[dict[str, Any]]) -> tuple[MemberKeys, ...]:
    for item in items:
        for name in ("checks", "aliases"):
            item[name] = tuple(item.get(name) or ())
    return tuple(MemberKeys(**item) for item in items)


def _steps(items: list[dict[str, Any]]) -> tuple[TimelineStep, ...]:
    return tuple(TimelineStep(**item) for item in items)


def _paths(items: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path) for path in items)


_READ: dict[str, Any] = {
    "sources": _sources,
    "member_keys": _member_keys,
    "steps": _steps,
    "dependency_paths": _paths,
}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}
