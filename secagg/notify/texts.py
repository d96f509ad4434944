"""Write untrusted text for chats, mails and webhooks, so that it notifies and links nobody.

A scanner's text may hold ``@channel``, ``<!here>``, a link or markup. Services differ in what they
turn into a mention or a link, and which service a webhook feeds is not known here. So every format
breaks all of their notations. Sources: Slack, "Formatting text for app surfaces"; Discord, "Message
formatting"; Mattermost, "Mention people"; Telegram, "Bot API", "Formatting options"; CommonMark
0.31.2.
"""

from __future__ import annotations

import html
import re
from enum import StrEnum

from secagg.output.escape import LONGEST_SENTENCE, cell

MENTION_BREAK = "\N{ZERO WIDTH SPACE}"
"""Stands between an @ and the name behind it, which services would notify."""

_MENTION = re.compile(r"@(?=\w)")
_SCHEME = re.compile(r"(?<=\w):(?=//)|(?<=mailto):|(?<=xmpp):|(?<=tel):", re.IGNORECASE)
_HOST = re.compile(r"(?<=www)\.", re.IGNORECASE)
# The last dot of a host that chats link without a scheme, by endings that file names do not have.
_BARE_HOST = re.compile(
    r"(?<=[a-z0-9])\.(?=(?:com|net|org|io|dev|app|info|biz|xyz|top|ru|cn|site|online|link)\b(?![.\w-]))"
)
_MARKDOWN = re.compile(r"([\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[#>+-])")
_ANGLES = str.maketrans({"<": "\u2039", ">": "\u203a"})


class TextFormat(StrEnum):
    """The format in which a service takes a message."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


def literal(text: str, text_format: TextFormat, *, limit: int = LONGEST_SENTENCE) -> str:
    """Return ``text``, cut to ``limit`` characters, as one literal line of ``text_format``.

    Addresses are written as ``https[:]//``, ``example[.]com``; angle brackets become similar ones
    outside of HTML.
    """
    line = _HOST.sub("[.]", _SCHEME.sub("[:]", cell(text, limit)))
    line = _MENTION.sub("@" + MENTION_BREAK, _BARE_HOST.sub("[.]", line))
    # Some services show Markdown in plain text, and in HTML that they convert.
    if text_format is not TextFormat.MARKDOWN:
        line = line.replace("](", "] (")
    if text_format is TextFormat.HTML:
        return html.escape(line)
    line = line.translate(_ANGLES)
    return _MARKDOWN.sub(r"\\\1", line) if text_format is TextFormat.MARKDOWN else line


def link(text: str, address: str, text_format: TextFormat) -> str:
    """Return ``text``, already literal, as a link to ``address``; in plain text without one.

    ``address`` must be one of secagg's own (:mod:`secagg.output.links`).
    """
    if text_format is TextFormat.HTML:
        return f'<a href="{html.escape(address)}">{text}</a>'
    return f"[{text}]({address})" if text_format is TextFormat.MARKDOWN else text
