"""How a secret value may be written in a text, so that whoever reads it has the value."""

from __future__ import annotations

import base64
import html
import json
import random
import string
import urllib.parse
from collections.abc import Callable

ALPHABET = string.ascii_letters + string.digits


def values(seed: int, count: int) -> list[str]:
    """Make ``count`` values: of 10 to 40 letters and digits, some with other characters."""
    made = random.Random(seed)
    found = []
    for number in range(count):
        size = made.randrange(10, 41)
        alphabet = ALPHABET + ("!#$@/+-_." if number % 4 == 0 else "")
        text = "".join(made.choice(alphabet) for _ in range(size - 3))
        # As issuers do: letters of both cases, and a digit, from the beginning.
        found.append(f"{made.choice(string.ascii_letters)}{made.choice('kqzwxj')}7{text}")
    return found


def _each(pattern: str) -> Callable[[str], str]:
    return lambda value: "".join(pattern % byte for byte in value.encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _halves(joint: str) -> Callable[[str], str]:
    return lambda value: joint.join((value[: len(value) // 2], value[len(value) // 2 :]))


WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda v: json.dumps(v)[1:-1],
    "JSON in JSON": lambda v: json.dumps(json.dumps(v)[1:-1])[1:-1],
    "HTML": html.escape,
    "a URL": lambda v: urllib.parse.quote(v, safe=""),
    "hexadecimal": lambda v: v.encode().hex(),
    "HEXADECIMAL": lambda v: v.encode().hex().upper(),
    "0x hexadecimal": lambda v: "0x" + v.encode().hex(),
    "hexadecimal with colons": lambda v: v.encode().hex(":"),
    "hexadecimal in a word": lambda v: "key_" + v.encode().hex(),
    "bytes": lambda v: ", ".join(f"0x{byte:02x}" for byte in v.encode()),
    "base64": lambda v: _base64(v.encode()),
    "base64 behind a name": lambda v: _base64(b"user:" + v.encode()),
    "URL-safe base64": lambda v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "base64 of base64": lambda v: _base64(_base64(v.encode()).encode()),
    "a pull secret": lambda v: _base64(
        b'{"auth":"' + _base64(b"ci:" + v.encode()).encode() + b'"}'
    ),
    "base64 of hexadecimal": lambda v: _base64(v.encode().hex().encode()),
    "base64 of UTF-16": lambda v: _base64(v.encode("utf-16-le")),
    "base64 in a URL": lambda v: urllib.parse.quote(_base64(b"~~?" + v.encode()), safe=""),
    "base64 in JSON of PHP": lambda v: _base64(b"u:~?" + v.encode()).replace("/", "\\/"),
    "base64 in percent escapes": lambda v: _each("%%%02X")(_base64(v.encode())),
    "base64 in two literals": lambda v: _halves('" + "')(_base64(v.encode())),
    "hexadecimal in backslash x": lambda v: _each("\\x%02x")(v.encode().hex()),
    "percent escapes": _each("%%%02x"),
    "PERCENT ESCAPES": _each("%%%02X"),
    "percent escapes twice": _each("%%25%02X"),
    "percent escapes of the rest": lambda v: v[:4] + _each("%%%02X")(v[4:]),
    "backslash u": _each("\\u%04x"),
    "backslash U": _each("\\u%04X"),
    "backslash u in braces": _each("\\u{%x}"),
    "backslash x": _each("\\x%02x"),
    "decimal references": _each("&#%d;"),
    "hexadecimal references": _each("&#x%x;"),
    "NUL between": lambda v: "\0".join(v),
    "without its first": lambda v: "..." + v[1:],
    "without its first three": lambda v: v[3:],
    "without its last": lambda v: v[:-1],
    "without its last three": lambda v: v[:-3],
    "without both ends": lambda v: v[1:-1],
    "masked head": lambda v: "****" + v[4:],
    "small letters": str.lower,
    "capital letters": str.upper,
    "swapped case": str.swapcase,
    "one capital letter": str.capitalize,
    "a header's case": lambda v: "-".join(part.capitalize() for part in v.split("-")),
    "backwards": lambda v: v[::-1],
    "two literals": lambda v: '"' + _halves('" + "')(v) + '"',
    "two literals, close": lambda v: "'" + _halves("'+'")(v) + "'",
    "two literals, with a dot": lambda v: "'" + _halves("' . '")(v) + "'",
    "two literals side by side": lambda v: '"' + _halves('" "')(v) + '"',
    "broken over lines": _halves("\n    "),
}

# So many characters of a writing, at least, must not come out.
LONGEST_LEFT = 8


def left_of(written: str, shown: str) -> bool:
    """Tell whether ``shown`` still has a piece of ``written`` that says something."""
    return any(
        written[at : at + LONGEST_LEFT] in shown
        for at in range(max(1, len(written) - LONGEST_LEFT + 1))
    )
