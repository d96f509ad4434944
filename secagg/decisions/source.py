"""Where exception files come from: the work tree, or whatever the caller reads them from."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from secagg.errors import ConfigError

Read = Callable[[str], bytes | None]
"""The bytes of the file at a path relative to the root; None where there is none."""

LARGEST = 1 << 20
LARGEST_JSON = 16 << 20


def work_tree(root: Path) -> Read:
    """Read from the work tree at ``root``: regular files that lie inside of it.

    The function raises :class:`ConfigError` for a link that leads out of the tree, for what is
    no file, and for what cannot be read: an exception file that is there is never passed over.
    """
    base = Path(os.path.realpath(root))

    def read(name: str) -> bytes | None:
        path = base / name
        try:
            if not os.path.lexists(path):
                return None
            real = Path(os.path.realpath(path, strict=True))
            if not real.is_relative_to(base):
                raise ConfigError("is a link that leads out of the repository", where=name)
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ConfigError("is no regular file", where=name)
                return file.read(LARGEST_JSON + 1)
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None

    return read


def text_of(name: str, data: bytes) -> str:
    """``data`` as text. Raises :class:`ConfigError` naming the line where it is none."""
    if len(data) > LARGEST:
        raise ConfigError("larger than 1 MiB", where=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", where=f"{name}:{line}") from None
