"""Write files atomically, read them with limits, and walk directories without following links.

A repository may have a link to ``/dev/zero`` instead of a manifest, or to a file outside of it; a
shared directory may have a pipe that nobody writes to.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from secagg.secrets.lastfilter import FilteredFile

PUBLIC = 0o644
"""For everybody to read, as far as the umask allows."""

PRIVATE = 0o600
"""For the owner only."""

MIB = 1 << 20

OUTPUT_DIRECTORY = Path("secagg-out")
"""Where a scan writes its files by default."""

# Directories with code of others or with build results.
_SKIPPED_DIRECTORIES = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        "node_modules",
        "vendor",
        "target",
        "__pycache__",
        ".mypy_cache",
        ".secagg",
        OUTPUT_DIRECTORY.name,
    }
)


@contextmanager
def replacing(
    path: Path, *, mode: int = PUBLIC, durable: bool = False, packed: bool = False
) -> Iterator[BinaryIO]:
    """Give a file that replaces ``path`` at the end of the block, unless the block raises.

    Everything written passes the last filter (:mod:`secagg.secrets.lastfilter`), except into a
    ``packed`` file, whose contents must be filtered before they are packed. ``durable`` waits
    until the data is on the disk. The directory must exist. Raises :class:`OSError`.
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
    """Write ``data`` to ``path`` atomically and durably; make missing directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode=mode, durable=True) as out:
        out.write(data)


def create_file(path: Path, data: bytes, *, mode: int = PRIVATE) -> bool:
    """Write ``data`` to ``path`` atomically, unless a file exists; tell whether it was written."""
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
    """Make an empty private file beside ``target``, to be written by name and then moved there.

    It is removed at the end, unless it was moved.
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


def read_regular(path: Path, *, limit: int, within: Path | None = None) -> bytes:
    """Read the regular file ``path``, of ``limit`` bytes at most.

    Links are followed, but not out of the directory ``within``, if it is given. Raises
    :class:`OSError` with a ``strerror`` for messages: no such file, no regular file, a link that
    leads out of the repository, or larger than allowed.
    """
    try:
        real = os.path.realpath(path, strict=True)
        if within is not None and not Path(real).is_relative_to(os.path.realpath(within)):
            raise OSError(errno.ELOOP, "it is a link that leads out of the repository")
        # Does not wait for a pipe without a writer, and follows no link that was made meanwhile.
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

    It may be a pipe (``<(command)`` of a shell), but no device. Raises :class:`OSError` like
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
    # Reading ``limit`` bytes at once would allocate that much memory for every file.
    while piece := stream.read(MIB):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise _too_large(limit)
    return b"".join(pieces)


def _too_large(limit: int) -> OSError:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB"
    return OSError(errno.EFBIG, f"it is larger than {size}")


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each directory below ``root`` (itself first) with its file names; follow no links."""
    for directory, subdirectories, files in os.walk(root, followlinks=False):
        subdirectories[:] = sorted(d for d in subdirectories if d not in _SKIPPED_DIRECTORIES)
        yield Path(directory), sorted(files)


def files_by_suffix(root: Path) -> set[str]:
    """Return the suffixes (``.py``) of all files below ``root``."""
    return {Path(name).suffix for _, names in walk(root) for name in names}


def has_files(root: Path) -> bool:
    """Tell whether there is any file below ``root``, except those of git itself."""
    for directory, subdirectories, files in os.walk(root, followlinks=False):
        if files and not (Path(directory) == root and files == [".git"]):
            return True
        subdirectories[:] = [name for name in subdirectories if name != ".git"]
    return False


def is_bare(root: Path) -> bool:
    """Tell whether ``root`` is a bare git repository."""
    parts = (root / "HEAD", root / "objects", root / "refs")
    return parts[0].is_file() and all(part.is_dir() for part in parts[1:])
