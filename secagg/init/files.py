"""Write generated files, and leave alone what a person has changed.

The first line of a generated file holds the SHA-256 of what follows it. As long as it fits, nobody
has touched the file, and a newer one takes its place. Where it does not, or where there is no such
line, the file is a person's: it is shown what would change, and kept.
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

_LINE = re.compile(r"# Written by secagg init; sha256:([0-9a-f]{64})\n")
_LARGEST = 4 * 1024 * 1024


class FileState(StrEnum):
    """What stands at a path, compared with what belongs there."""

    MISSING = "new"
    CURRENT = "unchanged"
    OUTDATED = "updated"
    EDITED = "edited"
    CONFLICT = "edited by hand; a newer version is available"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the plan: ``text`` is what belongs at ``path``, ``present`` what stands there."""

    path: str
    text: str
    present: str | None
    state: FileState

    def diff(self) -> str:
        """Return what would change, as a unified diff."""
        return "".join(
            difflib.unified_diff(
                (self.present or "").splitlines(keepends=True),
                self.text.splitlines(keepends=True),
                f"a/{self.path}" if self.present is not None else "/dev/null",
                f"b/{self.path}",
            )
        )


def compare(root: Path, plan: Mapping[str, str]) -> list[PlannedFile]:
    """Return each file of a plan with what stands at its path.

    Raises :class:`UsageError` where a path leads out of the repository, or is no text file.
    """
    return [_placed(root, path, with_digest(text)) for path, text in sorted(plan.items())]


def write(root: Path, placed: PlannedFile) -> None:
    """Put a file of the plan in its place."""
    replace_file(root / placed.path, placed.text.encode())


def with_digest(body: str) -> str:
    """Return a generated file: its first line, and the text."""
    return f"# Written by secagg init; sha256:{_digest(body)}\n{body}"


def _placed(root: Path, path: str, text: str) -> PlannedFile:
    present = _read(root, path)
    return PlannedFile(path, text, present, _state(present, text))


def _state(present: str | None, text: str) -> FileState:
    if present is None:
        return FileState.MISSING
    if present == text:
        return FileState.CURRENT
    line = _LINE.match(present)
    if line is None:
        return FileState.CONFLICT
    if line[1] == _digest(present[line.end() :]):
        return FileState.OUTDATED
    # Changed by a person; the line says what was offered then.
    return FileState.EDITED if text.startswith(line[0]) else FileState.CONFLICT


def _read(root: Path, path: str) -> str | None:
    file = root / path
    top = root.resolve()
    for place in [*file.parents, file]:
        if place != root and place.is_relative_to(root) and place.is_symlink():
            raise UsageError(
                f"{place.relative_to(root)} is a symbolic link: nothing is written through it",
                hint="replace it by what it leads to",
            )
    if not file.resolve().is_relative_to(top):
        raise UsageError(f"{path} leads out of the repository")
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than any file that secagg init writes")
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
