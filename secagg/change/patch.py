"""What ``git diff --raw --numstat -z`` and ``git diff --unified=0`` print, read without a guess.

Source: git-diff(1), "Raw output format" and "Generating patch text with -p".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from secagg.change.model import FileStatus, Hunk

SUBMODULE = "160000"

_STATUS = {
    "A": FileStatus.ADDED,
    "C": FileStatus.ADDED,
    "D": FileStatus.DELETED,
    "M": FileStatus.MODIFIED,
    "R": FileStatus.RENAMED,
    "T": FileStatus.TYPE_CHANGED,
}
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPED = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
_CHARACTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


@dataclass(slots=True)
class PatchEntry:
    """One path of a diff. ``binary`` files have no lines to compare."""

    status: FileStatus
    path: str
    old_path: str | None = None
    binary: bool = False


def read_entries(data: bytes) -> list[PatchEntry]:
    """The entries of ``git diff --raw --numstat -z``.

    What is a submodule or a link on one side only has changed its type; what is a submodule on
    both, or has become one, is a submodule. An unmerged path is a modified one.
    """
    entries: dict[str, PatchEntry] = {}
    fields = iter(data.split(b"\0"))
    for head in fields:
        if head.startswith(b":"):
            old_mode, new_mode, _, _, letter = head[1:].decode("ascii").split(" ")
            path, old = path_text(next(fields)), None
            if letter[0] in "RC":
                old, path = path, path_text(next(fields))
            status = _STATUS.get(letter[0], FileStatus.MODIFIED)
            if status is not FileStatus.DELETED and SUBMODULE in (old_mode, new_mode):
                status = FileStatus.SUBMODULE if new_mode == SUBMODULE else FileStatus.TYPE_CHANGED
            entries[path] = PatchEntry(status, path, old if status is FileStatus.RENAMED else None)
        elif head:
            added, _, name = head.split(b"\t", 2)
            if not name:
                next(fields)
                name = next(fields)
            if added == b"-" and path_text(name) in entries:
                entries[path_text(name)].binary = True
    return list(entries.values())


def read_hunks(data: bytes) -> dict[str, list[Hunk]]:
    """The hunks of each path (a deleted file's last one) in a patch without context."""
    hunks: dict[str, list[Hunk]] = {}
    path = old = None
    lines = iter(data.split(b"\n"))
    for line in lines:
        if line.startswith(b"--- "):
            old = _name(line[4:])
        elif line.startswith(b"+++ "):
            path = _name(line[4:]) or old
        elif (match := _HUNK.match(line)) is not None and path is not None:
            old_start, old_count, new_start, new_count = (
                int(n) if n is not None else 1 for n in match.groups()
            )
            hunks.setdefault(path, []).append(Hunk(old_start, old_count, new_start, new_count))
            # The lines themselves may look like anything, also like a header.
            left = old_count + new_count
            while left and (content := next(lines, None)) is not None:
                left -= not content.startswith(b"\\")
    return hunks


def path_text(name: bytes) -> str:
    """A path as text; bytes that are no UTF-8 are kept as lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def _name(written: bytes) -> str | None:
    """The path that a ``---`` or ``+++`` line names; None for ``/dev/null``."""
    if written == b"/dev/null":
        return None
    if written.startswith(b'"'):
        written = _ESCAPED.sub(_character, written[1 : written.rindex(b'"')])
    else:
        # Git ends a name that holds a blank with a tab.
        written = written.removesuffix(b"\t")
    return path_text(written[2:])


def _character(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if len(escaped) == 3:
        return bytes([int(escaped, 8)])
    return _CHARACTERS.get(escaped, escaped)
