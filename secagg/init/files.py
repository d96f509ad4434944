"""Write generated files, and keep those that a person has edited.

The first line of a generated file holds the SHA-256 of the rest. If it matches, nobody has edited
the file, and a newer version replaces it. If it does not match, or if there is no such line, the
file is kept, and only the difference is shown.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from secagg.errors import UsageError
from secagg.system.files import replace_file

_DIGEST_LINE = re.compile(r"# Written by secagg init; sha256:([0-9a-f]{64})\n")
_MAX_BYTES = 4 * 1024 * 1024


class FileState(StrEnum):
    """The state of the file at a path, compared with the generated one."""

    MISSING = "new"
    CURRENT = "unchanged"
    OUTDATED = "updated"
    EDITED = "edited"
    CONFLICT = "edited by hand; a newer version is available"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A generated file: ``text`` belongs at ``path``; ``existing`` is the text there, if any."""

    path: str
    text: str
    existing: str | None
    state: FileState

    def diff(self) -> str:
        """Return the changes as a unified diff."""
        return "".join(
            difflib.unified_diff(
                (self.existing or "").splitlines(keepends=True),
                self.text.splitlines(keepends=True),
                f"a/{self.path}" if self.existing is not None else "/dev/null",
                f"b/{self.path}",
            )
        )


def compare(root: Path, plan: Mapping[str, str]) -> list[PlannedFile]:
    """Compare each file of a plan (text by path) with the file at its path below ``root``.

    Raises :class:`UsageError` if a path leads out of the repository, or is no text file.
    """
    return [_planned_file(root, path, with_digest(text)) for path, text in sorted(plan.items())]


def write(root: Path, planned_file: PlannedFile) -> None:
    """Write a file of the plan to its path below ``root``."""
    replace_file(root / planned_file.path, planned_file.text.encode())


def with_digest(body: str) -> str:
    """Return ``body`` as a generated file, with the line that holds its digest."""
    return f"# Written by secagg init; sha256:{_digest(body)}\n{body}"


def _planned_file(root: Path, path: str, text: str) -> PlannedFile:
    existing = _read(root, path)
    return PlannedFile(path, text, existing, _state(existing, text))


def _state(existing: str | None, text: str) -> FileState:
    if existing is None:
        return FileState.MISSING
    if existing == text:
        return FileState.CURRENT
    line = _DIGEST_LINE.match(existing)
    if line is None:
        return FileState.CONFLICT
    if line[1] == _digest(existing[line.end() :]):
        return FileState.OUTDATED
    # A person has edited it; the line holds the digest of the version that they edited.
    return FileState.EDITED if text.startswith(line[0]) else FileState.CONFLICT


def _read(root: Path, path: str) -> str | None:
    file = root / path
    real_root = root.resolve()
    for parent in [*file.parents, file]:
        if parent != root and parent.is_relative_to(root) and parent.is_symlink():
            raise UsageError(
                f"{parent.relative_to(root)} is a symbolic link: nothing is written through it",
                hint="replace it by what it leads to",
            )
    if not file.resolve().is_relative_to(real_root):
        raise UsageError(f"{path} leads out of the repository")
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is larger than any file that secagg init writes")
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
