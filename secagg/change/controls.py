"""Read the files that control the gate from the base of a change, never from the change.

Those are all files that a policy, the configuration or an option names, and all programs. A file
of the repository is read from the base commit. An untracked file (made or fetched by the
workflow) and one outside of the repository are no part of the change and are read from the disk.
A file that only the change has is refused. A test checks that nothing else opens such files.
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
    """The only reader of files that control the gate; ``base`` is None outside of a change.

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
        """Read the file ``name``, below the root or at a path; None where there is none.

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
        return _read_from_disk(path, name)

    def base_bytes(self, name: str) -> bytes | None:
        """Read a file of the base that nothing names, by its path below the root."""
        return None if self._at_base is None else self._at_base(name)

    def base_text(self, name: str) -> str | None:
        """Read a file as :meth:`base_bytes` does, as text."""
        return _decode(self.base_bytes(name), name)

    def text(self, name: str) -> str | None:
        """Read a file as :meth:`read` does, as text."""
        return _decode(self.read(name), name)

    def touched(self, path: Path | str) -> list[str]:
        """Return what the change touches of the file or directory ``path``, by paths from the top.

        That is every tracked file that differs from the base: the file itself, the target of a
        link, links among its parents, and the submodule that it is in. Empty outside of a change.
        """
        file = self._path(str(path))
        names = ["."] if file == self._root else self._names(file)
        if self.base is None or not names:
            return []
        patterns = [f":(literal){name}" for name in names]
        changed = checked(self._root, *_NAMES_CHANGED, self._commit, "--", *patterns).out
        return [path_text(name) for name in changed.split(b"\0") if name]

    def tracked(self, path: Path | str) -> list[str]:
        """Return the tracked files of the file or directory ``path``, by paths from the root."""
        patterns = [f":(literal){name}" for name in self._names(self._path(str(path)))]
        if not patterns:
            return []
        tracked = checked(self._root, "ls-files", "-z", "--", *patterns).out
        return [path_text(name) for name in tracked.split(b"\0") if name]

    def refuse_touched(self, path: Path | str, setting: str) -> None:
        """Raise :class:`UsageError` if the change touches ``path``, to which ``setting`` leads."""
        if touched := self.touched(path):
            raise UsageError(
                f"{setting} leads to {touched[0]}, which this change touches",
                hint="a change must not decide on itself: merge the change of that file first",
            )

    def adds_words(self, words: Sequence[bytes]) -> bool:
        """Tell whether the change adds a line with one of ``words`` (in lower case)."""
        if self.base is None:
            return False
        patch = checked(self._root, *_PATCH, self._commit, "--", ".").out.lower()
        lines = (line for line in patch.split(b"\n") if line.startswith(b"+"))
        return any(word in line for line in lines for word in words)

    def _path(self, name: str) -> Path:
        """The file below the root, else the one below the working directory."""
        in_root = Path(os.path.abspath(self._root / name))
        in_cwd = Path(os.path.abspath(name))
        return in_cwd if not os.path.lexists(in_root) and os.path.lexists(in_cwd) else in_root

    def _names(self, path: Path) -> list[str]:
        """The paths in the repository that decide what ``path`` holds, relative to the root.

        Its own comes first, then its target, where it is a link, and links among its parents. A
        file in a submodule stands for the submodule.
        """
        if self._at_base is None:
            return []
        paths = [path, Path(os.path.realpath(path))]
        paths += [parent for parent in path.parents if parent.is_symlink()]
        inside = [part for part in paths if part.is_relative_to(self._top) and part != self._top]
        tracked = (self._tracked_path(part) for part in inside)
        return list(dict.fromkeys(os.path.relpath(part, self._root) for part in tracked))

    def _tracked_path(self, path: Path) -> Path:
        """``path``, or the outermost nested repository that it is in."""
        for parent in reversed(path.parents):
            nested = parent != self._top and parent.is_relative_to(self._top)
            if nested and os.path.lexists(parent / ".git"):
                return parent
        return path


def _decode(data: bytes | None, name: str) -> str | None:
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=name) from None


def _read_from_disk(path: Path, name: str) -> bytes | None:
    if not os.path.lexists(path):
        return None
    try:
        return read_regular(path, limit=_LARGEST)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None
