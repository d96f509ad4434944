"""The root of the repository that somebody stands in."""

from __future__ import annotations

from pathlib import Path

from secagg.config import NAME, PROJECT
from secagg.system.regularfile import read_given

_LARGEST = 4 * 1024 * 1024


def find_root(start: Path) -> Path:
    """The nearest directory at or above ``start`` with a configuration or a git repository.

    It is relative to ``start``, and ``start`` itself where there is none. Source: git-config(1),
    "safe.directory", and ruff's documentation, "Config file discovery".
    """
    here = start.resolve()
    for steps, directory in enumerate((here, *here.parents)):
        if _is_root(directory):
            return start.joinpath(*[".."] * steps)
    return start


def _is_root(directory: Path) -> bool:
    try:
        if (directory / ".git").exists() or (directory / NAME).is_file():
            return True
        project = directory / PROJECT
        return project.is_file() and b"[tool.secagg" in read_given(project, limit=_LARGEST)
    except OSError:
        return False
