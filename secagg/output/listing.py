"""Show the list of findings on a terminal, in a pipe or in a CI log.

No text is padded to the longest one, and long texts come last. A terminal or a CI log cuts them to
its width, a file never does. Paths and ids are always whole, so that they can be clicked and
copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from secagg.output.escape import LONGEST_SENTENCE, cell, terminal
from secagg.output.grid import SEVERITY_COLOURS, Style
from secagg.output.links import page_of

_COLOURS = {**SEVERITY_COLOURS, "unknown": "1"}
_DIM, _BOLD, _PLACE, _NOTE, _FIX = "2", "1", "1;4", "33", "32"
_SEVERITY_WIDTH = max(map(len, _COLOURS))
# A shorter remainder of a text is left out.
_SHORTEST_TEXT = 24
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


class Listing(StrEnum):
    """The form of the list of findings."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"

    @classmethod
    def default(cls, style: Style) -> Listing:
        """Return ``full`` on a terminal; elsewhere ``concise``, a line each to search and count."""
        return cls.CONCISE if style.width is None else cls.FULL


class Entry(Struct, frozen=True, kw_only=True):
    """The texts of one row as the scanners wrote them (masked, not escaped).

    ``place`` is ``path:line``, an image or a name, and ``rest`` is the text behind it. ``mark`` and
    ``word`` show whether the row fails the gate.
    """

    id: str
    severity: str
    name: str
    package: str = ""
    place: str
    rest: str = ""
    detail: str = ""
    notes: Sequence[str] = ()
    fix: str = ""
    tools: Sequence[str] = ()
    owners: Sequence[str] = ()
    age: str = ""
    mark: str = ""
    word: str = ""


def format_listing(entries: Iterable[Entry], listing: Listing, style: Style) -> str:
    """Return ``entries`` in their order, in the form ``full`` or ``concise``."""
    if listing is Listing.CONCISE:
        return "\n".join(_concise_line(entry, style) for entry in entries)
    return "\n\n".join(
        _location_block(place, entries_there, style)
        for place, entries_there in _by_location(entries)
    )


def _by_location(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Group rows by location; the locations of a file follow each other, worst file first."""
    files: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        places = files.setdefault(entry.place.rpartition(":")[0] or entry.place, {})
        places.setdefault(entry.place, []).append(entry)
    return [item for places in files.values() for item in places.items()]


def _location_block(place: str, entries: Sequence[Entry], style: Style) -> str:
    lines = [style.paint(cell(place, LONGEST_SENTENCE), _PLACE)]
    for entry in entries:
        # A note of one word needs no line of its own.
        short = [note for note in entry.notes if " " not in note]
        notes = [note for note in entry.notes if " " in note]
        sources = ", ".join(filter(None, [*entry.tools, *entry.owners, entry.age, *short]))
        on_first_line = _has_room(entry, sources, style)
        lines.append(_first_line(entry, sources if on_first_line else "", style))
        lines += [
            f"      {style.paint(_cut(text, style, 6), code)}"
            for text, code in (
                ("" if on_first_line else sources, _DIM),
                (entry.detail, _DIM),
                ("; ".join(filter(None, (entry.rest, *notes))), _NOTE),
                (f"fix: {entry.fix}" if entry.fix else "", _FIX),
            )
            if text
        ]
    return "\n".join(lines)


def _has_room(entry: Entry, sources: str, style: Style) -> bool:
    """Return whether ``sources`` fit on the first line of a row; else they get their own line."""
    used = len(entry.mark) + _SEVERITY_WIDTH + len(entry.name) + len(entry.package) + 24
    return style.line is None or used + len(sources) <= style.line


def _first_line(entry: Entry, sources: str, style: Style) -> str:
    severity = f"{entry.severity:<{_SEVERITY_WIDTH}}"
    parts = [style.paint(severity, _COLOURS[entry.severity]), _linked_name(entry, style)]
    if entry.package:
        parts.append(cell(entry.package))
    parts.append(style.paint(entry.id, _DIM))
    if sources:
        parts.append(style.paint(cell(sources), _DIM))
    return f"  {entry.mark}{'  '.join(parts)}"


def _concise_line(entry: Entry, style: Style) -> str:
    severity = style.paint(entry.severity, _COLOURS[entry.severity])
    word = f" ({entry.word})" if entry.word else ""
    package = f" {cell(entry.package)}" if entry.package else ""
    place = cell(entry.place, LONGEST_SENTENCE)
    used = len(place) + len(entry.severity) + len(word) + len(terminal(entry.name)) + len(package)
    used += len(f":  :  [{entry.id}]")
    text = _concise_text(entry, None if style.line is None else style.line - used)
    description = f": {text}" if text else ""
    name, identity = _linked_name(entry, style), style.paint(f"[{entry.id}]", _DIM)
    return f"{place}: {severity}{word} {name}{package}{description} {identity}"


def _linked_name(entry: Entry, style: Style) -> str:
    painted = style.paint(terminal(entry.name), _BOLD)
    return style.link(painted, page_of(entry.name)) if style.links else painted


def _concise_text(entry: Entry, width: int | None) -> str:
    """Return title, notes and fix of a row; the title is cut first."""
    notes = "; ".join(filter(None, (entry.rest, *entry.notes)))
    suffixes = [text for text in (notes, f"fix: {entry.fix}" if entry.fix else "") if text]
    suffix = "; ".join(cell(text, LONGEST_SENTENCE) for text in suffixes)
    title = cell(entry.detail, LONGEST_SENTENCE)
    full = "; ".join(filter(None, (title, suffix)))
    if width is None or len(full) <= width:
        return full
    if len(suffix) + _SHORTEST_TEXT <= width and title:
        return f"{_truncate(title, width - len(suffix) - 2)}; {suffix}"
    return _truncate(full, width)


def _truncate(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)].rstrip(" ;,") + _ELLIPSIS


def _cut(text: str, style: Style, indent: int) -> str:
    text = cell(text, LONGEST_SENTENCE)
    return text if style.line is None else _truncate(text, style.line - indent)
