"""Paths as tools write them, and the names that git knows: any byte but NUL may be in one.

A backslash is a character of a name on this system and a separator on Windows; a tool may write a
blank at the end of a name, or leave out the bytes that are no UTF-8.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# What tools write for bytes that are no UTF-8, one or several for a run of them; surrogates are
# what Python makes of each.
_LOST = re.compile("[\ufffd\udc80-\udcff]+")
_REPLACED = "\ufffd"


def is_written_so(root: Path | None, path: str) -> bool:
    """Whether the tree has a file or directory of exactly this name, relative to ``root``."""
    if root is None or not path or path.startswith("/") or ".." in path.split("/"):
        return False
    try:
        return os.path.lexists(os.path.join(root, path))
    except (OSError, ValueError):
        return False


def legible(path: str) -> str:
    """``path`` with one replacement character for each run of bytes that are no UTF-8.

    Two names that differ only there become one: whoever asks by it must take the stricter answer.
    """
    return _LOST.sub(_REPLACED, path)


def is_legible(path: str) -> bool:
    """Whether nothing of ``path`` is lost in :func:`legible`."""
    return _LOST.search(path) is None
