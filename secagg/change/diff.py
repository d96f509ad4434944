"""Read from git what a change adds (``--diff BASE...HEAD``).

Source: git-diff(1), "Raw output format" and "Generating patch text with -p".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.errors import UsageError
from secagg.system.git import FETCH_HINT, checked, git, resolve

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
    """Return the entries of ``git diff --raw --numstat -z``.

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
    """Return the hunks of each path (a deleted file's last one) in a patch without context."""
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
    """Return a path as text; bytes that are no UTF-8 are kept as lone surrogates."""
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


# So many files are compared pairwise to find renames that are no exact copies.
_RENAME_LIMIT = 3000


_OPTIONS = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--find-renames",
    f"-l{_RENAME_LIMIT}",
    "--submodule=short",
    "--ignore-submodules=dirty",
    "--relative",
)


_RANGE = re.compile(r"(?P<base>.+?)(?P<dots>\.\.\.?)(?P<head>[^.].*)?")


def read_diff(root: Path, given: str) -> Diff:
    """Return the change that ``given`` names, with paths relative to ``root`` in its repository.

    - ``BASE...HEAD``: from the merge base of both to HEAD, as a pull request shows it;
    - ``BASE..HEAD``: from BASE itself to HEAD;
    - ``BASE``: from the merge base of BASE and the commit that is checked out to the work tree
      as it is: what is not committed, and files that git neither knows nor ignores, included.

    Raises :class:`UsageError` where a commit or the merge base is not in this clone; the hint
    then tells the fetch depth to use.
    """
    match = _RANGE.fullmatch(given)
    base_name, head_name = (match["base"], match["head"] or "HEAD") if match else (given, "HEAD")
    if not base_name.strip():
        raise UsageError(f"{given!r} names no base", hint="give --diff BASE...HEAD")
    base, head = resolve(root, base_name), resolve(root, head_name)
    start = base if match and match["dots"] == ".." else merge_base(root, base, head)
    commits = frozenset(checked(root, "rev-list", f"{base}..{head}").text.split())
    sides = [start, head] if match else [start]
    entries_out = checked(root, "diff", "--raw", "--numstat", "-z", *_OPTIONS, *sides)
    notes = [
        f"git: {line.removeprefix('warning: ')}"
        for line in entries_out.err.splitlines()
        if line.startswith("warning: exhaustive rename detection")
    ]
    patch = checked(
        root,
        "diff",
        "--unified=0",
        "--inter-hunk-context=0",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        *_OPTIONS,
        *sides,
    ).out
    hunks = read_hunks(patch)
    changes = [_change(entry, hunks) for entry in read_entries(entries_out.out)]
    if match is None:
        changes += _untracked(root)
    elif git(root, "diff", "--quiet", *_OPTIONS, head).code != 0:
        notes.append(
            f"the work tree is not as {head_name} has it: lines may be off; "
            f"compare with it by --diff {base_name}"
        )
    return Diff(
        base=start,
        head=head if match else None,
        files={change.path: change for change in changes},
        renames={c.old_path: c.path for c in changes if c.old_path is not None},
        commits=commits,
        notes=tuple(notes),
    )


def merge_base(root: Path, base: str, head: str) -> str:
    """Return the commit that two commits have in common, and the last such one.

    Raises :class:`UsageError` if this clone holds none.
    """
    result = git(root, "merge-base", base, head)
    if result.code == 0 and result.text:
        return result.text.split("\n")[0]
    names = f"{base[:12]} and {head[:12]}"
    if git(root, "rev-parse", "--is-shallow-repository").text == "true":
        raise UsageError(
            f"this shallow clone does not reach back to the merge base of {names}", hint=FETCH_HINT
        )
    raise UsageError(
        f"{names} have no commit in common", hint="compare with a branch of the same repository"
    )


def _change(entry: PatchEntry, hunks: dict[str, list[Hunk]]) -> FileChange:
    whole = entry.binary or entry.status in (
        FileStatus.ADDED,
        FileStatus.TYPE_CHANGED,
        FileStatus.SUBMODULE,
    )
    return FileChange(
        path=entry.path,
        status=entry.status,
        old_path=entry.old_path,
        hunks=() if whole else tuple(hunks.get(entry.path, ())),
        whole=whole,
    )


def _untracked(root: Path) -> list[FileChange]:
    listed = checked(root, "ls-files", "--others", "--exclude-standard", "-z").out
    names = [path_text(name) for name in listed.split(b"\0") if name]
    # A repository within, which git does not look into, is named with a slash at its end.
    return [
        FileChange(path=name.rstrip("/"), status=FileStatus.ADDED, whole=True) for name in names
    ]
