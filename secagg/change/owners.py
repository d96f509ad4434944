"""Who owns a path: CODEOWNERS, and the owners that secagg.yaml gives to parts of the tree.

Source: GitHub Docs, "About code owners": the last matching pattern decides, one without owners
takes ownership away, ``!`` and ``[ ]`` have no meaning, and a file of 3 MB or more is not used.
Sections are GitLab's; their heads are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from secagg.change.base import reader_at
from secagg.merge.groups import Group
from secagg.system.git import git
from secagg.system.globs import PathGlob

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
LARGEST = 3 * 1024 * 1024

_SECTION = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?(?:\s|$)")
_BLANK = re.compile(r"(?<!\\)\s+")


@dataclass(frozen=True, slots=True)
class OwnersEntry:
    """One line: what it matches, and who owns that; nobody if ``owners`` is empty."""

    pattern: str
    expression: re.Pattern[str]
    owners: tuple[str, ...]
    line: int


class Owners:
    """Who owns a path below the scanned root.

    ``source`` is the file that was used, ``notes`` are sentences on lines of it that GitHub would
    not understand either. ``prefix`` is where the root is in the repository (``web/``).
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
        self._of = lru_cache(maxsize=65536)(self._look_up)

    def __bool__(self) -> bool:
        """True if anybody owns anything."""
        return bool(self._entries)

    def of(self, path: str | None) -> tuple[str, ...]:
        """Return the owners of a path as CODEOWNERS writes them; empty if it has none."""
        return self._of(path) if path and self._entries else ()

    def of_group(self, group: Group) -> tuple[str, ...]:
        """The owners of the place that a group is shown at; else those of its first other one."""
        places = (group.representative.location, *(f.location for f in group.members))
        return next((owners for p in places if p.image is None and (owners := self.of(p.uri))), ())

    def _look_up(self, path: str) -> tuple[str, ...]:
        name = self._prefix + path
        return next((e.owners for e in self._entries if e.expression.match(name)), ())


def load_owners(
    root: Path,
    *,
    ref: str | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
) -> Owners:
    """Return the owners of what lies below ``root``.

    CODEOWNERS is looked for at the top of the repository, in GitHub's three places in their
    order: in the work tree, or as the commit ``ref`` has it. ``components`` are further owners
    by glob, below the root; they outrank the file. Raises :class:`UsageError` if this clone does
    not hold ``ref``.
    """
    top, prefix = _top(root)
    read = partial(_read, top) if ref is None else reader_at(top, ref)
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
        # A glob of secagg.yaml starts at the scanned root.
        expression = _compile(f"/{prefix}{glob.lstrip('/')}")
        if expression is None:
            notes.append(f"owners: {glob!r} is no pattern")
        else:
            entries.append(OwnersEntry(glob, expression, tuple(owners), 0))
    return Owners(entries, source=source, prefix=prefix, notes=notes)


def parse_owners(text: str, name: str, notes: list[str]) -> Iterator[OwnersEntry]:
    """Yield the entries of a CODEOWNERS file; what cannot be used is put into ``notes``."""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or _SECTION.match(stripped):
            continue
        pattern, *rest = _BLANK.split(stripped)
        owners: list[str] = []
        for word in rest:
            if word.startswith("#"):
                break
            owners.append(word)
        expression = _compile(pattern)
        if expression is None:
            notes.append(f"{name}:{number}: {pattern!r} is no pattern of CODEOWNERS; it is skipped")
            continue
        odd = [owner for owner in owners if "@" not in owner]
        if odd:
            notes.append(f"{name}:{number}: {odd[0]!r} is no owner; the line is skipped")
            continue
        yield OwnersEntry(pattern, expression, tuple(owners), number)


def _compile(pattern: str) -> re.Pattern[str] | None:
    """A pattern as gitignore has it, but for what CODEOWNERS lacks: ``!``, ``[ ]`` and ``\\#``."""
    if pattern.startswith(("!", "\\#")) or "[" in pattern or "]" in pattern:
        return None
    try:
        # docs/* is what is in the directory, and not what lies deeper.
        return PathGlob(pattern, shallow=pattern.endswith("/*")).regex
    except ValueError:
        return None


def _top(root: Path) -> tuple[Path, str]:
    """The top of the repository that ``root`` is in and the way from there; else ``root``."""
    shown = git(root, "rev-parse", "--show-toplevel", "--show-prefix")
    if shown.code != 0:
        return root, ""
    top, _, prefix = shown.out.decode("utf-8", "surrogateescape").partition("\n")
    return Path(top), prefix.removesuffix("\n")


def _read(top: Path, place: str) -> bytes | None:
    path = top / place
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        return None
