"""Find the root of the repository that a directory belongs to."""

from __future__ import annotations

from pathlib import Path

from secagg.system.files import read_given

# Files that make a directory a root, besides .git. secagg.config reads them, which most commands
# do not need to import.
CONFIG_FILE, PROJECT_FILE = "secagg.yaml", "pyproject.toml"
_LARGEST = 4 * 1024 * 1024


def find_root(start: Path) -> Path:
    """Return the top of the git repository of ``start``, as a path that begins with ``start``.

    Outside of git it is the nearest directory at or above ``start`` with a configuration, else
    ``start`` itself. In a repository a configuration further down does not count: a change could
    add one to replace the configuration that judges it. Source: git-rev-parse(1),
    "--show-toplevel".
    """
    directory_of_start = start.resolve()
    for is_root in (_is_git_top, _is_configured):
        for steps, directory in enumerate((directory_of_start, *directory_of_start.parents)):
            if is_root(directory):
                return start.joinpath(*[".."] * steps)
    return start


def is_in_git(directory: Path) -> bool:
    """Tell whether ``directory`` is in the work tree of a git repository."""
    resolved = directory.resolve()
    return any(map(_is_git_top, (resolved, *resolved.parents)))


def _is_git_top(directory: Path) -> bool:
    try:
        return (directory / ".git").exists()
    except OSError:
        return False


def _is_configured(directory: Path) -> bool:
    try:
        if (directory / CONFIG_FILE).is_file():
            return True
        project = directory / PROJECT_FILE
        return project.is_file() and b"[tool.secagg" in read_given(project, limit=_LARGEST)
    except OSError:
        return False
