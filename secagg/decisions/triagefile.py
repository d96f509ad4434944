"""``.secagg/triage.yaml``: decisions on problems in git, one reviewable entry each.

For teams without a shared store: what is merged holds for everyone. Beside a store both count,
and on one problem the newer decision wins.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from secagg.errors import ConfigError
from secagg.model.problem import TRIAGE_FILE, State, Triage
from secagg.system.dates import utc_now
from secagg.system.files import replace_file
from secagg.system.yamlfile import load_model

_HEAD = "# Decisions on problems, by secagg triage --file. One entry each, newest last.\n"


class TriageEntry(BaseModel):
    """One decision."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{32}$", description="the problem's identity")
    title: str | None = Field(default=None, description="what it is, for the reader")
    state: State
    reason: str = Field(min_length=1)
    by: str | None = None
    owner: str | None = None
    at: datetime.datetime
    expires: datetime.date | None = None


class TriageFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    decisions: list[TriageEntry] = Field(default_factory=list)


def read_triage(root: Path) -> dict[str, Triage]:
    """The newest decision on each problem in the file under ``root``; none where there is none.

    Raises :class:`ConfigError` with line and column for a file that cannot be used.
    """
    path = root / TRIAGE_FILE
    return triage_in(path) if path.exists() else {}


def triage_in(source: Path | str) -> dict[str, Triage]:
    """Return the newest decision on each problem in ``source``, a path or the text of the file.

    Raises as :func:`read_triage` does.
    """
    decisions: dict[str, Triage] = {}
    for entry in load_model(source, TriageFile, name=TRIAGE_FILE).decisions:
        at = entry.at if entry.at.tzinfo else entry.at.replace(tzinfo=datetime.UTC)
        made = Triage(
            state=entry.state,
            reason=entry.reason,
            by=entry.by,
            owner=entry.owner,
            at=at.astimezone(datetime.UTC),
            expires=entry.expires,
        )
        before = decisions.get(entry.id)
        if before is None or before.at is None or before.at <= at:
            decisions[entry.id] = made
    return decisions


def write_triage(root: Path, decisions: Mapping[str, Triage], titles: Mapping[str, str]) -> Path:
    """Add ``decisions`` to the file under ``root``; an older one on the same problem goes.

    The rest of the file stays as people wrote it, comments included. Answers the file.
    """
    path = root / TRIAGE_FILE
    if path.is_symlink():
        raise ConfigError("is a link", where=TRIAGE_FILE, hint="put a plain file in its place")
    read_triage(root)
    yaml = YAML(typ="rt")
    yaml.width = 100
    kept: Any = yaml.load(path.read_text("utf-8")) if path.exists() else None
    fresh = kept is None
    document: Any = {} if fresh else kept
    entries = document.setdefault("decisions", [])
    for position in range(len(entries) - 1, -1, -1):
        if entries[position]["id"] in decisions:
            del entries[position]
    entries.extend(_entry(identity, made, titles) for identity, made in decisions.items())
    out = io.StringIO()
    yaml.dump(document, out)
    replace_file(path, ((_HEAD if fresh else "") + out.getvalue()).encode())
    return path


def remove_triage(root: Path, identities: set[str]) -> set[str]:
    """Take the decisions on ``identities`` out of the file; answers those that were there."""
    decisions = read_triage(root)
    removed = identities & decisions.keys()
    if removed:
        yaml = YAML(typ="rt")
        yaml.width = 100
        path = root / TRIAGE_FILE
        document = yaml.load(path.read_text("utf-8"))
        entries = document["decisions"]
        for position in range(len(entries) - 1, -1, -1):
            if entries[position]["id"] in removed:
                del entries[position]
        out = io.StringIO()
        yaml.dump(document, out)
        replace_file(path, out.getvalue().encode())
    return removed


def _entry(identity: str, made: Triage, titles: Mapping[str, str]) -> dict[str, Any]:
    at = made.at or utc_now()
    entry = {
        "id": identity,
        "title": titles.get(identity),
        "state": made.state.value,
        "reason": made.reason,
        "by": made.by,
        "owner": made.owner,
        "at": at.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "expires": made.expires.isoformat() if made.expires else None,
    }
    return {name: value for name, value in entry.items() if value is not None}
