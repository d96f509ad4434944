"""A change: which lines of which files it brought, and where the other lines went."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import accumulate

from secagg.model.finding import Location
from secagg.model.place import is_legible, legible, manifest_place


class FileStatus(StrEnum):
    """What became of a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    TYPE_CHANGED = "type changed"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class Hunk:
    """``old_count`` lines from ``old_start`` became ``new_count`` lines from ``new_start``.

    Where a count is 0, the start is the line before, as git writes it; lines count from 1.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int


@dataclass(frozen=True)
class FileChange:
    """One changed path; of a deleted file its last one.

    ``whole`` says that every line of it counts as changed: a new file, a binary one, one that is
    now a link, a submodule.
    """

    path: str
    status: FileStatus
    old_path: str | None = None
    hunks: Sequence[Hunk] = ()
    whole: bool = False

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First and last of the lines that were added or changed."""
        return [(h.new_start, h.new_start + h.new_count - 1) for h in self.hunks if h.new_count]

    def touches(self, first: int, last: int) -> bool:
        """Whether the change adds or changes a line from ``first`` to ``last``, or takes one out
        between two of them."""
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
        """Where the line ``old`` of the file before is now; None if it was changed or is gone."""
        if self.whole or self.status is FileStatus.DELETED:
            return None
        at = bisect_right(self._starts, old) - 1
        if at < 0:
            return old
        hunk = self.hunks[at]
        if hunk.old_count and old < hunk.old_start + hunk.old_count:
            return None
        return old + self._shifts[at]

    def kept(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return where the lines from ``first`` to ``last`` of the file before are now, as ranges.

        Lines of a hunk that has as many as before count as changed in their places; others that
        were changed are gone.
        """
        if self.whole or self.status is FileStatus.DELETED:
            return []
        found = []
        start, shift = first, 0
        for hunk in self.hunks:
            if hunk.old_count and hunk.old_count != hunk.new_count:
                found.append((start + shift, min(last, hunk.old_start - 1) + shift))
                start = max(first, hunk.old_start + hunk.old_count)
            elif not hunk.old_count:
                found.append((start + shift, min(last, hunk.old_start) + shift))
                start = max(first, hunk.old_start + 1)
            shift += hunk.new_count - hunk.old_count
        found.append((start + shift, last + shift))
        return [(one, other) for one, other in found if one <= other]

    @cached_property
    def _starts(self) -> list[int]:
        """The first old line from which each hunk counts."""
        return [h.old_start if h.old_count else h.old_start + 1 for h in self.hunks]

    @cached_property
    def _shifts(self) -> list[int]:
        """How far the lines after each hunk have moved."""
        return list(accumulate(h.new_count - h.old_count for h in self.hunks))


@dataclass(frozen=True)
class Diff:
    """A change from ``base`` (a commit) to ``head``; None is the work tree as it is.

    ``files`` is by path on the head's side, relative to the scanned root; ``renames`` leads from
    old paths to new ones; ``commits`` are the hashes of the commits that the change consists of.
    ``notes`` are sentences on what the reader should know.
    """

    base: str
    head: str | None
    files: Mapping[str, FileChange] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    commits: frozenset[str] = frozenset()
    notes: Sequence[str] = ()

    def change_of(self, path: str) -> FileChange | None:
        """Return what became of ``path``; a file in a submodule changes with its submodule."""
        change = self.files.get(path)
        if change is None and not is_legible(path):
            # A tool has written a name as far as it could: whichever it is may be the change's.
            change = self._legible.get(legible(path))
        if change is not None:
            return change
        while "/" in path and self._submodules:
            path = path.rpartition("/")[0]
            if path in self._submodules:
                return self.files[path]
        return None

    def touches(self, place: Location) -> bool | None:
        """Whether the change touches a place in the work tree or one of the change's commits.

        A place without lines is touched if its file is; None where no file is known, and for
        what is in an image.
        """
        if place.commit is not None:
            return place.commit in self.commits
        if place.uri is None or place.image is not None:
            return None
        change = self.change_of(place.uri)
        if change is None or change.status is FileStatus.DELETED:
            return False
        if place.start_line is None:
            return True
        return change.touches(place.start_line, max(place.end_line or 0, place.start_line))

    def now(self, path: str) -> str:
        """Return the name that ``path`` has after the change."""
        return self.renames.get(path, path)

    def new_line(self, path: str, line: int) -> int | None:
        """Return where a line of a file before the change is after it; None if changed or gone.

        ``path`` is the file's name before.
        """
        now = self.now(path)
        change = self.change_of(now)
        if change is None:
            return line
        if now == path and change.old_path is not None:
            # Another file bears the name now, and this one is gone.
            return None
        return change.new_line(line)

    def kept(self, path: str, first: int, last: int) -> list[tuple[int, int]]:
        """Where the lines from ``first`` to ``last`` before the change are after it, as ranges.

        ``path`` is the file's name before; see :meth:`FileChange.kept`.
        """
        now = self.now(path)
        change = self.change_of(now)
        if change is None:
            return [(first, last)]
        if now == path and change.old_path is not None:
            return []
        return change.kept(first, last)

    @cached_property
    def manifest_places(self) -> frozenset[str]:
        """The places of dependencies (:func:`secagg.model.place.manifest_place`) it touches."""
        return frozenset(map(manifest_place, self.files))

    @cached_property
    def _legible(self) -> Mapping[str, FileChange]:
        """Changes by names of which bytes are lost; of several what touches most lines."""
        by_name: dict[str, FileChange] = {}
        for path, change in self.files.items():
            name = legible(path)
            if name not in by_name or change.whole or by_name[name].status is FileStatus.DELETED:
                by_name[name] = change
        return by_name

    @cached_property
    def _submodules(self) -> frozenset[str]:
        return frozenset(p for p, c in self.files.items() if c.status is FileStatus.SUBMODULE)
