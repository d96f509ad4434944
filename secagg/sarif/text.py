"""Messages of SARIF (3.11): looked up, filled in, and made plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)\}")
_LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\(\d+\)")


def message_text(message: Any, strings: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """The plain text of a ``message`` object.

    ``strings`` are the rule's ``messageStrings`` and ``shared`` the component's
    ``globalMessageStrings``, in which an ``id`` is looked up (3.11.7). Placeholders are
    filled in from ``arguments`` (3.11.5), links to related locations become their text.
    """
    if type(message) is not dict and not isinstance(message, Mapping):
        return message if isinstance(message, str) else ""
    text = message.get("text")
    if not isinstance(text, str) or not text:
        text = _looked_up(message.get("id"), strings, shared)
    if not text:
        markdown = message.get("markdown")
        text = markdown if isinstance(markdown, str) else ""
    arguments = message.get("arguments")
    if arguments and isinstance(arguments, list) and "{" in text:
        text = fill(text, arguments)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    return text


def fill(text: str, arguments: list[Any]) -> str:
    """``text`` with ``{0}`` replaced by the first argument, ``{{`` by ``{`` (3.11.5)."""

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        index = int(match[1])
        return str(arguments[index]) if index < len(arguments) else match[0]

    return _PLACEHOLDER.sub(value, text)


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
    """The first line of ``text``, cut at a word if it is longer than ``longest``."""
    line = text.strip().partition("\n")[0].strip()
    if len(line) <= longest:
        return line
    cut = line[:longest].rsplit(" ", 1)[0] or line[:longest]
    return f"{cut}…"


def _looked_up(key: Any, strings: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    if not isinstance(key, str):
        return ""
    for table in (strings, shared):
        text, markdown = multiformat(table.get(key))
        if text or markdown:
            return text or markdown or ""
    return ""
