"""The files of a checkout that are its own: no version control, no dependencies, no output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Directories that hold other people's code or what a build has made.
NOT_OURS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        "node_modules",
        "vendor",
        "target",
        "__pycache__",
        ".mypy_cache",
        ".secagg",
        "secagg-out",
    }
)


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each directory below ``root`` (itself first) with its file names; links not followed."""
    for directory, subdirectories, files in os.walk(root, followlinks=False):
        subdirectories[:] = sorted(d for d in subdirectories if d not in NOT_OURS)
        yield Path(directory), sorted(files)


def files_by_suffix(root: Path) -> set[str]:
    """The suffixes (``.py``) of all files below ``root``."""
    return {Path(name).suffix for _, names in walk(root) for name in names}


def has_files(root: Path) -> bool:
    """Whether there is any file below ``root`` but those of git itself."""
    for directory, subdirectories, files in os.walk(root, followlinks=False):
        if files and not (Path(directory) == root and files == [".git"]):
            return True
        subdirectories[:] = [name for name in subdirectories if name != ".git"]
    return False


def is_bare(root: Path) -> bool:
    """Whether ``root`` is a git directory itself, without a work tree."""
    parts = (root / "HEAD", root / "objects", root / "refs")
    return parts[0].is_file() and all(part.is_dir() for part in parts[1:])
