"""Files of the checkout by the names that git has for them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TreePath:
    """A path from the top of the repository. ``linked``: a symbolic link led there."""

    name: str
    linked: bool


class WorkTree:
    """The tree below a directory of a repository; what it holds is untrusted.

    ``prefix`` is where the directory is in the repository (``service/``, or empty at its top).
    """

    def __init__(self, root: Path, prefix: str = "") -> None:
        self._roots = tuple(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self._top = self._roots[-1]
        for _ in filter(None, prefix.split("/")):
            self._top = os.path.dirname(self._top)

    def find(self, path: str) -> TreePath | None:
        """Find what ``path`` names: below the directory, or absolute and in the repository.

        Git has nothing behind a link, so a link is followed as long as it stays in the
        repository. A path that begins with a slash may be meant from the directory, too.
        """
        for candidate in self._candidates(path):
            try:
                if not os.path.lexists(candidate):
                    continue
                real = os.path.realpath(candidate)
            except (OSError, ValueError):
                continue
            plain = os.path.normpath(candidate)
            for name, linked in ((real, real != plain), (plain, False)):
                inside = self._inside(name)
                if inside is not None:
                    return TreePath(inside, linked)
        return None

    def _candidates(self, path: str) -> list[str]:
        root = self._roots[-1]
        if not path.startswith("/"):
            return [f"{root}/{path}"] if path else []
        below = [f"{root}{path[len(r) :]}" for r in self._roots if path.startswith(f"{r}/")]
        own = [path] if path.startswith(f"{self._top}/") else []
        return [*below, *own, f"{root}{path}"]

    def _inside(self, path: str) -> str | None:
        top = self._top.rstrip("/")
        return path[len(top) + 1 :] if path.startswith(f"{top}/") and path != f"{top}/" else None
