"""Trivy's vulnerability database: when it was made, and when it is too old to rely on.

It is in the cache directory as ``db/trivy.db`` with ``metadata.json`` beside it (Trivy's
documentation, "Database"): ``UpdatedAt`` is when it was built, ``NextUpdate`` when its makers have
the next one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from secagg.scanners.options import TrivyOptions

# A week is too long to wait for advisories; a policy for changes, which are compared with their
# base anyway, allows more (``max_database_age``).
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


def cache_of(options: TrivyOptions, environ: Mapping[str, str]) -> Path:
    """Return the cache directory that Trivy will use (its documentation, "Cache")."""
    if options.cache_dir is not None:
        return options.cache_dir
    if named := environ.get("TRIVY_CACHE_DIR"):
        return Path(named)
    base = environ.get("XDG_CACHE_HOME")
    return Path(base or Path(environ.get("HOME", os.sep)) / ".cache") / "trivy"


def database_made(cache: Path) -> datetime | None:
    """Return when the database was built, in UTC; None where there is none or it does not say."""
    return _moment(cache, "UpdatedAt")


def too_old(cache: Path, now: datetime, max_days: int) -> str | None:
    """Say that a database is older than ``max_days``; None if it is not, or is not due yet."""
    made, due = database_made(cache), _moment(cache, "NextUpdate")
    if made is None or (due is not None and due > now):
        return None
    days = (now - made).days
    if days <= max_days:
        return None
    return (
        f"Trivy's vulnerability database is {days} days old, and max_database_age is {max_days}: "
        "advisories published since are not in it"
    )


def lacks_database(log: str) -> bool:
    """Return whether Trivy says in its log that it has no database and cannot get one."""
    return _NO_DATABASE.search(log) is not None and _DATABASE.search(log) is not None


def _moment(cache: Path, key: str) -> datetime | None:
    try:
        text = json.loads((cache / "db" / "metadata.json").read_bytes())[key]
        moment = datetime.fromisoformat(text)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
