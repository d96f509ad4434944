"""Plain text of SARIF messages (3.11): look up, fill in, cut to a limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from secagg.jsonio.members import text_at
from secagg.system.patterns import lazy

_PLACEHOLDER = lazy(r"\{\{|\}\}|\{(\d+)\}")
# An escaped letter, a bracket, and the end of a link to a related location.
_LINK_PARTS = lazy(r"\\.|\[|\](?:\(\d{1,9}\))?", re.DOTALL)

# Characters of a filled-in text, unless its parts are longer: a small report may refer to one text
# of a rule, or repeat one argument, ten thousand times.
LONGEST_FILLED = 1_000
_CUT = " \N{HORIZONTAL ELLIPSIS} (cut)"
# Characters behind the cut that are masked with the rest, for a secret that crosses the cut.
_BEYOND = 2_048

# Characters of the name of a tool, and of the id of a rule.
LONGEST_NAME = 200
LONGEST_ID = 1_000


def message_text(
    message: Any,
    strings: Mapping[str, Any],
    shared: Mapping[str, Any],
    mask: Callable[[str], str] | None = None,
) -> str:
    """Return the plain text of a ``message`` object.

    An ``id`` is looked up in ``strings``, the rule's ``messageStrings``, then in ``shared``, the
    component's ``globalMessageStrings`` (3.11.7). Placeholders are filled in from ``arguments``
    (3.11.5), and links to related locations become their text. A text that gets longer in this
    way is cut at :data:`LONGEST_FILLED` characters; ``mask`` masks the secrets in it first.
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
    """Replace ``{0}`` in ``text`` by the first argument and so on, ``{{`` by ``{`` (3.11.5).

    A text longer than :data:`LONGEST_FILLED` and than its parts together is masked and cut.
    """
    values = [str(argument) for argument in arguments]
    longest = max(LONGEST_FILLED, len(text) + sum(map(len, values)))
    limit = longest if mask is None else longest + _BEYOND
    pieces: list[str] = []
    length = end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match[1] is None:
            value = match[0][0]
        else:
            # No list has so many arguments, and huge numbers take long to convert.
            index = int(match[1]) if len(match[1]) < 10 else len(values)
            value = values[index] if index < len(values) else match[0]
        pieces += [text[end : match.start()], value]
        length += match.start() - end + len(value)
        end = match.end()
        if length > limit:
            return cut("".join(pieces), longest, mask)
    return cut("".join([*pieces, text[end:]]), longest, mask)


def cut(text: str, longest: int = LONGEST_FILLED, mask: Callable[[str], str] | None = None) -> str:
    """Mask ``text``, cut it to ``longest`` characters and mark the cut; itself if short enough."""
    if len(text) <= longest:
        return text
    if mask is not None:
        text = mask(text[: longest + _BEYOND])
    return text[: longest - len(_CUT)] + _CUT


def is_cut(text: str) -> bool:
    """Tell whether ``text`` ends with the mark of :func:`cut`."""
    return text.endswith(_CUT)


def shortened(text: str, longest: int, keyed: Callable[[str], str] | None) -> str:
    """Cut a name, which must be masked, to ``longest`` characters.

    A checksum by ``keyed``, a keyed hash as hexadecimal digits, tells apart names that begin
    alike. Without a key there is no checksum: from a plain one the cut part could be guessed.
    """
    if len(text) <= longest:
        return text
    checksum = "" if keyed is None else keyed(text)[:16]
    return f"{text[: longest - len(checksum) - 1]}\N{HORIZONTAL ELLIPSIS}{checksum}"


@lru_cache(maxsize=1024)
def plain_links(text: str) -> str:
    """Replace each link to a related location, ``[words](1)``, by its words (3.11.6)."""
    pieces: list[str] = []
    start: int | None = None
    end = 0
    for token in _LINK_PARTS.finditer(text):
        word = token[0]
        if word == "[":
            start = token.start()
        elif word[0] == "]":
            if len(word) > 1 and start is not None:
                pieces += [text[end:start], text[start + 1 : token.start()]]
                end = token.end()
            start = None
    return "".join([*pieces, text[end:]])


def multiformat(value: Any) -> tuple[str | None, str | None]:
    """Return ``text`` and ``markdown`` of a multiformatMessageString (3.12), None if missing."""
    if isinstance(value, str):
        return value or None, None
    return text_at(value, "text"), text_at(value, "markdown")


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
    """Return the text that the ``id`` of a ``message`` object refers to, else "" (3.11.7)."""
    key = message.get("id")
    if not isinstance(key, str):
        return ""
    for table in (strings, shared):
        text, markdown = multiformat(table.get(key))
        if text or markdown:
            return text or markdown or ""
    return ""
