"""Draw tables: to the width of a terminal or a CI log, or one plain line a row in a pipe."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from secagg.output import console
from secagg.output.escape import LONGEST_CELL, cell, cut, joined
from secagg.system.patterns import lazy

SEVERITY_COLOURS = {
    "critical": "1;35",
    "high": "1;31",
    "medium": "33",
    "low": "36",
    "none": "2",
}
_NARROWEST = 60
# In a pipe a column is padded to no more than this.
_WIDEST = 100
# The columns of a line in a CI log, whose viewer shows about as many without wrapping.
_LOG_COLUMNS = 160
# A narrower column would break words.
_NARROWEST_COLUMN = 16
_COLOUR_CODES = lazy(r"\x1b\[[0-9;]*m")


class CILog(StrEnum):
    """The CI service in whose log secagg prints: some can fold parts of a log."""

    GITHUB = "github"
    GITLAB = "gitlab"
    OTHER = "other"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CILog | None:
        """Return the service of the environment; None outside of CI."""
        if environ.get("GITHUB_ACTIONS") == "true":
            return cls.GITHUB
        if environ.get("GITLAB_CI") == "true":
            return cls.GITLAB
        return cls.OTHER if environ.get("CI", "false") not in ("", "0", "false") else None


class Style(Struct, frozen=True, kw_only=True):
    """How to draw: ``width`` in columns, or ``None`` (a pipe) for one unwrapped line a row.

    ``log`` is the CI service, None outside of its log. ``links``: the terminal shows links (OSC 8).
    """

    width: int | None = None
    colour: bool = False
    log: CILog | None = None
    links: bool = False

    @classmethod
    def of_output(cls, *, no_colour: bool = False) -> Style:
        """Return the style for standard output: wrapping and links only on a terminal.

        ``COLUMNS`` sets the width anywhere; for colours see :func:`secagg.output.console.colours`.
        """
        width = console.width()
        colour = console.colours() and not no_colour
        links = colour and width is not None
        log = None if width is not None or console.in_file() else CILog.of(os.environ)
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            width = int(columns)
        return cls(width=width, colour=colour, log=log, links=links)

    @property
    def line(self) -> int | None:
        """The columns to which long lines are cut or wrapped; None, as in a file, for no limit."""
        return _LOG_COLUMNS if self.width is None and self.log is not None else self.width

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def link(self, text: str, url: str | None) -> str:
        """Return ``text`` as a link of the terminal to ``url``, where the terminal shows links."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.links and url else text

    def wrapped(self, text: str, *, first: str = "", rest: str = "") -> str:
        """Wrap ``text`` behind ``first``, its further lines behind ``rest``; words stay whole."""
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
        """Return ``parts`` as one escaped cell: a line each, or one line in a pipe."""
        if self.line is None:
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
    """Draw a table of escaped cells, each cut to the limit of a cell.

    The columns in ``stretch`` share the width that the others leave, by ``shares``. Where that is
    too narrow for one of them, each row becomes a list of lines with the column's name in front.
    """
    cells = [[_limit_lines(text, style) for text in line] for line in cells]
    if style.line is None:
        return _one_line_rows([headers, *cells])
    # tabulate makes no column narrower than its header and two spaces.
    minimum = [len(header) + 2 for header in headers]
    natural = [
        max(minimum[i], *(_longest_line_length(line[i]) for line in cells))
        for i in range(len(headers))
    ]
    fixed = sum(natural[i] + 2 for i in range(len(headers)) if i not in stretch)
    free = max(style.line, _NARROWEST) - fixed - 2 * (len(stretch) - 1)
    needed = [min(natural[i], max(minimum[i], _NARROWEST_COLUMN)) for i in stretch]
    if free < sum(needed):
        return _records(headers, cells, style.line)
    stretched = _share_width(
        free, [natural[i] for i in stretch], [minimum[i] for i in stretch], shares
    )
    widths: list[int | None] = [None] * len(headers)
    for index, width in zip(stretch, stretched, strict=True):
        widths[index] = width
    folded = [
        [_fold(cell, width) for cell, width in zip(line, widths, strict=True)] for line in cells
    ]
    from tabulate import tabulate

    return tabulate(
        folded,
        headers=headers,
        tablefmt="simple",
        maxcolwidths=widths,
        disable_numparse=True,
    )


def _one_line_rows(rows: list[list[str]]) -> str:
    """Draw each of ``rows`` as one line, aligned in columns up to a limit.

    Ten times as fast as tabulate: the table of a large scan has tens of thousands of rows.
    """
    lines = [[cell.strip() for cell in line] for line in rows]
    widths = [
        min(max(len(column[0]) + 2, *map(_length, column)), _WIDEST)
        for column in zip(*lines, strict=True)
    ]
    widths[-1] = 0
    return "\n".join(
        "  ".join(
            [cell + " " * (width - _length(cell)) for cell, width in zip(line, widths, strict=True)]
        ).rstrip()
        for line in lines
    )


def _limit_lines(text: str, style: Style) -> str:
    """Cut the lines of a cell to the limit; without a width join them."""
    if style.line is None and "\n" in text:
        text = " ".join(text.split("\n"))
    if len(text) <= LONGEST_CELL:
        return text
    return "\n".join(
        line if _length(line) <= LONGEST_CELL else cut(_COLOUR_CODES.sub("", line))
        for line in text.split("\n")
    )


def _records(headers: list[str], cells: list[list[str]], width: int) -> str:
    """Draw each row as lines with a column's name and text, and an empty line between rows."""
    margin = max(map(len, headers)) + 2
    text_width = max(width - margin, _NARROWEST_COLUMN)
    blocks = []
    for line in cells:
        block = []
        for header, text in zip(headers, line, strict=True):
            texts = _wrapped(text, text_width) if text else []
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
            for piece in _fold(_COLOUR_CODES.sub("", line), width).split("\n"):
                lines += textwrap.wrap(piece, width) or [""]
    return lines


def _share_width(
    free: int, natural: list[int], minimum: list[int], shares: tuple[int, ...]
) -> list[int]:
    """Share ``free`` columns so that each width is between ``minimum`` and ``natural``.

    A column whose minimum exceeds its share, or which needs less than it, gets what it needs; the
    others share the rest.
    """
    widths = list(minimum)
    open_columns = list(range(len(natural)))
    while open_columns:
        total = sum(shares[i] for i in open_columns)
        fair_share = {i: free * shares[i] // total for i in open_columns}
        decided = [i for i in open_columns if minimum[i] >= fair_share[i]]
        decided = (
            decided or [i for i in open_columns if natural[i] <= fair_share[i]] or open_columns
        )
        for i in decided:
            widths[i] = max(minimum[i], min(natural[i], fair_share[i]))
            free -= widths[i]
        open_columns = [i for i in open_columns if i not in decided]
    return widths


def _fold(cell: str, width: int | None) -> str:
    """Break words that are longer than the column, as paths, after a slash."""
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


def _longest_line_length(cell: str) -> int:
    return max(map(_length, cell.splitlines()), default=0)


def _length(line: str) -> int:
    """Return the columns of ``line`` on a terminal, without colour codes."""
    return len(_COLOUR_CODES.sub("", line)) if "\x1b" in line else len(line)
