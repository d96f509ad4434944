"""The user's directories for caches, state and data (XDG Base Directory Specification 0.8)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

_DEFAULTS = {"cache": (".cache",), "state": (".local", "state"), "data": (".local", "share")}


def user_directory(
    kind: Literal["cache", "state", "data"], environ: Mapping[str, str]
) -> Path | None:
    """Return ``XDG_CACHE_HOME`` (``~/.cache``) or the like; None without a home directory.

    A relative path in the variable does not count, as the specification says.
    """
    path = environ.get(f"XDG_{kind.upper()}_HOME")
    if path and Path(path).is_absolute():
        return Path(path)
    home = environ.get("HOME")
    return Path(home, *_DEFAULTS[kind]) if home else None
