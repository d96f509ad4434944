"""``intel.json``: when each file was downloaded, from where, and its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from secagg.errors import ConfigError
from secagg.system.files import replace_file

NAME = "intel.json"
VARIABLE = "SECAGG_INTEL_DIR"


class FileRecord(BaseModel):
    """One file: ``sha256`` of its bytes as they lie there, ``dated`` by its maker (a day)."""

    model_config = ConfigDict(extra="ignore")

    url: str
    sha256: str
    dated: str
    fetched_at: datetime
    entries: int


class Record(BaseModel):
    """The whole of ``intel.json``; files by name."""

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    files: dict[str, FileRecord] = {}


def intel_directory(environ: Mapping[str, str]) -> Path:
    """``SECAGG_INTEL_DIR``, else ``secagg/intel`` below ``XDG_CACHE_HOME`` (``~/.cache``).

    Raises :class:`ConfigError` where there is neither that nor a home.
    """
    given = environ.get(VARIABLE)
    if given:
        return Path(given)
    cache = environ.get("XDG_CACHE_HOME")
    if cache and Path(cache).is_absolute():
        return Path(cache) / "secagg" / "intel"
    home = environ.get("HOME")
    if not home:
        raise ConfigError("there is no place for EPSS and KEV files", hint=f"set {VARIABLE}")
    return Path(home) / ".cache" / "secagg" / "intel"


def read_record(directory: Path) -> Record | None:
    """The record of a directory; None if there is none, or none that can be read."""
    try:
        return Record.model_validate_json((directory / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(directory: Path, record: Record) -> None:
    """Write ``intel.json`` in one step."""
    replace_file(directory / NAME, record.model_dump_json(indent=2).encode() + b"\n")


def checksum(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
