"""A problem as JSON and back: what it says, without what follows from its history.

Only what differs from a field's default is written, by the field's name, so that a document
stays readable when fields are added.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, Required, TypedDict, get_type_hints

import msgspec
import orjson

from secagg.errors import StoreError
from secagg.model.problem import Problem

BROKEN_HINT = "secagg db validate names it; secagg db restore brings a backup back"

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
_REQUIRED = ("identity", "kind", "severity")

DETAILS = (
    "sources",
    "member_keys",
    "places",
    "steps",
    "snippet",
    "dependency_paths",
    "references",
    "related",
)
"""Fields that no list, filter, order or summary looks at."""


def encode(problem: Problem) -> str:
    """Return the JSON of ``problem``, the same for equal problems."""
    values = {
        name: value
        for name, value in zip(_NAMES, _VALUES(problem), strict=True)
        if value is not None and value != () and value != ""
    }
    if values.get("severity_known"):
        del values["severity_known"]
    try:
        return orjson.dumps(values).decode()
    except TypeError:
        # A lone surrogate, from the name of a file that is not UTF-8.
        return json.dumps(values, default=_plain, separators=(",", ":"))


def digest(document: str) -> str:
    """32 hexadecimal digits that stand for a document."""
    return hashlib.blake2b(document.encode(), digest_size=16).hexdigest()


def decode(document: str, *, details: bool = True) -> Problem:
    """Read the problem that :func:`encode` wrote; fields that are not known here are passed over.

    Without ``details``, what only a single problem's own view shows is left out: see
    :data:`DETAILS`. Raises :class:`StoreError` for what no secagg has written.
    """
    decoder = _decoder(details)
    try:
        try:
            values = decoder.decode(document)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # A lone surrogate, from the name of a file that is not UTF-8.
            values = msgspec.convert(json.loads(document), decoder.type)
    except (ValueError, TypeError, RecursionError):
        raise StoreError(
            "a finding in the store cannot be read: its row is broken", hint=BROKEN_HINT
        ) from None
    for name in ("title", "rule_id"):
        values.setdefault(name, "")
    values.setdefault("tools", ())
    return Problem(**values)


@cache
def _decoder(details: bool) -> msgspec.json.Decoder[dict[str, Any]]:
    """Make a decoder of the fields, each checked for its type; it yields a dict of them."""
    left_out = ELSEWHERE if details else ELSEWHERE.union(DETAILS)
    types = {name: type_ for name, type_ in get_type_hints(Problem).items() if name not in left_out}
    for name in _REQUIRED:
        types[name] = Required[types[name]]
    document: Any = TypedDict("_Document", types, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(document)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}
