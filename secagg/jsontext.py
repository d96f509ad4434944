"""JSON from untrusted hands: decoded strictly, refused with the byte at which it went wrong."""

from __future__ import annotations

from typing import Any

import orjson

from secagg.errors import ReportError


def loads(data: bytes, *, report: str) -> Any:
    """Decode ``data`` (UTF-8, with or without a byte order mark) as one JSON value.

    Raises :class:`secagg.errors.ReportError` with the byte offset for anything else.
    """
    text = data.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise ReportError("the report is empty", report=report, offset=0)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        offset = len(data) - len(text) + len(error.doc[: error.pos].encode("utf-8", "replace"))
        raise ReportError(f"not valid JSON: {error.msg}", report=report, offset=offset) from None
