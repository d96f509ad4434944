"""Escape untrusted text from scanners and reports for terminals, Markdown and CI logs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from secagg.system.patterns import lazy

# The most characters of a table cell: one long path must not pad every row of a table, nor hide the
# other rows.
LONGEST_CELL = 300
# A sentence may be longer, but it may quote a text as long as a report.
LONGEST_SENTENCE = 1_000

# Characters that a line on a terminal must not have: control (Cc) and format characters (Cf, with
# bidirectional overrides), surrogates, private use, line and paragraph separators. The combining
# grapheme joiner and the fillers are invisible, and GitHub's runner, which compares texts by the
# rules of a language, ignores them within a command.
_UNSAFE_SET = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\uf8ff\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
UNSAFE = lazy(f"[{_UNSAFE_SET}]")
# Variation selectors of letters and emoji, which are invisible.
_VARIANTS = lazy("[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_SPACES = lazy(r"\s+")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# The old form of a workflow command, which GitHub's runner executes anywhere in a line
# (actions/runner, ActionCommand.TryParse), and its variants in Azure Pipelines and TeamCity.
OLD_COMMAND = lazy(r"##(?=\w*\[)")
# The new form, which it executes after white space only (TryParseV2).
COMMAND = lazy(r"^([^\S\n]*)(?=::)", re.MULTILINE)

# Markup characters within a line of GitHub's Markdown; an underscore only beside a word.
_MARKDOWN = lazy(r"([\\*\[\]<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
# The beginnings of headings, lists and other blocks.
_BLOCK = lazy(r"^( *\d*)([#+=.)-])")
# Texts that GitHub or GitLab turns into a link or a notification without any markup: addresses,
# mail addresses, mentions, and numbers of issues.
_LINKED = lazy(r"://|www\.|mailto:|xmpp:|@|[#!]\d|\bGH-\d", re.IGNORECASE)


def terminal(text: str) -> str:
    """Return ``text`` as one line without control sequences for terminals and CI logs."""
    if text.isascii() and text.isprintable():
        return text if "##" not in text else defuse(text)
    line = _SPACES.sub(" ", _VARIANTS.sub("", text))
    return defuse(UNSAFE.sub(REPLACEMENT, line))


def cell(text: str, limit: int = LONGEST_CELL) -> str:
    """Return ``text`` like :func:`terminal`, cut to ``limit`` characters."""
    return terminal(cut(text, limit))


def cut(text: str, limit: int = LONGEST_CELL) -> str:
    """Return ``text`` cut to ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}\N{HORIZONTAL ELLIPSIS}"


def joined(parts: Iterable[str], separator: str) -> str:
    """Return ``parts`` as one cell; where it is too long, the longest are cut first."""
    texts = [cell(part) for part in parts if part]
    excess = sum(map(len, texts)) + len(separator) * (len(texts) - 1) - LONGEST_CELL
    shortest = LONGEST_CELL // (len(texts) + 1) if texts else 0
    for index in sorted(range(len(texts)), key=lambda i: -len(texts[i])):
        if excess <= 0:
            break
        cut_text = cut(texts[index], max(shortest, len(texts[index]) - excess))
        excess -= len(texts[index]) - len(cut_text)
        texts[index] = cut_text
    return separator.join(texts)


def defuse(text: str) -> str:
    """Break workflow commands of the old form in ``text``."""
    return OLD_COMMAND.sub(f"##{REPLACEMENT}", text) if "##" in text else text


def defuse_lines(text: str) -> str:
    """Break workflow commands of both forms in a text of several lines."""
    text = COMMAND.sub(rf"\1{REPLACEMENT}", text) if "::" in text else text
    return defuse(text)


def markdown(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """Return ``text``, cut to ``limit`` characters, as one line of literal GitHub Markdown.

    Escapes all markup. A word that GitHub would turn into a link or a notification by itself (an
    address, a mention, the number of an issue) becomes code, which prevents that.
    """
    line = cell(text, limit)
    if _LINKED.search(line) is None:
        return _literal(line)
    return " ".join(
        _code(word) if _LINKED.search(word) else _literal(word) for word in line.split(" ")
    )


def workflow_data(text: str) -> str:
    """Return ``text`` as the message of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """Return ``text`` as a property (file, title) of a GitHub workflow command."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def _literal(text: str) -> str:
    escaped = _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;"))
    escaped = _BLOCK.sub(r"\1\\\2", escaped)
    return escaped.replace("`", "&#x60;")


def _code(word: str) -> str:
    """Return ``word`` as a code span, which it cannot end, nor the cell of a table."""
    return f"`{word.replace('`', '%60').replace('|', '%7C')}`"
