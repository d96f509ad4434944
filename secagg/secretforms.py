"""The forms in which a secret value is written in texts, code, JSON, URLs and HTML."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Iterator
from functools import cache

from secagg.encodings import SHORTEST_RUN, base64_within

# A shorter value counts only where it stands as a word of its own.
SHORTEST_WITHIN_A_WORD = 12


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9_.-]+")


def forms_of(value: str) -> Iterator[str]:
    """Yield ``value`` as it may be written, itself among the forms."""
    if len(value) < SHORTEST_RUN:
        yield from _encodings(value)
    if _plain().fullmatch(value):
        yield value
        return
    for written in dict.fromkeys((value, value.replace("\r\n", "\n"), value.replace("\n", "\r\n"))):
        yield written
        escaped = json.dumps(written)[1:-1]
        plain = json.dumps(written, ensure_ascii=False)[1:-1]
        yield from (escaped, plain, json.dumps(plain, ensure_ascii=False)[1:-1])
        yield json.dumps(escaped)[1:-1]
    yield value.replace("'", "\\'")
    yield value.replace("/", "\\/")
    raw = value.encode("utf-8", "surrogatepass")
    for safe in ("", "/", "/:@=&?+,;$!*'()"):
        quoted = urllib.parse.quote(raw, safe=safe)
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield urllib.parse.quote_plus(raw)
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            line = line.strip()
            if len(line) >= SHORTEST_WITHIN_A_WORD and not line.startswith("-----"):
                yield line


def _encodings(value: str) -> Iterator[str]:
    """Base64 of a value so short that its encoding alone is no run to be decoded."""
    raw = value.encode("utf-8", "surrogatepass")
    for encoded in base64_within(raw):
        yield encoded.decode()
    yield raw.hex()
    yield raw.hex().upper()
