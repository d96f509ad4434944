"""Files that decide something: as the base of a change has them, never as the change has them.

That is every file that a policy, the configuration or an option names, and every program. One
that is in the repository is read from the base commit. One that git does not know (made or
fetched by the workflow), and one outside of the repository, is no part of the change and is read
from the disk. One that only the change has is refused. Nothing else opens such a file: a test
holds that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from secagg.change.base import reader_at
from secagg.change.diff import path_text
from secagg.errors import ConfigError, UsageError
from secagg.system.files import MIB, read_regular
from secagg.system.git import checked, resolve

_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
_NAMES_CHANGED = ("diff", "--name-only", "-z", "--ignore-submodules=dirty", *_PLAIN)
_PATCH = ("diff", "--unified=0", "--text", "--ignore-submodules=dirty", *_PLAIN)
_LARGEST = 512 * MIB


class Controls:
    """The one reader of files that decide something; ``base`` is None outside of a change.

    ``root`` is the scanned directory. Raises :class:`UsageError` if this clone does not hold
    ``base``.
    """

    def __init__(self, root: Path, base: str | None = None) -> None:
        self._root = root.resolve()
        self.base = base
        self._at_base: Callable[[str], bytes | None] | None = None
        if base is not None:
            self._at_base = reader_at(self._root, base)
            self._commit = resolve(self._root, base)
            top = checked(self._root, "rev-parse", "--show-toplevel").text
            self._top = Path(os.path.realpath(top))

    def read(self, name: str) -> bytes | None:
        """The bytes of the file ``name`` below the root or at a path; None where there is none.

        Raises :class:`UsageError` for a file that the change itself brings, and
        :class:`ConfigError` for one that cannot be read.
        """
        path = self._path(name)
        names = self._names(path)
        if self._at_base is not None and names:
            data = self._at_base(names[0])
            if data is not None or not os.path.lexists(path):
                return data
            if self.touched(path):
                raise UsageError(
                    f"{name} is brought by this change, and holds once it is merged",
                    hint="the gate is read from the commit that the change is to be merged into",
                )
        return _from_disk(path, name)

    def base_bytes(self, name: str) -> bytes | None:
        """Return a file that nobody named, by its path below the root: the base's, and no other."""
        return None if self._at_base is None else self._at_base(name)

    def base_text(self, name: str) -> str | None:
        """As :meth:`base_bytes`, as text."""
        return _decoded(self.base_bytes(name), name)

    def text(self, name: str) -> str | None:
        """As :meth:`read`, as text."""
        return _decoded(self.read(name), name)

    def touched(self, path: Path | str) -> list[str]:
        """Return what the change touches of the file or directory ``path``, by names from the top.

        That is what git knows and has otherwise than the base: the file itself, what it links to,
        links on the way, and the submodule that it is in. Empty outside of a change. Of the root
        it is everything that the change touches.
        """
        place = self._path(str(path))
        names = ["."] if place == self._root else self._names(place)
        if self.base is None or not names:
            return []
        literal = [f":(literal){name}" for name in names]
        listed = checked(self._root, *_NAMES_CHANGED, self._commit, "--", *literal).out
        return [path_text(name) for name in listed.split(b"\0") if name]

    def tracked(self, path: Path | str) -> list[str]:
        """Return what git knows of the file or directory ``path``, by names from the root."""
        names = self._names(self._path(str(path)))
        literal = [f":(literal){name}" for name in names]
        if not literal:
            return []
        listed = checked(self._root, "ls-files", "-z", "--", *literal).out
        return [path_text(name) for name in listed.split(b"\0") if name]

    def untouched(self, path: Path | str, what: str) -> None:
        """Raise :class:`UsageError` if the change touches ``path``, which ``what`` names."""
        if touched := self.touched(path):
            raise UsageError(
                f"{what} leads to {touched[0]}, which this change touches",
                hint="a change must not decide on itself: merge the change of that file first",
            )

    def adds(self, words: Sequence[bytes]) -> bool:
        """Return whether the change adds a line with one of ``words``; case does not count."""
        if self.base is None:
            return False
        patch = checked(self._root, *_PATCH, self._commit, "--", ".").out.lower()
        lines = (line for line in patch.split(b"\n") if line.startswith(b"+"))
        return any(word in line for line in lines for word in words)

    def _path(self, name: str) -> Path:
        """The file below the root, else where the command line's user stands."""
        below = Path(os.path.abspath(self._root / name))
        here = Path(os.path.abspath(name))
        return here if not os.path.lexists(below) and os.path.lexists(here) else below

    def _names(self, path: Path) -> list[str]:
        """By what names, from the root, the repository has ``path``; its own comes first.

        The others are the links on the way to it and what it leads to: whoever brings one of
        them decides what is read. What is in a submodule has the submodule's name.
        """
        if self._at_base is None:
            return []
        ways = [path, Path(os.path.realpath(path))]
        ways += [parent for parent in path.parents if parent.is_symlink()]
        inside = [way for way in ways if way.is_relative_to(self._top) and way != self._top]
        return list(dict.fromkeys(os.path.relpath(self._known(way), self._root) for way in inside))

    def _known(self, path: Path) -> Path:
        """``path``, or the outermost repository within this one that it is in."""
        for parent in reversed(path.parents):
            within = parent != self._top and parent.is_relative_to(self._top)
            if within and os.path.lexists(parent / ".git"):
                return parent
        return path


def _decoded(data: bytes | None, name: str) -> str | None:
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=name) from None


def _from_disk(path: Path, name: str) -> bytes | None:
    if not os.path.lexists(path):
        return None
    try:
        return read_regular(path, limit=_LARGEST)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None
