"""Rows and repositories for the tests of exceptions."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secagg.decisions import AllExceptions, load_exceptions
from secagg.merge.groups import Group, identity_of
from secagg.model.finding import Finding

TODAY = datetime.date(2026, 11, 23)


def row(*members: Finding, identity: str | None = None) -> Group:
    """One row of ``members``, whether or not merging would join them."""
    own = identity or identity_of(members[0].kind, *(f"{f.tool}{f.rule_id}" for f in members))
    return Group(identity=own, representative=members[0], members=members)


def loaded(
    files: Mapping[str, Any],
    *,
    today: datetime.date = TODAY,
    vex: tuple[str, ...] = (),
    **options: Any,
) -> AllExceptions:
    """The exceptions of a repository that holds ``files``: texts, bytes or JSON values."""
    held = {name: _bytes(value) for name, value in files.items()}
    return load_exceptions(Path("/nowhere"), today=today, read=held.get, vex_files=vex, **options)


def own(**keys: Any) -> AllExceptions:
    """The exceptions of a ``secagg-exceptions.yaml`` with one entry."""
    entry = {
        "reason": "accepted by the team",
        "owner": "ana@example.com",
        "created": "2026-11-01",
        "expires": "2026-12-01",
    }
    return loaded({"secagg-exceptions.yaml": {"exceptions": [entry | keys]}})


def sources(found: AllExceptions, group: Group) -> list[str]:
    """Where the exceptions come from that cover ``group``."""
    return [exception.source for exception in found.covering(group)]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    # JSON is YAML.
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
