"""Files written in one step: whoever reads has the old one or the new one, whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from secagg.secrets.lastfilter import FilteredFile

PUBLIC = 0o644
"""For everybody to read, as far as the umask allows."""
PRIVATE = 0o600
"""For the owner alone."""


@contextmanager
def replacing(
    path: Path, *, mode: int = PUBLIC, durable: bool = False, packed: bool = False
) -> Iterator[BinaryIO]:
    """Write a file that takes the place of ``path`` once it is whole.

    What is written passes the last filter (:mod:`secagg.secrets.lastfilter`) unless it is
    ``packed``: who packs it has filtered it before.

    After an error nothing has changed. ``durable`` waits until the disk has it. The directory must
    exist. Raises :class:`OSError`.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out if packed else cast(BinaryIO, FilteredFile(out))
            if durable:
                out.flush()
                os.fsync(descriptor)
        os.chmod(name, mode & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_file(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Put ``data`` at ``path`` in one step, durably; directories that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode=mode, durable=True) as out:
        out.write(data)


def create_file(path: Path, data: bytes, *, mode: int = PRIVATE) -> bool:
    """Put ``data`` at ``path`` in one step, unless a file is there; tell whether it was put."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(descriptor)
        os.chmod(name, mode & ~_umask())
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(name)
    return True


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """Make an empty private file beside ``target``, for who writes by name and moves it then.

    It is gone afterwards, unless it was moved.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
        yield part
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
