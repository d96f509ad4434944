"""Encode a problem as JSON for the store, and decode it, without the fields of its history.

Only fields that differ from their default are written, by name, so that old documents can be read
when fields are added.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import fields
from functools import cache
from itertools import compress
from operator import attrgetter
from typing import Any, Required, TypedDict, get_type_hints

import msgspec

from secagg.errors import StoreError
from secagg.model.problem import Problem

BROKEN_HINT = "secagg db validate names it; secagg db restore brings a backup back"

# Fields that come from other tables: the sighting, the branch, the standing and the decisions.
HISTORY_FIELDS = frozenset(
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
_NAMES = tuple(f.name for f in fields(Problem) if f.name not in HISTORY_FIELDS)
_VALUES = attrgetter(*_NAMES)
# Where in them the fields are whose value may be 0 or False, which is no empty text.
_NUMBERS = tuple(
    index
    for index, name in enumerate(_NAMES)
    if {"bool", "int", "float"} & set(str(Problem.__annotations__[name]).split(" | "))
)
_encode = msgspec.json.Encoder().encode
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
"""Fields that no list, filter, order or summary needs."""


def encode(problem: Problem) -> str:
    """Return the JSON of ``problem``, the same for equal problems."""
    every = _VALUES(problem)
    # An unchanged run of 500 problems spends most of its time here, and half of it in a
    # comprehension that compares each of the 55 values with None, () and "".
    chosen = list(every)
    for index in _NUMBERS:
        chosen[index] = every[index] is not None
    values = dict(compress(zip(_NAMES, every, strict=True), chosen))
    if values.get("severity_known"):
        del values["severity_known"]
    try:
        # It takes a third of the time that orjson takes for dataclasses.
        return _encode(values).decode()
    except UnicodeEncodeError:
        # A lone surrogate, from the name of a file that is not UTF-8.
        return json.dumps(values, default=_plain, separators=(",", ":"))


def digest(document: str) -> str:
    """Hash a document; return 32 hexadecimal digits."""
    return hashlib.blake2b(document.encode(), digest_size=16).hexdigest()


def decode(document: str, *, details: bool = True) -> Problem:
    """Read the problem that :func:`encode` wrote; unknown fields are ignored.

    Without ``details`` the fields of :data:`DETAILS`, which only the view of a single problem
    shows, are left out. Raises :class:`StoreError` for a document that is broken.
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
    left_out = HISTORY_FIELDS if details else HISTORY_FIELDS.union(DETAILS)
    types = {name: type_ for name, type_ in get_type_hints(Problem).items() if name not in left_out}
    for name in _REQUIRED:
        types[name] = Required[types[name]]
    document: Any = TypedDict("_Document", types, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(document)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return {f.name: getattr(value, f.name) for f in fields(value)}
