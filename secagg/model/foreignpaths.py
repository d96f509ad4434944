"""Paths of another machine: files of this checkout as a runner or a container names them.

A scanner in a container says ``/src/app/config.py``, one on a runner
``/home/runner/work/x/x/app/config.py``. Which file of the checkout is meant can be told where just
one is named so.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# Where runners check repositories out, and where tools' own documents tell people to mount them.
_KNOWN_ROOTS = re.compile(
    r"/github/workspace/|/(?:home|Users)/runner/work/[^/]+/[^/]+/|[A-Za-z]:/a/[^/]+/[^/]+/"
    r"|/__w/[^/]+/[^/]+/|/home/vsts/work/\d+/s/"
    r"|/bitbucket/pipelines/agent/build/|/home/circleci/project/|/codebuild/output/src\d+/src/"
    r"|/(?:src|path|pwd|code|repo|workspace|scan|app|project|mnt|data|tmp/src)/"
)
# A path of more parts is no path of a checkout.
_MOST_PARTS = 40


def is_foreign(path: str) -> bool:
    """Whether ``path`` (with ``/`` between its parts) is an absolute one of any system."""
    return path.startswith("/") or path[1:3] == ":/"


def in_checkout(path: str, root: Path) -> str | None:
    """Find the file below ``root`` that the absolute ``path`` of another machine means.

    It is what follows a root that runners and containers are known to have, if that is a file
    here; else the one end of the path that is a file here. None where no end is, or several are:
    nothing is guessed.
    """
    parts = path.lstrip("/").split("/")
    if len(parts) > _MOST_PARTS or ".." in parts:
        return None
    known = _KNOWN_ROOTS.match(path)
    if known is not None and is_file(root, path[known.end() :]):
        return path[known.end() :]
    ends = ["/".join(parts[at:]) for at in range(1 if path[1:2] == ":" else 0, len(parts))]
    found = [end for end in ends if is_file(root, end)]
    return found[0] if len(found) == 1 else None


def is_file(root: Path, path: str) -> bool:
    """Whether ``path`` is a regular file below ``root``."""
    try:
        return bool(path) and os.path.isfile(os.path.join(root, path))
    except ValueError:
        return False
