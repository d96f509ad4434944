"""Read the owners of paths from CODEOWNERS and from secagg.yaml.

Source: GitHub Docs, "About code owners": the last matching pattern decides, one without owners
takes ownership away, ``!`` and ``[ ]`` have no meaning, and a file of 3 MB or more is not used.
GitLab's headings of sections are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path

from msgspec import Struct

from secagg.change.base import reader_at
from secagg.merge.groups import Group
from secagg.system.git import git
from secagg.system.globs import PathGlob
from secagg.system.patterns import lazy
from secagg.system.root import is_in_git

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
LARGEST = 3 * 1024 * 1024
_SECTION = lazy(r"\^?\[[^\]]+\](?:\[\d+\])?(?:\s|$)")
# As at GitHub a line ends at a line feed, and words at spaces and tabs: other white space, which
# nobody sees in a review, begins neither a line nor an owner.
_WHITE = " \t\r"
_BLANK = lazy(r"(?<!\\)[ \t]+")
# Lines that cannot be used and have a note each.
_MOST_NOTES = 20


class OwnersEntry(Struct, frozen=True):
    """One line: a pattern and its owners; nobody owns what it matches if ``owners`` is empty."""

    pattern: str
    expression: re.Pattern[str]
    owners: tuple[str, ...]
    line: int


class Owners:
    """The owners of the paths below the scanned root.

    ``source`` is the file that was used, ``notes`` are sentences on lines of it that GitHub does
    not accept either. ``prefix`` is the path of the root in the repository (``web/``).
    """

    def __init__(
        self,
        entries: Sequence[OwnersEntry] = (),
        *,
        source: str | None = None,
        prefix: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.notes = tuple(notes)
        self._prefix = prefix
        self._entries = tuple(reversed(entries))
        self._cached = lru_cache(maxsize=65536)(self._look_up)

    def __bool__(self) -> bool:
        """Whether there are any entries."""
        return bool(self._entries)

    def of(self, path: str | None) -> tuple[str, ...]:
        """Return the owners of a path, as CODEOWNERS writes them; empty if it has none."""
        return self._cached(path) if path and self._entries else ()

    def of_group(self, group: Group) -> tuple[str, ...]:
        """Return the owners of a group's shown place, else of its first place that has owners."""
        locations = (group.representative.location, *(f.location for f in group.members))
        return next(
            (owners for loc in locations if loc.image is None and (owners := self.of(loc.uri))), ()
        )

    def _look_up(self, path: str) -> tuple[str, ...]:
        name = self._prefix + path
        return next((e.owners for e in self._entries if e.expression.match(name)), ())


def load_owners(
    root: Path,
    *,
    ref: str | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
) -> Owners:
    """Load the owners of the paths below ``root``.

    CODEOWNERS is read from the first of GitHub's three places in the repository that has it, in
    the work tree or at the commit ``ref``. ``components`` are further owners by glob below the
    root; they outrank the file. Raises :class:`UsageError` if this clone does not hold ``ref``.
    """
    top, prefix = _top(root)
    read = partial(_read_file, top) if ref is None else reader_at(top, ref)
    entries: list[OwnersEntry] = []
    notes: list[str] = []
    source = None
    for place in PLACES:
        data = read(place)
        if data is None:
            continue
        source = place
        if len(data) >= LARGEST:
            notes.append(f"{place} is larger than 3 MB: GitHub does not use it, so nobody owns it")
        else:
            entries = list(parse_owners(data.decode("utf-8", "replace"), place, notes))
        break
    for glob, owners in (components or {}).items():
        # Globs of secagg.yaml are relative to the scanned root.
        expression = _compile(f"/{prefix}{glob.lstrip('/')}")
        if expression is None:
            notes.append(f"owners: {glob!r} is no pattern")
        else:
            entries.append(OwnersEntry(glob, expression, tuple(owners), 0))
    return Owners(entries, source=source, prefix=prefix, notes=notes)


def parse_owners(text: str, name: str, notes: list[str]) -> Iterator[OwnersEntry]:
    """Yield the entries of a CODEOWNERS file; add notes for lines that cannot be used."""
    unusable: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(_WHITE)
        if not stripped or stripped.startswith("#") or _SECTION.match(stripped):
            continue
        pattern, *words = _BLANK.split(stripped)
        owners: list[str] = []
        for word in words:
            if word.startswith("#"):
                break
            owners.append(word)
        expression = _compile(pattern)
        if expression is None:
            unusable.append(
                f"{name}:{number}: {pattern!r} is no pattern of CODEOWNERS; it is skipped"
            )
            continue
        invalid = next((owner for owner in owners if "@" not in owner), None)
        if invalid is not None:
            unusable.append(f"{name}:{number}: {invalid!r} is no owner; the line is skipped")
            continue
        yield OwnersEntry(pattern, expression, tuple(owners), number)
    notes += unusable[:_MOST_NOTES]
    if len(unusable) > _MOST_NOTES:
        notes.append(f"{name}: {len(unusable) - _MOST_NOTES:,} more lines are skipped")


def _compile(pattern: str) -> re.Pattern[str] | None:
    """Compile a gitignore pattern; None for what CODEOWNERS lacks: ``!``, ``[ ]`` and ``\\#``."""
    if pattern.startswith(("!", "\\#")) or "[" in pattern or "]" in pattern:
        return None
    try:
        # docs/* matches files of the directory itself, and none in its subdirectories.
        return PathGlob(pattern, shallow=pattern.endswith("/*")).regex
    except ValueError:
        return None


def _top(root: Path) -> tuple[Path, str]:
    """The top directory of the repository and the path from there to ``root``; else ``root``."""
    if not is_in_git(root):
        return root, ""
    result = git(root, "rev-parse", "--show-toplevel", "--show-prefix")
    if result.code != 0:
        return root, ""
    top, _, prefix = result.out.decode("utf-8", "surrogateescape").partition("\n")
    return Path(top), prefix.removesuffix("\n")


def _read_file(top: Path, place: str) -> bytes | None:
    path = top / place
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        return None


def code_owners(root: Path, base: str | None = None) -> Callable[[str], Sequence[str]]:
    """Return a function from a file to its owners, whose approval in it counts.

    CODEOWNERS below ``root`` is that of the work tree, or of the commit ``base``; it is read by the
    first call. The owners that ``secagg.yaml`` adds do not count, as nobody makes them review.
    """

    @cache
    def owners(file: str) -> Sequence[str]:
        return load_owners(root, ref=base).of(file)

    return owners
