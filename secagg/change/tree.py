"""The files of the checkout that a change is in: which of them a path of a report leads to.

A report may name a file behind a link (``src/app.py``, where ``src`` is a link to ``lib``), a file
in an archive, or none at all. Git knows a file by one name: only by that a change can be asked.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from secagg.model.place import exists_exactly, is_legible, legible, manifest_place
from secagg.system.git import git


class TreeFile(NamedTuple):
    """A file by its name in git; ``within`` says that the place is in it, as in an archive."""

    path: str
    within: bool = False


class CheckoutTree:
    """The checkout at ``root``, with the files that git knows there (some may not be on the disk).

    Each path is looked up once, so that a scan of many findings in few files is fast.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = os.path.realpath(root)
        self._files: dict[str, TreeFile | None] = {}

    def find(self, path: str) -> TreeFile | None:
        """Return the file that ``path`` leads to; None if there is none below the root."""
        if path not in self._files:
            self._files[path] = self._look_up(path)
        return self._files[path]

    def has_manifest(self, path: str) -> bool:
        """Tell whether the directory of ``path`` has a manifest or lock file of the same place."""
        directory = os.path.dirname(path)
        if not exists_exactly(self._root, directory or "."):
            return False
        try:
            names = os.listdir(self._root / directory)
        except OSError:
            return False
        place = manifest_place(path)
        return any(manifest_place(os.path.join(directory, name)) == place for name in names)

    def _look_up(self, path: str) -> TreeFile | None:
        if exists_exactly(self._root, path):
            real = os.path.realpath(os.path.join(self._root, path))
            if not real.startswith(f"{self._real}{os.sep}") or not os.path.exists(real):
                return None
            return TreeFile(os.path.relpath(real, self._real))
        if path in self._tracked or (not is_legible(path) and legible(path) in self._legible):
            return TreeFile(path)
        for parent in PurePosixPath(path).parents:
            name = str(parent)
            if name in self._tracked:
                # A file, such as an archive, or a submodule that is not checked out.
                is_link = os.path.islink(os.path.join(self._root, name))
                return None if is_link else TreeFile(name, within=True)
        return None

    @cached_property
    def _tracked(self) -> frozenset[str]:
        """The files below the root that git knows."""
        listed = git(self._root, "ls-files", "-z").out.decode("utf-8", "surrogateescape")
        return frozenset(listed.split("\0")) - {""}

    @cached_property
    def _legible(self) -> frozenset[str]:
        return frozenset(map(legible, self._tracked))
