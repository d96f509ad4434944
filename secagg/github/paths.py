"""Paths as URI references, and URI references as the paths that their writers meant.

Scanners write names of files as URIs, or raw where a URI is due. What is sent to GitHub is a
relative reference that every reader of RFC 3986 takes for the file's name; a name is any bytes
that git can hold, which stand in a ``str`` as Python's file system encoding has them.

Source: RFC 3986, sections 2.1, 3.3 and 4.2.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote, unquote_to_bytes

_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"
# A path without a scheme (path-noscheme): no colon in its first segment.
_REFERENCE = re.compile(rf"{_CHARACTER}+(?:/(?:{_CHARACTER}|:)*)*")
_SAFE = "/-._~!$&'()*+,;=@:"
# What a fetched module is called: git::https://host/owner/name.git//sub?ref=v1/main.tf
_GETTER = re.compile(r"(?:git|hg|s3|gcs|http|https|file)::", re.IGNORECASE)
_TRANSPORT = re.compile(r"(?:git\+)?[A-Za-z][A-Za-z0-9.+-]*:/+", re.IGNORECASE)
_USER = re.compile(r"^[^/@:]+@")
_QUERY = re.compile(r"\?[^/]*")
_MODULE_QUERY = re.compile(r"\?(?:ref|version|depth|archive|checksum|rev)=")
_SCP = re.compile(r"^([\w.-]+\.[A-Za-z]+):(?!\d+/)")


def encode(path: str) -> str:
    """Encode ``path`` as a relative reference; what is no text stays the bytes that it is."""
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = path.encode("utf-8", "replace")
    reference = quote(data.replace(b"\0", b""), safe=_SAFE)
    first, slash, rest = reference.partition("/")
    return f"{first.replace(':', '%3A')}{slash}{rest}"


def decode(reference: str) -> str:
    """Decode the path that ``reference`` is; the inverse of :func:`encode`."""
    data = reference.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(data).decode("utf-8", "surrogateescape")


def is_reference(text: str) -> bool:
    """Tell whether ``text`` is a path that RFC 3986 allows as a relative reference."""
    return _REFERENCE.fullmatch(text) is not None


def meant(uri: str) -> list[str]:
    """The paths that ``uri`` may mean, the likelier first: decoded, or raw.

    A text that is no URI is a raw name. One that is may still be a raw name that looks like one.
    """
    decoded = decode(uri)
    if decoded == uri:
        return [uri]
    # A colon is no fault of a name: only in the first segment it would be a scheme.
    likely = is_reference(f"./{uri.lstrip('/')}")
    return [decoded, uri] if likely else [uri, decoded]


def module_path(uri: str) -> str | None:
    """The path of a file in a fetched module, by its source; None for any other URI.

    The version is left out, else each new one would close all alerts and open them again.
    """
    getter = _GETTER.match(uri)
    rest = uri[getter.end() :] if getter else uri
    transport = _TRANSPORT.match(rest)
    if getter is None and not _MODULE_QUERY.search(uri):
        return None
    rest = rest[transport.end() :] if transport else rest
    rest = _QUERY.sub("", _USER.sub("", rest))
    rest = re.sub(r"\.git(?=/|$)", "", _SCP.sub(r"\1/", rest))
    return posixpath.normpath(rest.strip("/")) or None


def below(path: str) -> tuple[str, bool]:
    """``path`` without ``.``, ``..`` and doubled slashes, and whether it left its directory."""
    tidy = posixpath.normpath(path).lstrip("/")
    kept = re.sub(r"^(?:\.\./)+|^\.\.$", "", tidy)
    return kept, kept != tidy
