"""Files that somebody else has put there, opened so that none of them stops or misleads secagg.

A repository may hold a link to ``/dev/zero`` where a manifest is expected, or to a file outside of
it, and a directory that is shared may hold a pipe that never says anything.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20


def read_regular(path: Path, *, limit: int, within: Path | None = None) -> bytes:
    """Read the regular file ``path``, of ``limit`` bytes at most.

    Links are followed as long as they stay ``within`` that directory, if it is given. Raises
    :class:`OSError`, whose ``strerror`` says what is wrong: no such file, no regular file, a link
    that leads out of the repository, or larger than allowed.
    """
    try:
        real = os.path.realpath(path, strict=True)
        if within is not None and not Path(real).is_relative_to(os.path.realpath(within)):
            raise OSError(errno.ELOOP, "it is a link that leads out of the repository")
        # A pipe without a writer would be waited for; a link put there meanwhile is not followed.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > limit:
            raise _too_large(limit)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return read_stream(file, limit=limit)
    finally:
        os.close(descriptor)


def read_given(path: Path, *, limit: int) -> bytes:
    """Read a file that the user named, of ``limit`` bytes at most.

    It may be a pipe (``<(command)`` of a shell), and no device. Raises :class:`OSError` like
    :func:`read_regular`.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not file.isatty()):
            raise OSError(errno.EINVAL, "it is a device")
        return read_stream(file, limit=limit)


def read_stream(stream: BinaryIO, *, limit: int) -> bytes:
    """Read ``stream`` to its end. Raises :class:`OSError` if it has more than ``limit`` bytes."""
    pieces: list[bytes] = []
    length = 0
    # To read as much as is allowed at once would take as much memory in any case.
    while piece := stream.read(MIB):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise _too_large(limit)
    return b"".join(pieces)


def _too_large(limit: int) -> OSError:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB"
    return OSError(errno.EFBIG, f"it is larger than {size}")
