"""Where in its line a secret stands: TruffleHog gives the line alone."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from secagg.model.finding import Location
from secagg_parsers.places import Lines

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")


class Columns:
    """Looks secrets up in the lines of the work tree."""

    def __init__(self, root: Path | None) -> None:
        self._lines = Lines(root)

    def set(self, place: Location, value: str) -> None:
        """Set the columns of ``place`` to where ``value`` stands on its line, if it does once.

        A value that TruffleHog decoded stands there in base64. Nothing is set for places in
        history or in an image, which the work tree does not show.
        """
        if not value or place.uri is None or place.start_line is None:
            return
        if place.commit is not None or place.image is not None:
            return
        data = self._lines.one(place.uri, place.start_line)
        if data is None:
            return
        line = data.decode("utf-8", "replace")
        first, *others = value.splitlines() or [""]
        span = _only(line, first) or _encoded(line, value)
        if span is None:
            return
        place.start_column, place.end_column = span[0] + 1, span[1] + 1
        if others:
            place.end_line = place.start_line + len(others)
            place.end_column = len(others[-1]) + 1


def _only(line: str, text: str) -> tuple[int, int] | None:
    at = line.find(text) if text else -1
    if at < 0 or line.find(text, at + 1) >= 0:
        return None
    return at, at + len(text)


def _encoded(line: str, value: str) -> tuple[int, int] | None:
    found = [match.span() for match in _BASE64.finditer(line) if value in _decoded(match[0])]
    return found[0] if len(found) == 1 else None


def _decoded(token: str) -> str:
    text = token.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
