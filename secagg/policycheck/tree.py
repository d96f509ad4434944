"""The files of a repository, as far as a path pattern could mean them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from secagg.packages.components import ROOT, find_components
from secagg.system.git import git
from secagg.system.globs import paths

_EVER_ADDED = (
    *("log", "--all", "-m", "--no-renames", "--diff-filter=A"),
    *("--name-only", "--pretty=format:", "-z", "--relative"),
)
_STARS = re.compile(r"\*+|\?")
# A bracket that nothing closes goes to the end, so that it is looked for once only.
_WILDCARDS = re.compile(rf"{_STARS.pattern}|\[[^\]]*\]?")


class Tree:
    """The checkout at ``root``; what is slow to find is looked for only where it is needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, pattern: str) -> bool:
        """Whether ``pattern`` (gitignore's, without ``!``) means any file that is or was there.

        That is a file of the checkout, tracked or not, or of the history that this clone holds.
        What git is told to ignore counts as there: a build may make it.
        """
        matches = paths([pattern])
        here = _any(matches, self._tracked) or _any(matches, self._present)
        # A history that takes too long to read may hold anything.
        return here or self._past is None or _any(matches, self._past) or self._is_ignored(pattern)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare with."""
        return not self._tracked and not self._present

    @cached_property
    def components(self) -> list[str]:
        """The directories that are components, the root among them."""
        return [component.path for component in find_components(self._root)] or [ROOT]

    @cached_property
    def _tracked(self) -> list[str]:
        return _names(git(self._root, "ls-files", "-z").out)

    @cached_property
    def _present(self) -> list[str]:
        found = []
        for directory, below, files in os.walk(self._root, followlinks=False):
            below[:] = [name for name in below if name != ".git"]
            base = Path(directory).relative_to(self._root).as_posix()
            found += [name if base == "." else f"{base}/{name}" for name in files]
        return found

    @cached_property
    def _past(self) -> list[str] | None:
        done = git(self._root, *_EVER_ADDED)
        return None if done.code is None and shutil.which("git") else _names(done.out)

    def _is_ignored(self, pattern: str) -> bool:
        """Whether git ignores what ``pattern`` means, with some name where it has wildcards.

        That may be a file or a directory: the name alone does not tell what is not there.
        """
        sample = _WILDCARDS.sub(_some_name, pattern).strip("/")
        return git(self._root, "check-ignore", "--", sample, f"{sample}/x").code == 0


def _some_name(wildcard: re.Match[str]) -> str:
    """A name for a wildcard; a bracket that nothing closes is none, but what follows it may be."""
    text = wildcard[0]
    if text[0] != "[" or text[-1] == "]":
        return "x"
    return f"[{_STARS.sub('x', text[1:])}"


def _names(out: bytes) -> list[str]:
    return [os.fsdecode(name.strip(b"\n")) for name in out.split(b"\0") if name.strip(b"\n")]


def _any(matches: Callable[[str], bool], files: Iterable[str]) -> bool:
    return any(map(matches, files))
