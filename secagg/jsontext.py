"""JSON from untrusted hands: decoded strictly, refused with the byte at which it went wrong."""

from __future__ import annotations

from typing import Any

import orjson

from secagg.errors import ReportError


def loads(data: bytes, *, report: str) -> Any:
    """Decode ``data`` as one JSON value: UTF-8 or UTF-16, with or without a byte order mark.

    Raises :class:`secagg.errors.ReportError` with the byte offset for anything else.
    """
    text = _utf8(data, report).removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise ReportError("the report is empty", report=report, offset=0)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        offset = max(len(data) - len(text), 0) + len(
            error.doc[: error.pos].encode("utf-8", "replace")
        )
        raise ReportError(f"not valid JSON: {error.msg}", report=report, offset=offset) from None


def _utf8(data: bytes, report: str) -> bytes:
    """``data`` in UTF-8, if it is UTF-16: by its mark, or by the NUL beside the first character."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif len(data) >= 2 and 0 in data[:2] and data[:2] != b"\0\0":
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    else:
        return data
    try:
        return data.decode(encoding).encode()
    except UnicodeError as error:
        message = "neither UTF-8 nor UTF-16"
        start = getattr(error, "start", None)
        raise ReportError(message, report=report, offset=start) from None
