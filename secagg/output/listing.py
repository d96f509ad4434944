"""The list of findings on a terminal, a block each, and the links in it.

Nothing is padded to the longest text, and long texts come last: they are cut to the width of a
terminal or a CI log, and never in a file. A path and an id are whole everywhere, so that they can
be clicked and copied.

A scanner's report names addresses as well. These are untrusted, and are shown as text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from secagg.output.escape import LONGEST_SENTENCE, cell, terminal
from secagg.output.grid import SEVERITY_COLOURS, Style

ADVISORY_PAGES = (
    (re.compile(r"CVE-\d{4}-\d{4,}"), "https://nvd.nist.gov/vuln/detail/{}"),
    (
        re.compile(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}"),
        "https://github.com/advisories/{}",
    ),
    (re.compile(r"RUSTSEC-\d{4}-\d{4}"), "https://rustsec.org/advisories/{}.html"),
    (re.compile(r"GO-\d{4}-\d{4,}"), "https://pkg.go.dev/vuln/{}"),
    (re.compile(r"SNYK-[A-Z0-9]+-[A-Z0-9]+-\d+"), "https://security.snyk.io/vuln/{}"),
    (re.compile(r"(?:PYSEC|OSV|MAL)-\d{4}-\d+"), "https://osv.dev/vulnerability/{}"),
)


WEAKNESS_PAGE = (
    re.compile(r"CWE-0*(\d{1,5})"),
    "https://cwe.mitre.org/data/definitions/{}.html",
)


def page_of(identifier: str) -> str | None:
    """The page of an advisory or weakness by its id; None where no database is known for it."""
    for pattern, page in ADVISORY_PAGES:
        if pattern.fullmatch(identifier):
            return page.format(identifier)
    pattern, page = WEAKNESS_PAGE
    weakness = pattern.fullmatch(identifier)
    return None if weakness is None else page.format(weakness[1])


def first_page(identifiers: Iterable[str]) -> str | None:
    """Return the page of the first of ``identifiers`` that has one."""
    return next((page for page in map(page_of, identifiers) if page is not None), None)


_COLOURS = {**SEVERITY_COLOURS, "unknown": "1"}


_DIM, _BOLD, _PLACE, _NOTE, _FIX = "2", "1", "1;4", "33", "32"


_SEVERITY_WIDTH = max(map(len, _COLOURS))


# A text of which less would be left is not worth its line.
_LEAST = 24


_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


class Listing(StrEnum):
    """How rows are shown to a person."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"

    @classmethod
    def usual(cls, style: Style) -> Listing:
        """``full`` on a terminal; elsewhere ``concise``, which can be searched and counted."""
        return cls.CONCISE if style.width is None else cls.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row in words, which are as the scanners gave them (masked).

    ``place`` is ``path:line`` or what stands for a file; ``rest`` is what is said behind it.
    ``mark`` and ``word`` tell the rows that fail from those that do not.
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


def listed(entries: Iterable[Entry], listing: Listing, style: Style) -> str:
    """``entries`` in their order, as ``full`` or ``concise``."""
    if listing is Listing.CONCISE:
        return "\n".join(_line(entry, style) for entry in entries)
    return "\n\n".join(_block(place, found, style) for place, found in _by_place(entries))


def _by_place(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Rows by place; the places of one file follow each other, files in the order of the worst."""
    files: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        places = files.setdefault(entry.place.rpartition(":")[0] or entry.place, {})
        places.setdefault(entry.place, []).append(entry)
    return [item for places in files.values() for item in places.items()]


def _block(place: str, entries: Sequence[Entry], style: Style) -> str:
    lines = [style.paint(cell(place, LONGEST_SENTENCE), _PLACE)]
    for entry in entries:
        sources = ", ".join(filter(None, [*entry.tools, *entry.owners, entry.age]))
        beside = _has_room(entry, sources, style)
        lines.append(_head(entry, sources if beside else "", style))
        lines += [
            f"      {style.paint(_cut(text, style, 6), code)}"
            for text, code in (
                ("" if beside else sources, _DIM),
                (entry.detail, _DIM),
                ("; ".join(filter(None, (entry.rest, *entry.notes))), _NOTE),
                (f"fix: {entry.fix}" if entry.fix else "", _FIX),
            )
            if text
        ]
    return "\n".join(lines)


def _has_room(entry: Entry, sources: str, style: Style) -> bool:
    """Tell whether ``sources`` stand on a row's first line; else they get a line of their own."""
    taken = len(entry.mark) + _SEVERITY_WIDTH + len(entry.name) + len(entry.package) + 24
    return style.line is None or taken + len(sources) <= style.line


def _head(entry: Entry, sources: str, style: Style) -> str:
    severity = f"{entry.severity:<{_SEVERITY_WIDTH}}"
    parts = [style.paint(severity, _COLOURS[entry.severity]), _name(entry, style)]
    if entry.package:
        parts.append(cell(entry.package))
    parts.append(style.paint(entry.id, _DIM))
    if sources:
        parts.append(style.paint(cell(sources), _DIM))
    return f"  {entry.mark}{'  '.join(parts)}"


def _line(entry: Entry, style: Style) -> str:
    severity = style.paint(entry.severity, _COLOURS[entry.severity])
    word = f" ({entry.word})" if entry.word else ""
    package = f" {cell(entry.package)}" if entry.package else ""
    place = cell(entry.place, LONGEST_SENTENCE)
    used = len(place) + len(entry.severity) + len(word) + len(terminal(entry.name)) + len(package)
    used += len(f":  :  [{entry.id}]")
    text = _text(entry, None if style.line is None else style.line - used)
    said = f": {text}" if text else ""
    name, identity = _name(entry, style), style.paint(f"[{entry.id}]", _DIM)
    return f"{place}: {severity}{word} {name}{package}{said} {identity}"


def _name(entry: Entry, style: Style) -> str:
    painted = style.paint(terminal(entry.name), _BOLD)
    return style.link(painted, page_of(entry.name)) if style.links else painted


def _text(entry: Entry, room: int | None) -> str:
    """What a line says of a row: the title first, and of it less where the rest needs the room."""
    notes = "; ".join(filter(None, (entry.rest, *entry.notes)))
    behind = [text for text in (notes, f"fix: {entry.fix}" if entry.fix else "") if text]
    end = "; ".join(cell(text, LONGEST_SENTENCE) for text in behind)
    title = cell(entry.detail, LONGEST_SENTENCE)
    whole = "; ".join(filter(None, (title, end)))
    if room is None or len(whole) <= room:
        return whole
    if len(end) + _LEAST <= room and title:
        return f"{_shortened(title, room - len(end) - 2)}; {end}"
    return _shortened(whole, room)


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)].rstrip(" ;,") + _ELLIPSIS


def _cut(text: str, style: Style, indent: int) -> str:
    text = cell(text, LONGEST_SENTENCE)
    return text if style.line is None else _shortened(text, style.line - indent)
