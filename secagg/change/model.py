"""A change (diff): which lines of which files it touches, and where other lines are after it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import accumulate

from msgspec import Struct, field

from secagg.change.tree import CheckoutTree, TreeFile
from secagg.model.finding import Location, replace
from secagg.model.place import is_legible, legible, manifest_place
from secagg.system.patterns import lazy

# Behind the path of an address: its query and its fragment.
_ADDRESS_PARTS = lazy(r"(?<=[^/])[?#\0].*", re.DOTALL)


class FileStatus(StrEnum):
    """What the change did to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    TYPE_CHANGED = "type changed"
    SUBMODULE = "submodule"


class Hunk(Struct, frozen=True):
    """``old_count`` lines from ``old_start`` became ``new_count`` lines from ``new_start``.

    Lines count from 1. Where a count is 0, the start is the line before, as in git's output.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int


class FileChange(Struct, frozen=True, dict=True):
    """The change of one path (of a deleted file, its last one).

    ``whole`` says that every line counts as changed: the file is new or binary, became a link,
    or is a submodule. ``is_link`` says that it is a link now.
    """

    path: str
    status: FileStatus
    old_path: str | None = None
    hunks: Sequence[Hunk] = ()
    whole: bool = False
    is_link: bool = False

    @property
    def is_directory(self) -> bool:
        """Whether paths below it change with it: it is a submodule or a link."""
        return self.status is FileStatus.SUBMODULE or self.is_link

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first and last line of each range that was added or changed."""
        return [(h.new_start, h.new_start + h.new_count - 1) for h in self.hunks if h.new_count]

    def touches(self, first: int, last: int) -> bool:
        """Tell if it adds or changes a line from ``first`` to ``last``, or removes one between."""
        if self.whole:
            return True
        for hunk in self.hunks:
            start, end = hunk.new_start, hunk.new_start + hunk.new_count - 1
            if hunk.new_count and start <= last and end >= first:
                return True
            if not hunk.new_count and first <= start < last:
                return True
        return False

    def new_line(self, old: int) -> int | None:
        """Return the new number of the old line ``old``; None if it was changed or removed."""
        if self.whole or self.status is FileStatus.DELETED:
            return None
        index = bisect_right(self._starts, old) - 1
        if index < 0:
            return old
        hunk = self.hunks[index]
        if hunk.old_count and old < hunk.old_start + hunk.old_count:
            return None
        return old + self._shifts[index]

    def surviving_ranges(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the new ranges of the old lines from ``first`` to ``last``.

        The lines of a hunk with as many new lines as old ones count as changed in place; all
        other changed lines are gone.
        """
        if self.whole or self.status is FileStatus.DELETED:
            return []
        ranges = []
        start, shift = first, 0
        for hunk in self.hunks:
            if hunk.old_count and hunk.old_count != hunk.new_count:
                ranges.append((start + shift, min(last, hunk.old_start - 1) + shift))
                start = max(first, hunk.old_start + hunk.old_count)
            elif not hunk.old_count:
                ranges.append((start + shift, min(last, hunk.old_start) + shift))
                start = max(first, hunk.old_start + 1)
            shift += hunk.new_count - hunk.old_count
        ranges.append((start + shift, last + shift))
        return [(start, end) for start, end in ranges if start <= end]

    @cached_property
    def _starts(self) -> list[int]:
        """The first old line after the start of each hunk that the hunk affects."""
        return [h.old_start if h.old_count else h.old_start + 1 for h in self.hunks]

    @cached_property
    def _shifts(self) -> list[int]:
        """By how many lines the lines after each hunk moved."""
        return list(accumulate(h.new_count - h.old_count for h in self.hunks))


class Diff(Struct, frozen=True, dict=True):
    """A change from the commit ``base`` to the commit ``head``; None means the work tree.

    ``files`` goes by the path at the head, relative to the scanned root; ``renames`` maps old
    paths to new ones; ``commits`` are the hashes of the commits of the change. ``notes`` are
    sentences for the reader. ``tree`` tells which file a path leads to; without it every path
    leads to itself.
    """

    base: str
    head: str | None
    files: Mapping[str, FileChange] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    commits: frozenset[str] = frozenset()
    notes: Sequence[str] = ()
    tree: CheckoutTree | None = None

    def file_of(self, path: str) -> TreeFile | None:
        """Return the file that ``path`` leads to; None if the checkout has none."""
        if self.tree is None or path in self.files:
            return TreeFile(path)
        return self.tree.find(path)

    def may_be_changed(self, path: str) -> bool:
        """Tell whether ``path``, which leads to no file, may mean one that the change touches.

        A tool may write it in another case, from another directory or with an address's parts
        behind it: the name counts.
        """
        return not self._names.isdisjoint(map(_plain_name, (path, manifest_place(path))))

    def change_of(self, path: str) -> FileChange | None:
        """Return the change of ``path``; a file in a submodule changes with the submodule.

        So does one below a link that the change makes lead elsewhere.
        """
        change = self.files.get(path)
        if change is None and not is_legible(path):
            # The tool could not write every byte of the name: any file that fits may be meant.
            change = self._legible.get(legible(path))
        if change is not None:
            return change
        while "/" in path and self._whole_directories:
            path = path.rpartition("/")[0]
            if path in self._whole_directories:
                return self.files[path]
        return None

    def touches(self, place: Location) -> bool | None:
        """Tell whether the change touches a place in the work tree or in one of its commits.

        It touches a place without lines if it touches the file. None where no file is known, for
        a path of no file that may mean a changed one, and for a place in an image.
        """
        if place.commit is not None:
            return place.commit in self.commits
        if place.uri is None or place.image is not None:
            return None
        change = self.change_of(place.uri)
        if change is None:
            file = self.file_of(place.uri)
            if file is None:
                return None if self.may_be_changed(place.uri) else False
            if file.within:
                place = replace(place, start_line=None)
            change = self.change_of(file.path)
        if change is None or change.status is FileStatus.DELETED:
            return False
        if place.start_line is None:
            return True
        return change.touches(place.start_line, max(place.end_line or 0, place.start_line))

    def new_path(self, path: str) -> str:
        """Return the path that the file ``path`` has after the change."""
        return self.renames.get(path, path)

    def new_line(self, path: str, line: int) -> int | None:
        """Return the new number of an old line; None if it was changed or removed.

        ``path`` is the old path of the file.
        """
        new_path = self.new_path(path)
        change = self.change_of(new_path)
        if change is None:
            return line
        if new_path == path and change.old_path is not None:
            # Another file was renamed to this path; the old file is gone.
            return None
        return change.new_line(line)

    def surviving_ranges(self, path: str, first: int, last: int) -> list[tuple[int, int]]:
        """Return the new ranges of the old lines from ``first`` to ``last``.

        ``path`` is the old path of the file; see :meth:`FileChange.surviving_ranges`.
        """
        new_path = self.new_path(path)
        change = self.change_of(new_path)
        if change is None:
            return [(first, last)]
        if new_path == path and change.old_path is not None:
            return []
        return change.surviving_ranges(first, last)

    @cached_property
    def manifest_places(self) -> frozenset[str]:
        """The places of manifests (:func:`secagg.model.place.manifest_place`) that it touches."""
        return frozenset(map(manifest_place, self.files))

    @cached_property
    def _names(self) -> frozenset[str]:
        """The plain names of changed files and manifests."""
        return frozenset(map(_plain_name, (*self.files, *self.manifest_places)))

    @cached_property
    def _legible(self) -> Mapping[str, FileChange]:
        """Changes by legible names; of several with one name, the one that touches most."""
        by_name: dict[str, FileChange] = {}
        for path, change in self.files.items():
            name = legible(path)
            if name not in by_name or change.whole or by_name[name].status is FileStatus.DELETED:
                by_name[name] = change
        return by_name

    @cached_property
    def _whole_directories(self) -> frozenset[str]:
        """Submodules, and links, which may be links to directories."""
        return frozenset(path for path, change in self.files.items() if change.is_directory)


def _plain_name(path: str) -> str:
    """Return the last part of ``path`` in small letters, as the same file may be written."""
    name = _ADDRESS_PARTS.sub("", path.rstrip("/")).rpartition("/")[2]
    letters = (c for c in unicodedata.normalize("NFKC", name) if c.isprintable())
    return "".join(letters).casefold().strip(". \N{REPLACEMENT CHARACTER}")
