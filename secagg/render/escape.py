"""Text from scanners and reports is untrusted: here it is made harmless for where it is shown."""

from __future__ import annotations

import re
import unicodedata

# Cc controls, Cf format characters (bidirectional overrides among them), Cs lone surrogates,
# Co private use, Zl and Zp separators: none of them has business in a line on a terminal.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_SPACES = re.compile(r"\s+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~$-])")


def terminal(text: str) -> str:
    """``text`` on one line, with nothing a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    line = _SPACES.sub(" ", text)
    return "".join(
        c if unicodedata.category(c) not in _UNSAFE else "\N{REPLACEMENT CHARACTER}" for c in line
    )


def terminal_block(text: str) -> str:
    """Several lines, each made harmless as by :func:`terminal`, with its indentation kept."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip(" "))]
        lines.append(indent + terminal(line.strip()))
    return "\n".join(lines)


def markdown(text: str) -> str:
    """``text`` on one line as literal GitHub-flavoured Markdown: no links, mentions or markup."""
    escaped = _MARKDOWN.sub(r"\\\1", terminal(text).replace("&", "&amp;"))
    return escaped.replace("@", "@\N{ZERO WIDTH JOINER}")


def workflow_data(text: str) -> str:
    """``text`` as the message of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """``text`` as a property (file, title) of a GitHub workflow command."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")
