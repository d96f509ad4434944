"""Trivy's vulnerability database: its age, and when it is too old.

The cache directory has ``db/trivy.db`` and ``db/metadata.json`` (Trivy's documentation,
"Database"): ``UpdatedAt`` is when the database was built, ``NextUpdate`` when the next one is due.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from secagg.jsonio.members import value_at
from secagg.scanners.options import TrivyOptions
from secagg.system.dates import parse_time
from secagg.system.userdirs import user_directory

# The default age limit. A policy for changes, which are compared with their base, may allow more
# (``max_database_age``).
MAX_DAYS = 7
NO_DATABASE = "Trivy has no vulnerability database and cannot get one: no advisory was looked for"
DATABASE_HINT = (
    "name a mirror by TRIVY_DB_REPOSITORY, give a cache that has one by tools.trivy.cache_dir, or "
    "set tools.trivy.offline and copy db/trivy.db and db/metadata.json there"
)
_NO_DATABASE = re.compile(
    r"(?:failed to download|download(?:ing)? error|OCI artifact error|first run)", re.IGNORECASE
)
_DATABASE = re.compile(
    r"\bvulnerability DB\b|\bDB repositor|skip-db-update|\bdb error", re.IGNORECASE
)


def cache_directory(options: TrivyOptions, environ: Mapping[str, str]) -> Path:
    """Return the cache directory that Trivy uses (its documentation, "Cache")."""
    if options.cache_dir is not None:
        return options.cache_dir
    if path := environ.get("TRIVY_CACHE_DIR"):
        return Path(path)
    return (user_directory("cache", environ) or Path(os.sep, ".cache")) / "trivy"


def database_time(cache: Path) -> datetime | None:
    """Return when the database was built, in UTC; None where that is not known."""
    return _read_time(cache, "UpdatedAt")


def outdated_note(cache: Path, now: datetime, max_days: int) -> str | None:
    """Say that the database is older than ``max_days``; None if not, or if it is still current."""
    built, due = database_time(cache), _read_time(cache, "NextUpdate")
    if built is None or (due is not None and due > now):
        return None
    days = (now - built).days
    if days <= max_days:
        return None
    return (
        f"Trivy's vulnerability database is {days} days old, and max_database_age is {max_days}: "
        "advisories published since are not in it"
    )


def lacks_database(log: str) -> bool:
    """Tell whether Trivy's log says that it has no database and cannot get one."""
    return _NO_DATABASE.search(log) is not None and _DATABASE.search(log) is not None


def _read_time(cache: Path, key: str) -> datetime | None:
    try:
        metadata = json.loads((cache / "db" / "metadata.json").read_bytes())
    except (OSError, ValueError):
        return None
    return parse_time(value_at(metadata, key))
