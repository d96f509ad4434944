"""Write a digest in the format of a service, within its length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from secagg.notify.digest import Digest, OwnerSection
from secagg.notify.texts import TextFormat, link, literal
from secagg.output.escape import cut
from secagg.output.links import page_of

_LONGEST_HEADING = 120
_LONGEST_TITLE = 200
# For the line that says how many rows are left out.
_RESERVED = 60
_LONGEST_LINE = 2_000


@dataclass(frozen=True, slots=True)
class NotifyMessage:
    """A title without markup, and a body in the service's format."""

    title: str
    body: str


def write_message(
    digest: Digest, text_format: TextFormat, *, most_characters: int, titled: bool = True
) -> NotifyMessage:
    """Return ``digest`` in ``text_format`` with a body of at most ``most_characters``.

    A service without titles (not ``titled``) gets the title in the body. The warnings come first
    and are never left out for rows. Each owner's worst rows follow in turn, so that no owner's rows
    push out another's; a line says how many are left out.
    """
    title = literal(digest.title, TextFormat.TEXT, limit=_LONGEST_TITLE)
    writer = _Writer(text_format)
    head = [] if titled else [writer.strong(digest.title)]
    head += [writer.warning(line) for line in digest.warnings]
    head += [writer.line(line) for line in digest.summary]
    foot = [writer.foot(f"see them all: {digest.command}")]
    room = most_characters - _RESERVED - sum(len(line) + 1 for line in foot)
    head, cut_off = _within(head, room)
    room -= sum(len(line) + 1 for line in head)
    owners, hidden = ([], list(digest.sections)) if cut_off else _owners(digest, writer, room)
    lines = [*head, *owners]
    if hidden:
        left_out = sum(section.total for section in hidden)
        lines.append(writer.line(f"and {left_out:,} more of {len(hidden)} more owners"))
    fixes = [writer.strong("fixes that close the most:"), *map(writer.line, digest.fixes)]
    with_fixes = writer.joined([*lines, "", *fixes, *foot])
    body = writer.joined([*lines, *foot])
    if digest.fixes and len(with_fixes) <= most_characters:
        body = with_fixes
    if cut_off or len(body) > most_characters:
        # A pager or a phone: what matters most, in as many characters as there are.
        first = digest.warnings[0] if digest.warnings else digest.title
        body = literal(f"INCOMPLETE: {first}" if digest.warnings else first, text_format)
        body = body[:most_characters]
    return NotifyMessage(title if titled else "", body)


def _within(lines: list[str], room: int) -> tuple[list[str], bool]:
    """Return the first ``lines`` that fit, and whether that is not all of them."""
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return kept, True
        kept.append(line)
    return kept, False


def _owners(digest: Digest, writer: _Writer, room: int) -> tuple[list[str], list[OwnerSection]]:
    """Return the lines of the owners that fit, and the owners that do not."""
    shown: list[OwnerSection] = []
    for section in digest.sections:
        cost = len(writer.heading(section)) + len(writer.more(section.total)) + 2
        if cost > room:
            break
        room -= cost
        shown.append(section)
    rows: dict[int, list[str]] = {index: [] for index in range(len(shown))}
    for turn in range(max((len(section.rows) for section in shown), default=0)):
        for index, section in enumerate(shown):
            if turn >= len(section.rows):
                continue
            line = writer.row(section.rows[turn].text, section.rows[turn].name)
            # A long row leaves its place to the shorter ones after it.
            if len(line) + 1 <= room:
                room -= len(line) + 1
                rows[index].append(line)
    lines: list[str] = []
    for index, section in enumerate(shown):
        lines.append(writer.heading(section))
        lines += writer.listed(rows[index])
        left_out = section.total - len(rows[index])
        # Without any row the heading has the count.
        if rows[index] and left_out:
            lines.append(writer.more(left_out))
    return lines, list(digest.sections[len(shown) :])


class _Writer:
    """Writes the parts of a message in one format. What it is given is untrusted."""

    def __init__(self, text_format: TextFormat) -> None:
        self._format = text_format
        self._is_html = text_format is TextFormat.HTML

    def line(self, text: str) -> str:
        indent = len(text) - len(text.lstrip())
        shown = self._literal(text.strip())
        if self._is_html:
            return f"{'&nbsp;' * indent}{shown}<br>"
        # Two spaces at its end break a line of Markdown.
        return f"{' ' * indent}{shown}" + ("  " if self._format is TextFormat.MARKDOWN else "")

    def warning(self, text: str) -> str:
        return self.strong(f"INCOMPLETE: {text}")

    def heading(self, section: OwnerSection) -> str:
        count = f"{section.total:,} problem" + ("" if section.total == 1 else "s")
        text = f"{cut(section.heading, _LONGEST_HEADING)}: {count}"
        if self._is_html:
            return f"<h4>{self._literal(text)}</h4>"
        return "\n" + self.strong(text)

    def row(self, text: str, name: str) -> str:
        shown, page = self._literal(text, _LONGEST_LINE), page_of(name)
        if page is not None:
            # An advisory's id is the same in every format.
            linked = link(name, page, self._format)
            shown = re.sub(rf"(?<= ){re.escape(name)}(?=[ :])", linked, shown, count=1)
        return f"<li>{shown}</li>" if self._is_html else f"- {shown}"

    def more(self, count: int) -> str:
        return self.line(f"and {count:,} more")

    def listed(self, rows: list[str]) -> Iterator[str]:
        if rows and self._is_html:
            yield f"<ul>{''.join(rows)}</ul>"
        else:
            yield from rows

    def joined(self, lines: list[str]) -> str:
        return "\n".join(lines).strip("\n")

    def foot(self, text: str) -> str:
        return self.line(text) if self._is_html else f"\n{self.line(text)}"

    def strong(self, text: str) -> str:
        shown = self._literal(text)
        if self._is_html:
            return f"<p><strong>{shown}</strong></p>"
        return f"**{shown}**  " if self._format is TextFormat.MARKDOWN else shown

    def _literal(self, text: str, limit: int = _LONGEST_LINE) -> str:
        return literal(text, self._format, limit=limit)
