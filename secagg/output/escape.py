"""Text from scanners and reports is untrusted: here it is made harmless for where it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What one cell of a table, on a screen or in Markdown, holds at most. A longer text is cut: one
# path of a report must not pad every row of a table, nor hide the other rows.
LONGEST_CELL = 300
# A sentence that stands alone may be longer; what it quotes may be as long as a report.
LONGEST_SENTENCE = 1_000

# Control characters (Cc), format characters (Cf, bidirectional overrides among them), surrogates,
# private use, line and paragraph separators: none of them has business in a line on a terminal.
# The combining grapheme joiner and the fillers show nothing, and GitHub's runner, which compares
# texts by the rules of a language, overlooks them within a command.
_UNSAFE_SET = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\uf8ff\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
UNSAFE = re.compile(f"[{_UNSAFE_SET}]")
# The variants of a letter or of an emoji: they show nothing by themselves.
_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_SPACES = re.compile(r"\s+")
_INSTEAD = "\N{REPLACEMENT CHARACTER}"

# The old form of a workflow command, which GitHub's runner obeys anywhere in a line
# (actions/runner, ActionCommand.TryParse), and what Azure Pipelines and TeamCity made of it.
OLD_COMMAND = re.compile(r"##(?=\w*\[)")
# The new form, which it obeys where nothing but white space stands before it (TryParseV2).
COMMAND = re.compile(r"^([^\S\n]*)(?=::)", re.MULTILINE)

# What can mark something up within a line of GitHub's Markdown; an underscore only beside a word.
_MARKDOWN = re.compile(r"([\\*\[\]<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
# What begins a heading, a list or another block where a text stands at the beginning.
_BLOCK = re.compile(r"^(\d*)([#+=.)-])")
# What GitHub or GitLab makes a link or a notification of although nobody marked it up:
# addresses, mail addresses, mentions, and numbers of issues.
_LINKED = re.compile(r"://|www\.|mailto:|xmpp:|@|[#!]\d|\bGH-\d", re.IGNORECASE)


def terminal(text: str) -> str:
    """Write ``text`` on one line, with nothing that a terminal or a CI log's reader would obey."""
    if text.isascii() and text.isprintable():
        return text if "##" not in text else defuse(text)
    line = _SPACES.sub(" ", _VARIANTS.sub("", text))
    return defuse(UNSAFE.sub(_INSTEAD, line))


def cell(text: str, longest: int = LONGEST_CELL) -> str:
    """Write ``text`` like :func:`terminal`, cut to ``longest`` characters."""
    return terminal(cut(text, longest))


def cut(text: str, longest: int = LONGEST_CELL) -> str:
    """Cut ``text`` to ``longest`` characters; an ellipsis says that there was more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def joined(parts: Iterable[str], joint: str) -> str:
    """Write ``parts`` as one cell; where it gets too long, the longest of them are cut first."""
    texts = [cell(part) for part in parts if part]
    over = sum(map(len, texts)) + len(joint) * (len(texts) - 1) - LONGEST_CELL
    least = LONGEST_CELL // (len(texts) + 1) if texts else 0
    for index in sorted(range(len(texts)), key=lambda i: -len(texts[i])):
        if over <= 0:
            break
        shorter = cut(texts[index], max(least, len(texts[index]) - over))
        over -= len(texts[index]) - len(shorter)
        texts[index] = shorter
    return joint.join(texts)


def defuse(text: str) -> str:
    """Break the old form of a workflow command wherever it stands in ``text``."""
    return OLD_COMMAND.sub(f"##{_INSTEAD}", text) if "##" in text else text


def defuse_lines(text: str) -> str:
    """Break workflow commands of both forms in a text of several lines."""
    text = COMMAND.sub(rf"\1{_INSTEAD}", text) if "::" in text else text
    return defuse(text)


def markdown(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """Write ``text``, cut to ``longest`` characters, as one line of literal GitHub Markdown.

    It makes no markup, no image and no link. A word of which GitHub would make a link or a
    notification by itself (an address, a mention, the number of an issue) stands as code, where
    GitHub looks for neither and where it can still be read and copied.
    """
    line = cell(text, longest)
    if _LINKED.search(line) is None:
        return _literal(line)
    return " ".join(
        _code(word) if _LINKED.search(word) else _literal(word) for word in line.split(" ")
    )


def _literal(text: str) -> str:
    escaped = _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;"))
    escaped = _BLOCK.sub(r"\1\\\2", escaped)
    return escaped.replace("`", "&#x60;")


def _code(word: str) -> str:
    """``word`` as a code span. Nothing in it ends the span, or the cell of a table."""
    return f"`{word.replace('`', '%60').replace('|', '%7C')}`"


def workflow_data(text: str) -> str:
    """``text`` as the message of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """``text`` as a property (file, title) of a GitHub workflow command."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")
