"""Drawing a table: it fits the terminal's width, or is one plain line a row in a pipe."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tabulate import tabulate

from secagg.output import console
from secagg.output.escape import LONGEST_CELL, cell, cut, joined

# By the words of secagg.model.finding.Severity.
SEVERITY_COLOURS = {
    "critical": "1;35",
    "high": "1;31",
    "medium": "33",
    "low": "36",
    "none": "2",
}
_NARROWEST = 60
# In a pipe one long cell pads no other row beyond this.
_WIDEST = 100
# What the longest line of a CI log may take: a log's viewer shows about as much without wrapping.
_LOG_LINE = 160
# A column that is narrower breaks words.
_WORD = 16
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


class Log(StrEnum):
    """A CI service whose log folds parts of it, or any other."""

    GITHUB = "github"
    GITLAB = "gitlab"
    OTHER = "other"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Log | None:
        """Return the service that this runs in; None on a person's machine."""
        if environ.get("GITHUB_ACTIONS") == "true":
            return cls.GITHUB
        if environ.get("GITLAB_CI") == "true":
            return cls.GITLAB
        return cls.OTHER if environ.get("CI", "false") not in ("", "0", "false") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to draw: ``width`` in columns, or ``None`` (a pipe) for one unwrapped line a row.

    ``log`` is the CI service in whose log this is read. ``links`` says that the terminal shows
    links (OSC 8).
    """

    width: int | None = None
    colour: bool = False
    log: Log | None = None
    links: bool = False

    @classmethod
    def of_output(cls, *, no_colour: bool = False) -> Style:
        """Return what standard output takes: wrapping and links only on a terminal.

        ``COLUMNS`` sets the width anywhere; of colours see :func:`secagg.output.console.colours`.
        """
        width = console.width()
        colour = console.colours() and not no_colour
        links = colour and width is not None
        log = None if width is not None or console.in_file() else Log.of(os.environ)
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            width = int(columns)
        return cls(width=width, colour=colour, log=log, links=links)

    @property
    def line(self) -> int | None:
        """The columns to which a long line is cut or wrapped; None where none is, as in files."""
        return _LOG_LINE if self.width is None and self.log is not None else self.width

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def link(self, text: str, url: str | None) -> str:
        """``text`` as a link of the terminal to ``url``, where there are both."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.links and url else text

    def wrapped(self, text: str, *, first: str = "", rest: str = "") -> str:
        """``text`` behind ``first``, its further lines behind ``rest``; words are never broken."""
        if self.line is None or len(first) + len(text) <= self.line:
            return first + text
        return textwrap.fill(
            text,
            self.line,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def block(self, parts: Iterable[str]) -> str:
        """Make one harmless cell of ``parts``: a line each, or all on one line in a pipe."""
        if self.width is None:
            return joined(parts, " \u2014 ")
        return "\n".join(cell(part) for part in parts if part)


def draw(
    headers: list[str],
    cells: list[list[str]],
    style: Style,
    *,
    stretch: tuple[int, ...],
    shares: tuple[int, ...],
) -> str:
    """Draw a table of cells that are harmless already, each cut to what a cell may hold.

    The columns in ``stretch`` share what the others leave of the width. Where that is less than
    a word for one of them, every row is a list of lines instead, with the column's name in front.
    """
    cells = [[_bounded(text, style) for text in line] for line in cells]
    if style.width is None:
        return _one_line_rows([headers, *cells])
    # tabulate makes no column narrower than its header and two spaces.
    least = [len(header) + 2 for header in headers]
    natural = [
        max(least[i], *(_longest_line(line[i]) for line in cells)) for i in range(len(headers))
    ]
    fixed = sum(natural[i] + 2 for i in range(len(headers)) if i not in stretch)
    free = max(style.width, _NARROWEST) - fixed - 2 * (len(stretch) - 1)
    needed = [min(natural[i], max(least[i], _WORD)) for i in stretch]
    if free < sum(needed):
        return _records(headers, cells, style.width)
    shared = _shared(free, [natural[i] for i in stretch], [least[i] for i in stretch], shares)
    widths: list[int | None] = [None] * len(headers)
    for index, width in zip(stretch, shared, strict=True):
        widths[index] = width
    folded = [
        [_fold(cell, width) for cell, width in zip(line, widths, strict=True)] for line in cells
    ]
    return tabulate(
        folded,
        headers=headers,
        tablefmt="simple",
        maxcolwidths=widths,
        disable_numparse=True,
    )


def _one_line_rows(rows: list[list[str]]) -> str:
    """Draw each of ``rows`` as one line, its cells under each other unless one is very long.

    A tenth of tabulate's time: the table of a large scan has tens of thousands of rows.
    """
    lines = [[cell.strip() for cell in line] for line in rows]
    widths = [
        min(max(len(column[0]) + 2, *map(_length, column)), _WIDEST)
        for column in zip(*lines, strict=True)
    ]
    widths[-1] = 0
    return "\n".join(
        "  ".join(
            [cell + " " * (w - _length(cell)) for cell, w in zip(line, widths, strict=True)]
        ).rstrip()
        for line in lines
    )


def _bounded(text: str, style: Style) -> str:
    """``text`` of a cell with no line too long; without a width it is one line."""
    if style.width is None and "\n" in text:
        text = " ".join(text.split("\n"))
    if len(text) <= LONGEST_CELL:
        return text
    lines = [line if _length(line) <= LONGEST_CELL else _cut(line) for line in text.split("\n")]
    return "\n".join(lines)


def _cut(line: str) -> str:
    return cut(_COLOUR_CODES.sub("", line))


def _records(headers: list[str], cells: list[list[str]], width: int) -> str:
    """Each row as lines of a column's name and its text, with an empty line between rows."""
    margin = max(map(len, headers)) + 2
    room = max(width - margin, _WORD)
    blocks = []
    for line in cells:
        block = []
        for header, text in zip(headers, line, strict=True):
            texts = _wrapped(text, room) if text else []
            names = [header, *[""] * (len(texts) - 1)]
            block += [f"{name:<{margin}}{part}" for name, part in zip(names, texts, strict=False)]
        blocks.append("\n".join(block))
    return "\n\n".join(blocks)


def _wrapped(cell: str, width: int) -> list[str]:
    lines = []
    for line in cell.split("\n"):
        if _length(line) <= width:
            lines.append(line)
        else:
            for part in _fold(_COLOUR_CODES.sub("", line), width).split("\n"):
                lines += textwrap.wrap(part, width) or [""]
    return lines


def _shared(free: int, natural: list[int], least: list[int], shares: tuple[int, ...]) -> list[int]:
    """``free`` shared out between ``least`` and ``natural`` widths.

    A column that needs less than its share, or more than that at the least, gets what it needs,
    and the others share the rest.
    """
    widths = list(least)
    wanting = list(range(len(natural)))
    while wanting:
        whole = sum(shares[i] for i in wanting)
        fair = {i: free * shares[i] // whole for i in wanting}
        settled = [i for i in wanting if least[i] >= fair[i]]
        settled = settled or [i for i in wanting if natural[i] <= fair[i]] or wanting
        for i in settled:
            widths[i] = max(least[i], min(natural[i], fair[i]))
            free -= widths[i]
        wanting = [i for i in wanting if i not in settled]
    return widths


def _fold(cell: str, width: int | None) -> str:
    """Break words that are longer than the column (paths) behind a slash, where there is one."""
    if width is None or len(cell) <= width:
        return cell
    lines = []
    for line in cell.splitlines():
        words = [_fold_word(word, width) if len(word) > width else word for word in line.split(" ")]
        lines.append(" ".join(words))
    return "\n".join(lines)


def _fold_word(word: str, width: int) -> str:
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+", word):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _longest_line(cell: str) -> int:
    return max(map(_length, cell.splitlines()), default=0)


def _length(line: str) -> int:
    """The columns that ``line`` takes on a terminal, which does not show colour codes."""
    return len(_COLOUR_CODES.sub("", line)) if "\x1b" in line else len(line)
