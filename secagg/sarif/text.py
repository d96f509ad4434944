"""Messages of SARIF (3.11): looked up, filled in, and made plain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)\}")
# An escaped letter, a bracket, and the end of a link to a related location.
_LINK_PARTS = re.compile(r"\\.|\[|\](?:\(\d{1,9}\))?", re.DOTALL)


# What is looked up and filled in may be as long as what is written for it, or as this. One text of
# a rule, or one argument, may be named ten thousand times in a small report.
LONGEST_FILLED = 1_000
_CUT = " \N{HORIZONTAL ELLIPSIS} (cut)"
# So much of what is cut off is masked with the rest, so that a secret across the cut is seen whole.
_BEYOND = 2_048


# Characters of the name of a tool and of a rule.
LONGEST_NAME = 200
LONGEST_ID = 1_000


def message_text(
    message: Any,
    strings: Mapping[str, Any],
    shared: Mapping[str, Any],
    mask: Callable[[str], str] | None = None,
) -> str:
    """Return the plain text of a ``message`` object.

    ``strings`` are the rule's ``messageStrings`` and ``shared`` the component's
    ``globalMessageStrings``, in which an ``id`` is looked up (3.11.7). Placeholders are
    filled in from ``arguments`` (3.11.5), links to related locations become their text. What is
    made longer in this way than it is written is cut at :data:`LONGEST_FILLED` characters;
    ``mask`` masks the secrets in it first.
    """
    if type(message) is not dict and not isinstance(message, Mapping):
        return message if isinstance(message, str) else ""
    text = message.get("text")
    if not isinstance(text, str) or not text:
        text = cut(looked_up(message, strings, shared), mask=mask)
    if not text:
        markdown = message.get("markdown")
        text = markdown if isinstance(markdown, str) else ""
    arguments = message.get("arguments")
    if arguments and isinstance(arguments, list) and "{" in text:
        text = fill(text, arguments, mask)
    if "](" in text:
        text = plain_links(text)
    return text


def fill(text: str, arguments: list[Any], mask: Callable[[str], str] | None = None) -> str:
    """``text`` with ``{0}`` replaced by the first argument, ``{{`` by ``{`` (3.11.5).

    It is masked and cut where it gets longer than :data:`LONGEST_FILLED` and than its parts.
    """
    values = [str(argument) for argument in arguments]
    longest = max(LONGEST_FILLED, len(text) + sum(map(len, values)))
    enough = longest if mask is None else longest + _BEYOND
    made: list[str] = []
    length = end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match[1] is None:
            value = match[0][0]
        else:
            # No list has so many arguments; longer numbers take long to read.
            index = int(match[1]) if len(match[1]) < 10 else len(values)
            value = values[index] if index < len(values) else match[0]
        made += [text[end : match.start()], value]
        length += match.start() - end + len(value)
        end = match.end()
        if length > enough:
            return cut("".join(made), longest, mask)
    return cut("".join([*made, text[end:]]), longest, mask)


def cut(text: str, longest: int = LONGEST_FILLED, mask: Callable[[str], str] | None = None) -> str:
    """Mask ``text`` and cut it to ``longest`` characters, and say so; itself if it is no longer."""
    if len(text) <= longest:
        return text
    if mask is not None:
        text = mask(text[: longest + _BEYOND])
    return text[: longest - len(_CUT)] + _CUT


def is_cut(text: str) -> bool:
    """Tell whether ``text`` ends as one that :func:`cut` has cut."""
    return text.endswith(_CUT)


def shortened(text: str, longest: int, keyed: Callable[[str], str] | None) -> str:
    """Cut a name, masked before, to ``longest`` characters.

    A checksum by ``keyed``, a keyed hash in hexadecimal digits, keeps two apart that begin alike.
    Without a key there is none: by a plain checksum one could guess what is cut off.
    """
    if len(text) <= longest:
        return text
    checksum = "" if keyed is None else keyed(text)[:16]
    return f"{text[: longest - len(checksum) - 1]}\N{HORIZONTAL ELLIPSIS}{checksum}"


def plain_links(text: str) -> str:
    """``text`` with each ``[words](1)``, a link to a related location, made its words (3.11.6)."""
    made: list[str] = []
    start: int | None = None
    end = 0
    for token in _LINK_PARTS.finditer(text):
        word = token[0]
        if word == "[":
            start = token.start()
        elif word[0] == "]":
            if len(word) > 1 and start is not None:
                made += [text[end:start], text[start + 1 : token.start()]]
                end = token.end()
            start = None
    return "".join([*made, text[end:]])


def multiformat(value: Any) -> tuple[str | None, str | None]:
    """``text`` and ``markdown`` of a multiformatMessageString, ``None`` where not given."""
    if isinstance(value, str):
        return value or None, None
    if not isinstance(value, Mapping):
        return None, None
    text, markdown = value.get("text"), value.get("markdown")
    return (
        text if isinstance(text, str) and text else None,
        markdown if isinstance(markdown, str) and markdown else None,
    )


def first_sentence(text: str, *, longest: int = 120) -> str:
    """Return the first line of ``text``, cut at a word if it is longer than ``longest``."""
    line = text.strip().partition("\n")[0].strip()
    if len(line) <= longest:
        return line
    words = line[:longest].rsplit(" ", 1)[0] or line[:longest]
    return f"{words}…"


def looked_up(
    message: Mapping[str, Any], strings: Mapping[str, Any], shared: Mapping[str, Any]
) -> str:
    """The text that the ``id`` of a ``message`` object stands for, empty if none (3.11.7)."""
    key = message.get("id")
    if not isinstance(key, str):
        return ""
    for table in (strings, shared):
        text, markdown = multiformat(table.get(key))
        if text or markdown:
            return text or markdown or ""
    return ""
