"""Where ``secagg tools install`` puts the scanners, so that a scan finds them without PATH."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def tools_directory(environ: Mapping[str, str]) -> Path:
    """``SECAGG_TOOLS``, else ``secagg/tools`` in the user's data directory (XDG)."""
    if named := environ.get("SECAGG_TOOLS"):
        return Path(named).absolute()
    data = environ.get("XDG_DATA_HOME")
    home = Path(data) if data else Path(environ.get("HOME", "/")) / ".local" / "share"
    return home / "secagg" / "tools"
