"""Read a change from git (``--diff BASE...HEAD``).

Source: git-diff(1), "Raw output format" and "Generating patch text with -p".
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.change.tree import CheckoutTree
from secagg.errors import UsageError
from secagg.system.git import FETCH_HINT, checked, git, resolve, short_commit
from secagg.system.patterns import lazy

SUBMODULE = "160000"
_LINK = "120000"

_STATUS = {
    "A": FileStatus.ADDED,
    "C": FileStatus.ADDED,
    "D": FileStatus.DELETED,
    "M": FileStatus.MODIFIED,
    "R": FileStatus.RENAMED,
    "T": FileStatus.TYPE_CHANGED,
}

_HUNK = lazy(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPED = lazy(rb'\\([0-7]{3}|[abfnrtv"\\])')

_CHARACTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
# Files that git compares pairwise, at most, to find renames that are no exact copies.
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

_RANGE = lazy(r"(?P<base>.+?)(?P<dots>\.\.\.?)(?P<head>[^.].*)?")


class PatchEntry(Struct):
    """One path of a diff; ``binary`` files have no lines to compare, nor has a link."""

    status: FileStatus
    path: str
    old_path: str | None = None
    binary: bool = False
    link: bool = False


def read_entries(data: bytes) -> list[PatchEntry]:
    """Read the entries of ``git diff --raw --numstat -z``.

    A submodule or link on one side only is a change of type; a submodule on both sides, or on the
    new one, is a submodule. An unmerged path counts as modified.
    """
    entries: dict[str, PatchEntry] = {}
    fields = iter(data.split(b"\0"))
    for head in fields:
        if head.startswith(b":"):
            old_mode, new_mode, _, _, letter = head[1:].decode("ascii").split(" ")
            path, old_path = path_text(next(fields)), None
            if letter[0] in "RC":
                old_path, path = path, path_text(next(fields))
            status = _STATUS.get(letter[0], FileStatus.MODIFIED)
            if status is not FileStatus.DELETED and SUBMODULE in (old_mode, new_mode):
                status = FileStatus.SUBMODULE if new_mode == SUBMODULE else FileStatus.TYPE_CHANGED
            entries[path] = PatchEntry(
                status,
                path,
                old_path if status is FileStatus.RENAMED else None,
                link=new_mode == _LINK,
            )
        elif head:
            added, _, name = head.split(b"\t", 2)
            if not name:
                next(fields)
                name = next(fields)
            if added == b"-" and path_text(name) in entries:
                entries[path_text(name)].binary = True
    return list(entries.values())


def read_hunks(data: bytes) -> dict[str, list[Hunk]]:
    """Read the hunks of each path (a deleted file's last one) from a patch without context."""
    hunks: dict[str, list[Hunk]] = {}
    path = old_path = None
    lines = iter(data.split(b"\n"))
    for line in lines:
        if line.startswith(b"--- "):
            old_path = _path(line[4:])
        elif line.startswith(b"+++ "):
            path = _path(line[4:]) or old_path
        elif (match := _HUNK.match(line)) is not None and path is not None:
            old_start, old_count, new_start, new_count = (
                int(n) if n is not None else 1 for n in match.groups()
            )
            hunks.setdefault(path, []).append(Hunk(old_start, old_count, new_start, new_count))
            # Skip the lines of the hunk: they may look like a header.
            remaining = old_count + new_count
            while remaining and (content := next(lines, None)) is not None:
                remaining -= not content.startswith(b"\\")
    return hunks


def path_text(name: bytes) -> str:
    """Decode a path; bytes that are not UTF-8 become lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def read_diff(root: Path, revisions: str) -> Diff:
    """Read the change that ``revisions`` names; its paths are relative to ``root``.

    - ``BASE...HEAD``: from the merge base of both to HEAD, as a pull request shows it;
    - ``BASE..HEAD``: from BASE itself to HEAD;
    - ``BASE``: from the merge base of BASE and the checked-out commit to the work tree, with its
      uncommitted changes and its untracked files that git does not ignore.

    Raises :class:`UsageError` where a commit or the merge base is not in this clone; the hint
    then gives the fetch depth to use.
    """
    match = _RANGE.fullmatch(revisions)
    base_name, head_name = (
        (match["base"], match["head"] or "HEAD") if match else (revisions, "HEAD")
    )
    if not base_name.strip():
        raise UsageError(f"{revisions!r} names no base", hint="give --diff BASE...HEAD")
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
        tree=CheckoutTree(root),
    )


def merge_base(root: Path, base: str, head: str) -> str:
    """Return the last commit that two commits have in common.

    Raises :class:`UsageError` if this clone holds none.
    """
    result = git(root, "merge-base", base, head)
    if result.code == 0 and result.text:
        return result.text.split("\n")[0]
    names = f"{short_commit(base)} and {short_commit(head)}"
    if git(root, "rev-parse", "--is-shallow-repository").text == "true":
        raise UsageError(
            f"this shallow clone does not reach back to the merge base of {names}", hint=FETCH_HINT
        )
    raise UsageError(
        f"{names} have no commit in common", hint="compare with a branch of the same repository"
    )


def _path(name: bytes) -> str | None:
    """The path of a ``---`` or ``+++`` line; None for ``/dev/null``."""
    if name == b"/dev/null":
        return None
    if name.startswith(b'"'):
        name = _ESCAPED.sub(_unescape, name[1 : name.rindex(b'"')])
    else:
        # Git appends a tab to a name with a blank.
        name = name.removesuffix(b"\t")
    return path_text(name[2:])


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if len(escaped) == 3:
        return bytes([int(escaped, 8)])
    return _CHARACTERS.get(escaped, escaped)


def _change(entry: PatchEntry, hunks: dict[str, list[Hunk]]) -> FileChange:
    whole = (
        entry.binary
        or entry.link
        or entry.status
        in (
            FileStatus.ADDED,
            FileStatus.TYPE_CHANGED,
            FileStatus.SUBMODULE,
        )
    )
    return FileChange(
        path=entry.path,
        status=entry.status,
        old_path=entry.old_path,
        hunks=() if whole else tuple(hunks.get(entry.path, ())),
        whole=whole,
        is_link=entry.link,
    )


def _untracked(root: Path) -> list[FileChange]:
    listed = checked(root, "ls-files", "--others", "--exclude-standard", "-z").out
    names = [path_text(name) for name in listed.split(b"\0") if name]
    # The name of a nested repository, which git does not look into, ends with a slash.
    return [
        FileChange(path=name.rstrip("/"), status=FileStatus.ADDED, whole=True) for name in names
    ]
