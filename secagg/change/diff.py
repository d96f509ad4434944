"""``--diff BASE...HEAD``: what a change adds, read from git."""

from __future__ import annotations

import re
from pathlib import Path

from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.change.patch import PatchEntry, path_text, read_entries, read_hunks
from secagg.errors import UsageError
from secagg.system.git import FETCH_HINT, checked, git, resolve

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
    """The change that ``given`` names, with paths relative to ``root`` in its repository.

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
    """The commit that two commits have in common, and the last such one.

    Raises :class:`UsageError` if this clone holds none.
    """
    found = git(root, "merge-base", base, head)
    if found.code == 0 and found.text:
        return found.text.split("\n")[0]
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
