"""The files that control a gate: as the base of a change has them, never as the change has them.

A file that lies in the repository is read from the base commit. One that git does not know (made
or fetched by the workflow), and one outside of the repository, is no part of the change and is
read from the disk. One that only the change has is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from secagg.change.base import reader_at
from secagg.errors import ConfigError, UsageError
from secagg.git import checked

_LARGEST = 512 * 1024 * 1024


class Controls:
    """Reads the files that control a gate over ``root``; ``base`` is None outside of a change.

    Raises :class:`UsageError` if this clone does not hold ``base``.
    """

    def __init__(self, root: Path, base: str | None = None) -> None:
        self._root = root.resolve()
        self.base = base
        self._at_base: Callable[[str], bytes | None] | None = None
        if base is not None:
            self._at_base = reader_at(self._root, base)
            top = checked(self._root, "rev-parse", "--show-toplevel").text
            self._top = Path(os.path.realpath(top))

    def read(self, name: str) -> bytes | None:
        """The bytes of the file ``name`` below the root or at a path; None where there is none.

        Raises :class:`UsageError` for a file that the change itself brings, and
        :class:`ConfigError` for one that cannot be read.
        """
        path = self._path(name)
        inside = self._inside(path)
        if self._at_base is None or inside is None:
            return _from_disk(path, name)
        data = self._at_base(inside)
        if data is not None or not os.path.lexists(path):
            return data
        if checked(self._root, "ls-files", "--", inside).text.strip():
            raise UsageError(
                f"{name} is brought by this change, and holds once it is merged",
                hint="the gate is read from the commit that the change is to be merged into",
            )
        return _from_disk(path, name)

    def base_bytes(self, name: str) -> bytes | None:
        """A file that nobody named, by its path below the root: the base's, and no other."""
        return None if self._at_base is None else self._at_base(name)

    def base_text(self, name: str) -> str | None:
        """As :meth:`base_bytes`, as text."""
        return _decoded(self.base_bytes(name), name)

    def text(self, name: str) -> str | None:
        """As :meth:`read`, as text."""
        return _decoded(self.read(name), name)

    def _path(self, name: str) -> Path:
        """The file below the root, else where the command line's user stands."""
        below = Path(os.path.abspath(self._root / name))
        here = Path(os.path.abspath(name))
        return here if not os.path.lexists(below) and os.path.lexists(here) else below

    def _inside(self, path: Path) -> str | None:
        """``path`` from the root if it lies in the repository, by its name or by where it leads."""
        if self._at_base is None:
            return None
        for found in (path, Path(os.path.realpath(path))):
            if found.is_relative_to(self._top):
                return os.path.relpath(found, self._root)
        return None


def _decoded(data: bytes | None, name: str) -> str | None:
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=name) from None


def _from_disk(path: Path, name: str) -> bytes | None:
    if not os.path.lexists(path):
        return None
    try:
        if not path.is_file():
            raise ConfigError("is no regular file", where=name)
        if path.stat().st_size > _LARGEST:
            raise ConfigError("larger than 512 MiB", where=name)
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None
