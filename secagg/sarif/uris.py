"""Turn the artifact URIs of a SARIF run into paths of the checkout, and keep only web links."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from secagg.jsonio.members import as_list, as_mapping, text_at, value_at
from secagg.model.place import (
    NO_MAP,
    PathMap,
    exists_exactly,
    find_in_checkout,
    is_file,
    is_foreign,
)
from secagg.sarif.text import shortened
from secagg.secrets.redactor import Redactor
from secagg.system.patterns import lazy

# The base id that code scanning tools use for the root of the checkout.
ROOT_BASE = "%SRCROOT%"
# The longest path that Linux opens, in bytes, and its longest URI.
LONGEST_PATH = 4_096
_LONGEST_URI = 3 * LONGEST_PATH + 100
# uriBaseIds may refer to each other; a longer chain than this is a circle.
_LONGEST_CHAIN = 16

_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]+:")
_DRIVE = lazy(r"/?[A-Za-z]:[/\\]")
_ABSOLUTE = lazy(r"\s*(?:file:|/|[A-Za-z]:[\\/])", re.IGNORECASE)
_WEB = lazy(r"https?://[^\s]", re.IGNORECASE)
# The members that are artifactLocation objects (3.4).
_LOCATIONS = frozenset({"artifactLocation", "analysisTarget", "location"})
# Members of tool components (3.19) and rules (3.49) that a viewer shows as links.
_ADDRESSES = ("informationUri", "downloadUri", "helpUri")
# Members of a tool component that are lists of descriptors.
_DESCRIPTOR_LISTS = ("rules", "notifications", "taxa")


def is_absolute(uri: str) -> bool:
    """Tell whether ``uri`` is a ``file:`` URI or an absolute path of any system."""
    return _ABSOLUTE.match(uri) is not None


@lru_cache(maxsize=4096)
def encode_path(path: str) -> str:
    """Write the path of a Finding as a URI reference (RFC 3986): percent-encoded."""
    if _SCHEME.match(path) and not _DRIVE.match(path):
        return path
    return quote(path, safe="/-._~!$&'()*+,;=@", errors="surrogateescape")


class UriResolver:
    """Turns the artifact locations of one run into paths.

    A path is decoded, with ``/`` between its parts, and relative to the checkout where possible:
    that is so for a ``file:`` URI or absolute path below ``root``, below one of the run's
    absolute base ids or below the working directory of its invocation, and for a relative URI,
    with its relative bases before it. Any other path stays absolute, and a URI of another scheme
    does not change.

    A path longer than Linux opens is masked by ``redactor`` and cut, with a keyed checksum.
    Without a redactor ``run`` must be masked, and there is no checksum.

    ``moves`` is True if a path of the run was, or may have to be, changed in its results too.
    """

    def __init__(
        self,
        run: Mapping[str, Any],
        root: Path | None,
        redactor: Redactor | None = None,
        path_map: PathMap = NO_MAP,
    ) -> None:
        self._redactor = redactor
        self._path_map = path_map
        self._bases = as_mapping(run.get("originalUriBaseIds"))
        self._artifacts = as_list(run.get("artifacts"))
        self._root = root
        self._paths: dict[tuple[Any, Any, Any], str | None] = {}
        self._root_prefixes = _prefixes(root)
        self._prefixes = self._root_prefixes + self._absolute_bases(run)
        self.moves = bool(path_map) or self._has_bases_below_root()

    def path(self, location: Mapping[str, Any]) -> str | None:
        """Return the path of an ``artifactLocation`` object, ``None`` if it names no file."""
        uri, base, index = location.get("uri"), location.get("uriBaseId"), location.get("index")
        key = (uri, base, index)
        try:
            return self._paths[key]
        except KeyError:
            path = self._mapped(uri, base) or self._resolve(uri, base, index)
            if path is not None:
                path = self._path_map.apply(path)
            if path is not None and len(path) > LONGEST_PATH:
                # The artifacts and bases of a run that is being read are not masked.
                redactor = self._redactor
                if redactor is None:
                    path = shortened(path, LONGEST_PATH, None)
                else:
                    path = shortened(redactor.shown_path(path), LONGEST_PATH, redactor.keyed)
            self._paths[key] = path
            return path

    def relative(self, value: Any) -> Any:
        """Make every absolute URI of a file below the root relative to it, in ``value``.

        Only ``artifactLocation`` objects are looked at. Without any such URI, the result is
        ``value`` itself.
        """
        if isinstance(value, dict):
            members = {
                key: self._relative_location(item)
                if key in _LOCATIONS and isinstance(item, dict)
                else self.relative(item)
                for key, item in value.items()
            }
            changed = any(members[key] is not item for key, item in value.items())
            return members if changed else value
        if isinstance(value, list):
            items = [self.relative(item) for item in value]
            changed = any(new is not old for new, old in zip(items, value, strict=True))
            return items if changed else value
        return value

    def _relative_location(self, location: dict[str, Any]) -> Any:
        uri = location.get("uri")
        if not isinstance(uri, str):
            return self.relative(location)
        has_base = self.moves and isinstance(location.get("uriBaseId"), str)
        if not (is_absolute(uri) or has_base or self._path_map):
            return self.relative(location)
        path = self.path(location)
        if path is None or is_absolute(path) or _SCHEME.match(path) or encode_path(path) == uri:
            return location
        rest = {key: item for key, item in location.items() if key != "uriBaseId"}
        return {**rest, "uri": encode_path(path)}

    def _mapped(self, uri: Any, base: Any) -> str | None:
        """Return the path that the user's path map gives; None where it has no entry."""
        if not self._path_map or not isinstance(uri, str) or len(uri) > _LONGEST_URI:
            return None
        path = _local(self._join(uri, base)[0] if isinstance(base, str) else uri)
        mapped = self._path_map.apply(path)
        return None if mapped == path else mapped

    def _resolve(self, uri: Any, base: Any, index: Any) -> str | None:
        if not isinstance(uri, str):
            artifact = self._artifact(index)
            if artifact is None:
                return None
            uri, base = artifact.get("uri"), artifact.get("uriBaseId")
            if not isinstance(uri, str):
                return None
        if len(uri) > _LONGEST_URI:
            return uri
        if not isinstance(base, str):
            return self._relative(uri)
        whole, tail = self._join(uri, base)
        path = _local(whole)
        inside = self._below(path, self._root_prefixes)
        if inside is not None:
            return inside
        if self._root is not None and is_foreign(path) and not is_file(self._root, tail):
            # The base is a directory of another machine, perhaps below the checkout's root there.
            inside = find_in_checkout(path, self._root)
            if inside is not None:
                self.moves = True
                return inside
        return tail

    def _has_bases_below_root(self) -> bool:
        """Tell whether an absolute base id of the run is a directory below the root.

        Such a base id is not written again, so paths must be relative to the root.
        """
        paths = (_local(self._join("x", base)[0]) for base in self._bases)
        return any(self._below(path, self._root_prefixes) not in (None, "x") for path in paths)

    def _artifact(self, index: Any) -> Mapping[str, Any] | None:
        if isinstance(index, int) and 0 <= index < len(self._artifacts):
            location = value_at(self._artifacts[index], "location")
            if isinstance(location, Mapping):
                return location
        return None

    def _join(self, uri: str, base: str) -> tuple[str, str]:
        """Return ``uri`` with all its bases before it, and with only the relative ones."""
        if self._is_unencoded_name(uri):
            return quote(uri), uri
        tail = whole = uri.strip().replace("\\", "/")
        if _SCHEME.match(whole):
            return whole, self._relative(whole) or whole
        tail = whole = whole.lstrip("/")
        for _ in range(_LONGEST_CHAIN):
            entry = self._bases.get(base)
            if not isinstance(entry, Mapping):
                break
            prefix = entry.get("uri")
            if isinstance(prefix, str) and prefix.strip() and len(prefix) <= _LONGEST_URI:
                prefix = prefix.strip()
                whole = f"{prefix.rstrip('/')}/{whole}"
                if _SCHEME.match(prefix) or prefix.startswith("/"):
                    break
                tail = whole
            base_of_base = entry.get("uriBaseId")
            if not isinstance(base_of_base, str):
                break
            base = base_of_base
        return whole, _normalized(unquote(tail))

    def _relative(self, uri: str) -> str | None:
        if self._is_unencoded_name(uri):
            return uri
        uri = uri.strip()
        if _SCHEME.match(uri) and not _DRIVE.match(uri) and uri[:5].lower() != "file:":
            return uri
        path = _local(uri)
        inside = self._below(path, self._prefixes)
        if inside is not None:
            return inside
        if is_foreign(path) and self._root is not None:
            # Some tools write "/src/a.py" for a file of the checkout; others ran on other machines.
            return find_in_checkout(path, self._root) or path
        return path or None

    def _is_unencoded_name(self, uri: str) -> bool:
        """Tell whether ``uri`` is the name of a file in the checkout that a tool did not encode.

        Git allows names with a backslash, or with white space at an end, which no URI may have.
        A percent sign may be either: the decoded name comes first.
        """
        if "%" in uri and exists_exactly(self._root, unquote(uri)):
            return False
        doubtful = "\\" in uri or "%" in uri or uri != uri.strip() or uri[:5].lower() == "file:"
        return doubtful and exists_exactly(self._root, uri)

    @staticmethod
    def _below(path: str, prefixes: list[str]) -> str | None:
        for prefix in prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return path[len(prefix) :]
        return None

    def _absolute_bases(self, run: Mapping[str, Any]) -> list[str]:
        """Return the absolute base ids and working directories of the run, longest first."""
        uris = [text_at(entry, "uri") for entry in self._bases.values()]
        for invocation in as_list(run.get("invocations")):
            uris.append(text_at(invocation, "workingDirectory", "uri"))
        bases = (uri for uri in uris if uri is not None)
        local = [_local(uri) for uri in bases if uri[:5].lower() == "file:" or uri[:1] == "/"]
        directories = {f"{path.rstrip('/')}/" for path in local if path.strip("/")}
        return sorted(directories, key=len, reverse=True)


def _prefixes(root: Path | None) -> list[str]:
    if root is None:
        return []
    given, real = root.absolute().as_posix(), root.resolve().as_posix()
    return [f"{path.rstrip('/')}/" for path in dict.fromkeys((given, real))]


def _local(uri: str) -> str:
    """Return the decoded, normalized path of a ``file:`` URI or of a plain path."""
    uri = uri.replace("\\", "/")
    if uri[:5].lower() == "file:":
        uri = uri[5:]
        if uri.startswith("//"):
            host, slash, rest = uri[2:].partition("/")
            # file:///path, file://localhost/path; a Windows share keeps its host.
            uri = f"{slash}{rest}" if host.lower() in ("", "localhost") else f"/{host}{slash}{rest}"
    path = _normalized(unquote(uri))
    return path[1:] if _DRIVE.match(path) and path.startswith("/") else path


def _normalized(path: str) -> str:
    """Remove ``.``, ``..`` and double slashes from ``path``."""
    if path in ("", ".", "./"):
        return ""
    path = posixpath.normpath(path)
    return f"/{path.lstrip('/')}" if path.startswith("/") else path


def is_web(address: Any) -> bool:
    """Tell whether ``address`` is an ``http`` or ``https`` URL."""
    return isinstance(address, str) and _WEB.match(address) is not None


def with_web_addresses(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """Remove links of other schemes from a run's ``tool``; ``frame`` itself if it has none."""
    tool = frame.get("tool")
    if not isinstance(tool, dict):
        return frame
    copy = {key: _with_web_links(value) for key, value in tool.items()}
    return frame if all(copy[key] is tool[key] for key in tool) else {**frame, "tool": copy}


def _with_web_links(value: Any) -> Any:
    if isinstance(value, list):
        items = [_with_web_links(item) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    copy = _without_other_links(value)
    for name in _DESCRIPTOR_LISTS:
        listed = copy.get(name)
        if isinstance(listed, list):
            items = [
                _without_other_links(item) if isinstance(item, dict) else item for item in listed
            ]
            if any(a is not b for a, b in zip(items, listed, strict=True)):
                copy = {**copy, name: items}
    return copy


def _without_other_links(value: dict[str, Any]) -> dict[str, Any]:
    if all(key not in value or is_web(value[key]) for key in _ADDRESSES):
        return value
    return {key: item for key, item in value.items() if key not in _ADDRESSES or is_web(item)}
