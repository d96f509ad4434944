"""The forms and encodings in which a secret value may be written."""

from __future__ import annotations

import binascii
import html
import json
import re
import urllib.parse
from collections.abc import Iterator
from functools import cache

# Base64 and hexadecimal of at least this length are decoded and looked into.
SHORTEST_RUN = 16


# Where less is decided of the base64 of a text, it is encoded together with each character that
# may follow it: three characters of base64 alone would be in half of all texts.
_SHORTEST_ANCHOR = 4


_PRINTABLE = bytes(range(0x20, 0x7F))


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="


_WHITE_SPACE = b" \t\n\r\x0b\x0c"


_ESCAPES = (b"\\n", b"\\r", b"\\t", b"\\f", b"\\u000b")


_MARKS = bytes(
    1 if byte in _ALPHABET else 2 if byte in _WHITE_SPACE + b"\\" else 0 for byte in range(256)
)


_LONG_BEFORE_BREAK = b"\1" * SHORTEST_RUN + b"\2"


# What completes base64 by the number of characters beyond a multiple of four.
_PADDING = ("", "", "==", "=")


def encoded_anchors(text: bytes) -> Iterator[bytes]:
    """Yield what the base64 or hexadecimal of any text with ``text`` in it contains."""
    for shift in range(3):
        if (shift + len(text)) * 4 // 3 - -(-shift * 4 // 3) >= _SHORTEST_ANCHOR:
            yield from _base64_at(text, shift)
        else:
            for following in _PRINTABLE:
                yield from _base64_at(text + bytes([following]), shift)
    yield text.hex().encode()
    yield text.hex().upper().encode()


def base64_within(text: bytes) -> Iterator[bytes]:
    """Yield the characters of base64 that ``text`` alone decides, at each of three alignments."""
    for shift in range(3):
        yield from _base64_at(text, shift)


def nested_within(text: bytes) -> Iterator[bytes]:
    """Yield what base64 in base64, base64 of hexadecimal and of UTF-16 have of ``text``."""
    wide = text.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    for once in (*base64_within(text), text.hex().encode()):
        for shift in range(3):
            yield _inner_base64(once, shift)
    for shift in range(3):
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
    """Yield where in ``text`` what may be base64 or hexadecimal begins and ends."""
    for pattern in _runs():
        for match in pattern.finditer(text):
            yield match.span()


@cache
def _runs() -> tuple[re.Pattern[str], re.Pattern[str]]:
    line_end = r"(?>[ \t]*(?:\r?\n|(?:\\r)?\\n)(?:\s|\\[nrt])*)"
    return (
        re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}"),
        re.compile(
            rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_=-]{{16,}}(?:{line_end}[A-Za-z0-9+/_=-]{{4,}})+"
        ),
    )


@cache
def breaks() -> re.Pattern[str]:
    """Match white space, also as ``\\n`` in a literal: what may break a value in two."""
    return re.compile(r"(?:\s|\\[nrt])+")


def squeezed(data: bytes) -> bytes:
    """Drop all white space from ``data``, also where it was written as ``\\n`` or in JSON."""
    if b"\\" in data:
        first, *rest = data.split(b"\\")
        if all(part.startswith(b"n") for part in rest):
            # The escapes of most texts are line ends alone.
            data = first + b"".join([part[1:] for part in rest])
        else:
            data = data.replace(b"\\\\", b"\\")
            for escape in _ESCAPES:
                data = data.replace(escape, b"")
    return data.translate(None, _WHITE_SPACE)


def is_wrapped(data: bytes) -> bool:
    """Tell whether ``data`` may hold base64 that goes on behind a line end."""
    return data.translate(_MARKS).find(_LONG_BEFORE_BREAK) >= 0


def decodings(run: str) -> list[bytes]:
    """Decode ``run`` in each way it may be meant: hexadecimal, or base64 that begins anywhere.

    UTF-16 is brought to one byte a character.
    """
    if "\n" in run or "\\" in run:
        run = breaks().sub("", run)
    stripped = run.rstrip("=")
    if len(stripped) % 2 == 0 and (data := _unhexed(stripped)) is not None:
        return [_narrow(data)]
    decoded = [
        data
        for match in _hexadecimal().finditer(stripped)
        for start in range(2)
        if (data := _unhexed(match[0][start : len(match[0]) - (len(match[0]) - start) % 2]))
    ]
    standard = stripped.replace("-", "+").replace("_", "/")
    for start in range(4):
        beyond = (len(standard) - start) % 4
        part = standard[start:-1] if beyond == 1 else standard[start:]
        try:
            decoded.append(binascii.a2b_base64(part + _PADDING[beyond]))
        except (binascii.Error, ValueError):
            continue
    return [_narrow(data) for data in decoded]


@cache
def _hexadecimal() -> re.Pattern[str]:
    """Match what may be hexadecimal within a longer word, such as behind ``0x``."""
    return re.compile(r"[0-9A-Fa-f]{12,}")


def _narrow(data: bytes) -> bytes:
    return data.replace(b"\0", b"")


def _unhexed(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


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
    """Return where in ``value`` the parts begin by which a longer part of it is found.

    There are none where a part would tell nothing: in an address, and in a sentence.
    """
    size = len(value)
    if not _SHORTEST_IN_PARTS <= size <= _LONGEST_IN_PARTS or not _in_parts().fullmatch(value):
        return []
    return [*range(_STEP, size - PART, _STEP), size - PART]


@cache
def _in_parts() -> re.Pattern[str]:
    return re.compile(r"(?!.*://)\S*")
