"""Texts as their readers see them: escapes undone, and literals in pieces put together.

A secret that is found in a view of a text is covered in the text itself: a view knows where each of
its characters comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

# What only an encoder that spares nothing writes: letters and digits as escapes. A text without
# any of these has no view of its own.
ESCAPES: tuple[bytes, ...] = (
    *(f"%{code:02x}".encode() for code in range(0x30, 0x7B) if chr(code).isalnum()),
    *(f"%{code:02X}".encode() for code in range(0x30, 0x7B) if chr(code).isalnum()),
    *(f"%25{digit}".encode() for digit in "234567"),
    *(f"\\u00{digit}".encode() for digit in "234567"),
    *(f"\\x{digit}".encode() for digit in "234567"),
    b"\\u0000",
    b"\0",
    b"\\u{",
    b"&#",
    b", 0x",
    b",0x",
)
# What stands between the pieces of a literal, as it is and in JSON.
JOINTS: tuple[bytes, ...] = tuple(
    f"{quote}{sign}{quote}".encode()
    for quote in ('"', '\\"', "'", "`")
    for sign in ("+", " + ", " ", " . ", " & ", " || ", " .. ", " ~ ", " <> ")
)
_ROUNDS = 3


@cache
def _escape() -> re.Pattern[str]:
    return re.compile(
        r"%([0-9A-Fa-f]{2})|\\{1,8}u00([0-9A-Fa-f]{2})|\\{1,8}u\{0{0,6}([0-9A-Fa-f]{1,2})\}"
        r"|\\{1,8}x([0-9A-Fa-f]{2})|&#[xX]0{0,6}([0-9A-Fa-f]{1,2});|&#0{0,6}([0-9]{1,3});"
        r"|(?<![A-Za-z0-9])0x([0-9A-Fa-f]{2})\b(?:,? ?(?=0x))?|\0"
    )


@cache
def _joint() -> re.Pattern[str]:
    return re.compile(r"""\\{0,3}(["'`])[ \t]{0,8}(?:[+.&~]|\|\||\.\.|<>)?[ \t]{0,8}\\{0,3}\1""")


def unescaped(text: str) -> str:
    """Undo the escapes of single characters in ``text``, also where they were escaped again."""
    for _ in range(_ROUNDS):
        before, text = text, _escape().sub(_character, text)
        if text == before:
            break
    return text


def joined(text: str) -> str:
    """Put the pieces of literals in ``text`` together."""
    return _joint().sub("", text)


def _character(match: re.Match[str]) -> str:
    number = match.lastindex
    if number is None:
        return ""
    digits = match[number]
    code = int(digits, 10 if number == 6 else 16)
    return chr(code) if 0x20 <= code < 0x100 else ""


class TextView:
    """A text and, for each of its characters, where in the source it begins and ends."""

    def __init__(self, text: str, spans: list[tuple[int, int]]) -> None:
        self.text = text
        self._spans = spans

    @classmethod
    def of(cls, text: str) -> TextView:
        """The view that is the source itself."""
        return cls(text, [(at, at + 1) for at in range(len(text))])

    def unescaped(self) -> TextView:
        """The view with the escapes of single characters undone."""
        view = self
        for _ in range(_ROUNDS):
            changed = view._replaced(_escape().finditer(view.text), _character)
            if changed.text == view.text:
                break
            view = changed
        return view

    def joined(self) -> TextView:
        """The view with the pieces of literals put together."""
        return self._replaced(_joint().finditer(self.text), lambda match: "")

    def spans(self, places: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Where in the source the characters at ``places`` come from."""
        return (self._spans[place] for place in places)

    def _replaced(
        self, matches: Iterable[re.Match[str]], by: Callable[[re.Match[str]], str]
    ) -> TextView:
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        done = 0
        for match in matches:
            start, end = match.span()
            pieces += (self.text[done:start], by(match))
            spans += self._spans[done:start]
            spans += [(self._spans[start][0], self._spans[end - 1][1])] * len(pieces[-1])
            done = end
        pieces.append(self.text[done:])
        spans += self._spans[done:]
        return TextView("".join(pieces), spans)
