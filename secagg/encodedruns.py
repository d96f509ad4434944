"""Runs of letters in a text that may be base64 or hexadecimal, and what they decode to."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from secagg.secretshapes import MASK

# Base64 and hexadecimal of at least this length are decoded and looked into.
SHORTEST_RUN = 16
_RUN = b"\1" * SHORTEST_RUN
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_LINE_END = r"(?>[ \t]*(?:\r?\n|(?:\\r)?\\n)(?:\s|\\[nrt])*)"
_WRAPPED = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_=-]{{16,}}(?:{_LINE_END}[A-Za-z0-9+/_=-]{{4,}})+"
)
# What completes base64 by the number of characters beyond a multiple of four.
_PADDING = ("", "", "==", "=")
BREAKS = re.compile(r"(?:\s|\\[nrt])+")
_IN_RUN = bytes(
    1 if (chr(byte).isalnum() and byte < 128) or chr(byte) in "+/_-=" else 0 for byte in range(256)
)


def encoded_runs(data: bytes) -> Iterator[str]:
    """The runs of UTF-8 ``data`` that are long enough to be decoded, over line ends too."""
    marks = data.translate(_IN_RUN)
    at = marks.find(_RUN)
    while at >= 0:
        end = marks.find(b"\0", at)
        end = len(data) if end < 0 else end
        yield data[at:end].decode("ascii")
        if data[end : end + 1] in (b"\n", b"\r", b"\\", b" ", b"\t"):
            # Texts that are looked through as one are held apart by a null byte.
            close = data.find(b"\0", end)
            rest = data[at : close if close >= 0 else len(data)]
            wrapped = _WRAPPED.match(rest.decode("utf-8", "replace"))
            if wrapped:
                yield wrapped[0]
        at = marks.find(_RUN, end)


def sub_runs(text: str, is_secret: Callable[[str], bool]) -> str:
    for pattern in (_ENCODED, _WRAPPED):
        text = pattern.sub(lambda match: MASK if is_secret(match[0]) else match[0], text)
    return text


def decodings(run: str) -> list[bytes]:
    """What ``run`` may decode to: from hexadecimal, from base64 beginning anywhere."""
    if "\n" in run or "\\" in run:
        run = BREAKS.sub("", run)
    stripped = run.rstrip("=")
    if len(stripped) % 2 == 0 and (data := _unhexed(stripped)) is not None:
        return [data]
    standard = stripped.replace("-", "+").replace("_", "/")
    found = []
    for start in range(4):
        beyond = (len(standard) - start) % 4
        part = standard[start:-1] if beyond == 1 else standard[start:]
        try:
            found.append(binascii.a2b_base64(part + _PADDING[beyond]))
        except (binascii.Error, ValueError):
            continue
    return found


def _unhexed(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
