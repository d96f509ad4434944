"""The forms in which a secret value is written in texts, code, JSON, URLs and HTML."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Iterator
from functools import cache

from secagg.secrets.encodings import SHORTEST_RUN, base64_within

# A shorter value counts only where it stands as a word of its own.
SHORTEST_WITHIN_A_WORD = 12
# So many characters in a row lead to a value of which a text holds a part.
PART = 8
# From each so many characters on of a value a part of it is looked for.
_STEP = 5
# Of a value shorter than this every half is a form of its own, if it has so many characters.
_SHORTEST_IN_PARTS = 16
_SHORTEST_PART = 6
# Of so many letters of a word one is a vowel at least.
_FEW_VOWELS = 3.5
# A longer value is quoted in lines, which are forms of their own.
_LONGEST_IN_PARTS = 512


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


def changed_forms(value: str) -> Iterator[str]:
    """Yield ``value`` in another case, backwards, in bytes, and a short one with its ends cut off.

    What is left must tell something: a word of prose would be masked in half of all texts.
    """
    if "\n" in value:
        return
    changed = [value.lower(), value.upper(), value.swapcase(), value.capitalize(), value[::-1]]
    # As programs write the names of headers and of classes.
    changed += [value[:1].upper() + value[1:], value[:1].lower() + value[1:]]
    changed.append("-".join(part.capitalize() for part in value.split("-")))
    if len(value) < _SHORTEST_IN_PARTS:
        for lacking in range(1, len(value) // 2 + 1):
            changed += (value[lacking:], value[:-lacking], value[lacking:-lacking])
    for form in dict.fromkeys(changed):
        if form != value and len(form) >= _SHORTEST_PART and is_telling(form):
            yield form
    raw = value.encode("utf-8", "surrogatepass")
    yield raw.hex(":")
    yield raw.hex(" ")


def is_telling(text: str) -> bool:
    """Tell whether ``text`` is long or mixed enough to be no word: ``ab12``, ``aBc``, ``a-b``.

    Seven letters with one vowel are no word either.
    """
    if len(text) >= SHORTEST_WITHIN_A_WORD:
        return True
    if len(text) >= _FEW_VOWELS * (1 + sum(c in "aeiouyAEIOUY" for c in text)):
        return True
    kinds = (
        any(c.islower() for c in text),
        any(c.isupper() for c in text[1:]),
        any(c.isdigit() for c in text),
        any(not c.isalnum() for c in text),
    )
    return sum(kinds) >= 2


def parts_of(value: str) -> list[int]:
    """Where in ``value`` the parts begin by which a longer part of it is found.

    There are none where a part would tell nothing: in an address, and in a sentence.
    """
    size = len(value)
    if not _SHORTEST_IN_PARTS <= size <= _LONGEST_IN_PARTS or not _in_parts().fullmatch(value):
        return []
    return [*range(_STEP, size - PART, _STEP), size - PART]


@cache
def _in_parts() -> re.Pattern[str]:
    return re.compile(r"(?!.*://)\S*")
