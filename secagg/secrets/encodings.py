"""The forms and encodings in which a text may hold a secret value: escapes, base64, parts of it."""

from __future__ import annotations

import binascii
import json
import re
import urllib.parse
from collections.abc import Iterator
from functools import cache

# Characters of base64 or hexadecimal from which a run of it is decoded that is broken over lines or
# that looks like a word.
SHORTEST_RUN = 16
# Characters from which a value is looked for inside of longer words too.
SHORTEST_WITHIN_A_WORD = 12
# Characters of the parts by which a partial value is found.
PART = 8
# Distance between the beginnings of such parts.
_STEP = 5
# Characters from which a value is looked for in such parts. Of a shorter value, beginnings and ends
# of at least half its length are forms of their own, if they have _SHORTEST_PART characters.
_SHORTEST_IN_PARTS = 16
_SHORTEST_PART = 6
# A longer value is quoted in lines, which are forms of their own.
_LONGEST_IN_PARTS = 512
# What tools write in place of what they hide of a value.
_MASKS = ("***", "...", "…", "•••", "###", "xxx", "XXX")
# Other characters than letters, digits and "_.-~" that an encoder of URLs may leave.
_SAFE = ("", "/", "/:@=&?+,;$!*'()")
# Words of prose have at least one vowel in so many letters.
_LETTERS_PER_VOWEL = 3.5
# If a text determines fewer characters of its base64, it is encoded together with each character
# that may follow: three characters of base64 are in half of all texts.
_SHORTEST_ANCHOR = 4

# Bytes before a text in its group of three, which base64 encodes together.
_SHIFTS = range(3)
_PRINTABLE = bytes(range(0x20, 0x7F))
# Of a byte that follows, base64 determines the first six bits after a multiple of three bytes, the
# first four after one more, and all after two more: so many bytes in a row look alike.
_STEP_BY_BYTES = (4, 16, 1)
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="
_WHITE_SPACE = b" \t\n\r\x0b\x0c"
_ESCAPES = (b"\\n", b"\\r", b"\\t", b"\\f", b"\\u000b")
# Each byte as 1 for a character of base64, 2 for white space or a backslash, else 0.
_CLASSES = bytes(
    1 if byte in _ALPHABET else 2 if byte in _WHITE_SPACE + b"\\" else 0 for byte in range(256)
)
_RUN_BEFORE_BREAK = b"\1" * SHORTEST_RUN + b"\2"
# The padding of base64, by the number of characters beyond a multiple of four.
_PADDING = ("", "", "==", "=")


def encoded_anchors(text: bytes) -> Iterator[bytes]:
    """Yield pieces of which the base64 or hexadecimal of any text with ``text`` in it has one."""
    for shift in _SHIFTS:
        if (shift + len(text)) * 4 // 3 - -(-shift * 4 // 3) >= _SHORTEST_ANCHOR:
            yield from _base64_at(text, shift)
        else:
            for following in _PRINTABLE[:: _STEP_BY_BYTES[(shift + len(text)) % 3]]:
                yield from _base64_at(text + bytes([following]), shift)
    yield text.hex().encode()
    yield text.hex().upper().encode()


def base64_within(text: bytes) -> Iterator[bytes]:
    """Yield the base64 that ``text`` alone determines, at each of three alignments."""
    for shift in _SHIFTS:
        yield from _base64_at(text, shift)


def nested_within(text: bytes) -> Iterator[bytes]:
    """Yield the same for ``text`` in base64 of base64, of hexadecimal and of UTF-16."""
    wide = text.decode("utf-8", "replace").encode("utf-16-le")
    for once in (*base64_within(text), text.hex().encode()):
        for shift in _SHIFTS:
            yield _inner_base64(once, shift)
    for shift in _SHIFTS:
        yield _inner_base64(wide, shift)


def _base64_at(text: bytes, shift: int) -> Iterator[bytes]:
    inner = _inner_base64(text, shift)
    yield inner
    if b"+" in inner or b"/" in inner:
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _inner_base64(text: bytes, shift: int) -> bytes:
    encoded = binascii.b2a_base64(bytes(shift) + text, newline=False)
    return encoded[-(-shift * 4 // 3) : (shift + len(text)) * 4 // 3]


def runs_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``text`` that may be base64 or hexadecimal."""
    for pattern in _runs():
        for match in pattern.finditer(text):
            yield match.span()


@cache
def _runs() -> tuple[re.Pattern[str], re.Pattern[str]]:
    line_end = r"(?>[ \t]*(?:\r?\n|(?:\\r)?\\n)(?:\s|\\[nrt])*)"
    return (
        # A shorter run is base64 of a name and a short password; no word in small letters is one.
        re.compile(
            r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{16,}"
            r"|(?=[a-z]{0,14}[A-Z0-9+/_-])[A-Za-z0-9+/_-]{10,15}(?![A-Za-z0-9+/_-]))={0,2}"
        ),
        re.compile(
            rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_=-]{{16,}}(?:{line_end}[A-Za-z0-9+/_=-]{{4,}})+"
        ),
    )


@cache
def breaks() -> re.Pattern[str]:
    """Match white space, also as ``\\n`` in a literal, which may break a value in two."""
    return re.compile(r"(?:\s|\\[nrt])+")


def squeezed(data: bytes) -> bytes:
    """Remove all white space from ``data``, also where it is written as ``\\n`` or in JSON."""
    if b"\\" in data:
        first, *rest = data.split(b"\\")
        if all(part.startswith(b"n") for part in rest):
            # Most texts have no other escapes than line ends.
            data = first + b"".join([part[1:] for part in rest])
        else:
            data = data.replace(b"\\\\", b"\\")
            for escape in _ESCAPES:
                data = data.replace(escape, b"")
    return data.translate(None, _WHITE_SPACE)


def is_wrapped(data: bytes) -> bool:
    """Tell whether ``data`` may hold base64 that is broken over lines."""
    return data.translate(_CLASSES).find(_RUN_BEFORE_BREAK) >= 0


def decodings(run: str) -> list[bytes]:
    """Decode ``run`` in each possible way: hexadecimal, or base64 that begins anywhere.

    ASCII in UTF-16 becomes one byte a character.
    """
    if "\n" in run or "\\" in run:
        run = breaks().sub("", run)
    stripped = run.rstrip("=")
    if len(stripped) % 2 == 0 and (data := _from_hex(stripped)) is not None:
        return [_without_nulls(data)]
    decoded = [
        data
        for match in _hexadecimal().finditer(stripped)
        for start in range(2)
        if (data := _from_hex(match[0][start : len(match[0]) - (len(match[0]) - start) % 2]))
    ]
    standard = stripped.replace("-", "+").replace("_", "/")
    for start in range(4):
        beyond = (len(standard) - start) % 4
        part = standard[start:-1] if beyond == 1 else standard[start:]
        try:
            decoded.append(binascii.a2b_base64(part + _PADDING[beyond]))
        except (binascii.Error, ValueError):
            continue
    return [_without_nulls(data) for data in decoded]


@cache
def _hexadecimal() -> re.Pattern[str]:
    """Match what may be hexadecimal within a longer word, such as behind ``0x``."""
    return re.compile(r"[0-9A-Fa-f]{12,}")


def _without_nulls(data: bytes) -> bytes:
    return data.replace(b"\0", b"")


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


@cache
def _needs_no_escape() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9_.-]+")


def forms_of(value: str) -> Iterator[str]:
    """Yield ``value`` itself and its forms: escaped as in JSON, URLs and HTML, its single lines."""
    if len(value) < SHORTEST_RUN:
        yield from _short_encodings(value)
    if _needs_no_escape().fullmatch(value):
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
    for safe in _SAFE:
        quoted = urllib.parse.quote(raw, safe=safe)
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield urllib.parse.quote_plus(raw)
    within = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield within
    for double, single in (("&quot;", "&#x27;"), ("&#34;", "&#39;")):
        yield within.replace('"', double).replace("'", single)
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            line = line.strip()
            if len(line) >= SHORTEST_WITHIN_A_WORD and not line.startswith("-----"):
                yield line


def _short_encodings(value: str) -> Iterator[str]:
    """Yield base64 and hexadecimal of a value so short that they are no run to be decoded."""
    raw = value.encode("utf-8", "surrogatepass")
    # To its last character and padding, if nothing else is encoded with it.
    yield binascii.b2a_base64(raw, newline=False).decode()
    for encoded in base64_within(raw):
        yield encoded.decode()
    yield raw.hex()
    yield raw.hex().upper()


def changed_forms(value: str) -> Iterator[str]:
    """Yield ``value`` in other cases, reversed, as bytes, and a short one with its ends cut off.

    A form that may be a word of prose is left out: it would be masked in half of all texts. What is
    left beside a mask (``****HWEWXZ``) is no word, so such a part is yielded with the mask.
    """
    if "\n" in value:
        return
    changed = [value.lower(), value.upper(), value.swapcase(), value.capitalize(), value[::-1]]
    # The cases of class names, variables and headers.
    changed += [value[:1].upper() + value[1:], value[:1].lower() + value[1:]]
    changed.append("-".join(part.capitalize() for part in value.split("-")))
    if len(value) < _SHORTEST_IN_PARTS:
        for lacking in range(1, len(value) // 2 + 1):
            head, tail = value[:-lacking], value[lacking:]
            changed += (tail, head, value[lacking:-lacking])
            if len(head) >= _SHORTEST_PART:
                for mask in _MASKS:
                    if not is_distinctive(tail):
                        yield mask + tail
                    if not is_distinctive(head):
                        yield head + mask
    for form in dict.fromkeys(changed):
        if form != value and len(form) >= _SHORTEST_PART and is_distinctive(form):
            yield form
    raw = value.encode("utf-8", "surrogatepass")
    yield raw.hex(":")
    yield raw.hex(" ")


def is_distinctive(text: str) -> bool:
    """Tell whether ``text`` cannot be a word of prose: long, mixed (``ab12``, ``aBc``, ``a-b``).

    A text with few vowels, such as one in seven letters, is no word either.
    """
    if len(text) >= SHORTEST_WITHIN_A_WORD:
        return True
    if len(text) >= _LETTERS_PER_VOWEL * (1 + sum(c in "aeiouyAEIOUY" for c in text)):
        return True
    kinds = (
        any(c.islower() for c in text),
        any(c.isupper() for c in text[1:]),
        any(c.isdigit() for c in text),
        any(not c.isalnum() for c in text),
    )
    return sum(kinds) >= 2


def parts_of(value: str) -> list[int]:
    """Return where in ``value`` the short parts begin by which larger parts of it are found.

    There are none in an address and in a sentence, whose parts are common words.
    """
    size = len(value)
    if not _SHORTEST_IN_PARTS <= size <= _LONGEST_IN_PARTS or not _in_parts().fullmatch(value):
        return []
    return [*range(_STEP, size - PART, _STEP), size - PART]


@cache
def _in_parts() -> re.Pattern[str]:
    return re.compile(r"(?!.*://)\S*")
