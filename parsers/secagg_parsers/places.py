"""Make the paths that scanners write relative to the root of the checkout, and read lines there."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from secagg.model.place import exists_exactly, find_in_checkout, is_foreign
from secagg.system.patterns import lazy

_DRIVE = lazy(r"[A-Za-z]:/")
# Lines are read from smaller files only: scanners do not read larger ones as a whole either.
_LARGEST_FILE = 5 << 20
_MAX_FILES = 16


class Places(dict[str, str]):
    """A cache of paths: ``places[path]`` is ``path`` relative to ``root``, with ``/`` separators.

    ``base`` is the directory, relative to ``root``, to which relative paths refer (the
    component that the tool scanned). If ``root`` is known, ``base`` is only put in front of a path
    that does not exist without it. An absolute path outside of ``root`` stays as it is, and so
    does every path that cannot be resolved. ``real`` returns the real path of one that is masked
    (:meth:`secagg.secrets.redactor.Redactor.real_path`).
    """

    def __init__(
        self,
        root: Path | None,
        base: str | None = None,
        real: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self._root = root
        self._real = real
        self._base = "" if base in (None, "", ".") else f"{str(base).strip('/')}/"
        self._prefixes = _prefixes(root) if root is not None else ()

    def __missing__(self, path: str) -> str:
        relative = self._place(path if self._real is None else self._real(path))
        self[path] = relative
        return relative

    def optional(self, path: str | None) -> str | None:
        return None if path is None else self[path]

    def _place(self, raw_path: str) -> str:
        path = raw_path
        if path.startswith("file://"):
            path = unquote(path.removeprefix("file://"))
        if (
            "\\" in path
            and ("/" not in path or _DRIVE.match(path.replace("\\", "/", 1)))
            and not any(
                exists_exactly(self._root, candidate) for candidate in (path, self._base + path)
            )
        ):
            path = path.replace("\\", "/")
        for prefix in self._prefixes:
            if path.startswith(prefix):
                return _tidy(path.removeprefix(prefix))
        path = _tidy(path)
        if is_foreign(path):
            return (find_in_checkout(path, self._root) if self._root is not None else None) or path
        if not self._base or path.startswith("../"):
            return path
        if self._root is None:
            return path if path.startswith(self._base) else self._base + path
        below, as_is = self._root / (self._base + path), self._root / path
        return path if _exists(as_is) and not _exists(below) else self._base + path


def base_of(artifact: str, root: Path | None) -> str | None:
    """Return the directory below ``root`` that a tool scanned.

    ``artifact`` is the target on the tool's command line. None means the root, a directory outside
    of it, or that it is not known.
    """
    if root is None:
        return None
    path = Places(root)[artifact.rstrip("/") or "/"]
    if path.startswith(("/", "..")) or path in ("", "."):
        return None
    target = root / path
    try:
        if target.is_dir():
            return path
        if target.is_file():
            return posixpath.dirname(path) or None
    except (OSError, ValueError):
        pass
    return None


class Lines:
    """Lines of files in the checkout, as bytes; never of a file outside of it."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._files: OrderedDict[str, list[bytes]] = OrderedDict()

    def of(self, uri: str) -> list[bytes]:
        """Return all lines of a file without their ends; none if it cannot or must not be read."""
        return [line.rstrip(b"\r\n") for line in self._raw(uri)]

    def one(self, uri: str, number: int) -> bytes | None:
        """Return line ``number`` (from 1) of a file, without its end; None if there is none."""
        lines = self._raw(uri)
        return lines[number - 1].rstrip(b"\r\n") if 0 < number <= len(lines) else None

    def start(self, uri: str, number: int) -> int:
        """Return the byte offset of line ``number`` (from 1) of a file."""
        return sum(map(len, self._raw(uri)[: number - 1]))

    def _raw(self, uri: str) -> list[bytes]:
        lines = self._files.get(uri)
        if lines is None:
            lines = self._files[uri] = self._read(uri)
            if lines and len(self._files) > _MAX_FILES:
                self._files.popitem(last=False)
        return lines

    def _read(self, uri: str) -> list[bytes]:
        if self._root is None:
            return []
        try:
            # Fail early: most reports are read without their files, and resolving is slow.
            os.stat(os.path.join(self._root, uri))
            root = self._root.resolve(strict=True)
            path = (root / uri).resolve(strict=True)
            if not path.is_relative_to(root):
                return []
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                return []
            *whole, last = path.read_bytes().split(b"\n")
            return [*(line + b"\n" for line in whole), last]
        except (OSError, ValueError, RuntimeError):
            return []


@lru_cache(maxsize=64)
def _prefixes(root: Path) -> tuple[str, ...]:
    prefixes = [root.as_posix().rstrip("/") + "/"]
    with contextlib.suppress(OSError, RuntimeError):
        prefixes.append(root.resolve().as_posix().rstrip("/") + "/")
    return tuple(dict.fromkeys(prefixes))


def _tidy(path: str) -> str:
    if path.startswith("./") or "//" in path or "/./" in path or "/../" in path:
        path = posixpath.normpath(path)
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
