"""URIs in SARIF: artifacts as paths of the checkout, and links that may be kept."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

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

# The base id that code scanning tools use for the root of the checkout.
ROOT_BASE = "%SRCROOT%"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


_DRIVE = re.compile(r"/?[A-Za-z]:[/\\]")


# uriBaseIds may refer to each other; a longer chain than this is a circle.
_LONGEST_CHAIN = 16


# The longest path that Linux opens, and what it may be in a URI.
LONGEST_PATH = 4_096


_LONGEST_URI = 3 * LONGEST_PATH + 100


_ABSOLUTE = re.compile(r"\s*(?:file:|/|[A-Za-z]:[\\/])", re.IGNORECASE)


_LOCATIONS = frozenset({"artifactLocation", "analysisTarget", "location"})


def is_absolute(uri: str) -> bool:
    """True for a ``file:`` URI and for an absolute path of any system."""
    return _ABSOLUTE.match(uri) is not None


@lru_cache(maxsize=4096)
def encode_path(path: str) -> str:
    """Return a path as Finding holds it, written as a URI reference (RFC 3986): percent-encoded."""
    if _SCHEME.match(path) and not _DRIVE.match(path):
        return path
    return quote(path, safe="/-._~!$&'()*+,;=@", errors="surrogateescape")


class UriResolver:
    """Turns the artifact locations of one run into paths.

    A path is relative to the checkout, decoded, with ``/`` between its parts, wherever that
    can be known: a ``file:`` URI or absolute path below ``root``, below one of the run's
    absolute base ids or below the working directory of its invocation; a relative URI, its
    own relative bases put before it. A path elsewhere stays absolute, and a URI of any other
    scheme stays as it is.

    A path that is longer than Linux opens is masked by ``redactor`` and cut, with a keyed checksum;
    without one, ``run`` is masked already, and there is no checksum.
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
        bases = run.get("originalUriBaseIds")
        self._bases: Mapping[str, Any] = bases if isinstance(bases, Mapping) else {}
        artifacts = run.get("artifacts")
        self._artifacts: Sequence[Any] = artifacts if isinstance(artifacts, list) else ()
        self._root = root
        self._seen: dict[tuple[Any, Any, Any], str | None] = {}
        self._root_prefixes = _prefixes(root)
        self._prefixes = self._root_prefixes + self._absolute_bases(run)
        self.moves = bool(path_map) or self._have_own_folders()

    def path(self, location: Mapping[str, Any]) -> str | None:
        """Return the path of an ``artifactLocation`` object, ``None`` if it names no file."""
        uri, base, index = location.get("uri"), location.get("uriBaseId"), location.get("index")
        key = (uri, base, index)
        try:
            return self._seen[key]
        except KeyError:
            path = self._moved(uri, base) or self._resolve(uri, base, index)
            if path is not None:
                path = self._path_map.apply(path)
            if path is not None and len(path) > LONGEST_PATH:
                # The artifacts and bases of a run that is being read hold what it says.
                redactor = self._redactor
                if redactor is None:
                    path = shortened(path, LONGEST_PATH, None)
                else:
                    path = shortened(redactor.shown_path(path), LONGEST_PATH, redactor.keyed)
            self._seen[key] = path
            return path

    def relative(self, value: Any) -> Any:
        """``value`` with every absolute URI of a file below the root made relative to it.

        Itself where there is none; only ``artifactLocation`` objects are looked at.
        """
        if isinstance(value, dict):
            made = {
                key: self._relative_location(item)
                if key in _LOCATIONS and isinstance(item, dict)
                else self.relative(item)
                for key, item in value.items()
            }
            return made if any(made[key] is not item for key, item in value.items()) else value
        if isinstance(value, list):
            items = [self.relative(item) for item in value]
            changed = any(new is not old for new, old in zip(items, value, strict=True))
            return items if changed else value
        return value

    def _relative_location(self, location: dict[str, Any]) -> Any:
        uri = location.get("uri")
        if not isinstance(uri, str):
            return self.relative(location)
        based = self.moves and isinstance(location.get("uriBaseId"), str)
        if not (is_absolute(uri) or based or self._path_map):
            return self.relative(location)
        path = self.path(location)
        if path is None or is_absolute(path) or _SCHEME.match(path) or encode_path(path) == uri:
            return location
        kept = {key: item for key, item in location.items() if key != "uriBaseId"}
        return {**kept, "uri": encode_path(path)}

    def _moved(self, uri: Any, base: Any) -> str | None:
        """The path that a person has said; None where nobody has."""
        if not self._path_map or not isinstance(uri, str) or len(uri) > _LONGEST_URI:
            return None
        whole = _local(self._join(uri, base)[0] if isinstance(base, str) else uri)
        moved = self._path_map.apply(whole)
        return None if moved == whole else moved

    def _resolve(self, uri: Any, base: Any, index: Any) -> str | None:
        if not isinstance(uri, str):
            listed = self._artifact(index)
            if listed is None:
                return None
            uri, base = listed.get("uri"), listed.get("uriBaseId")
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
            # The base is a directory of another machine: perhaps one below the root there.
            elsewhere = find_in_checkout(path, self._root)
            if elsewhere is not None:
                self.moves = True
                return elsewhere
        return tail

    def _have_own_folders(self) -> bool:
        """Whether an absolute base id of the run stands for a directory below the root.

        It is not written, so what is uploaded, or read again, knows paths from the root alone.
        """
        paths = (_local(self._join("x", base)[0]) for base in self._bases)
        return any(self._below(path, self._root_prefixes) not in (None, "x") for path in paths)

    def _artifact(self, index: Any) -> Mapping[str, Any] | None:
        if isinstance(index, int) and 0 <= index < len(self._artifacts):
            artifact = self._artifacts[index]
            if isinstance(artifact, Mapping) and isinstance(artifact.get("location"), Mapping):
                location: Mapping[str, Any] = artifact["location"]
                return location
        return None

    def _join(self, uri: str, base: str) -> tuple[str, str]:
        """``uri`` with all its bases before it, and with only the relative ones."""
        if self._is_odd(uri):
            return quote(uri), uri
        tail = whole = uri.strip().replace("\\", "/")
        if _SCHEME.match(whole):
            relative = self._relative(whole) or whole
            return whole, relative
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
        return whole, _tidy(unquote(tail))

    def _relative(self, uri: str) -> str | None:
        if self._is_odd(uri):
            return uri
        uri = uri.strip()
        if _SCHEME.match(uri) and not _DRIVE.match(uri) and uri[:5].lower() != "file:":
            return uri
        path = _local(uri)
        inside = self._below(path, self._prefixes)
        if inside is not None:
            return inside
        if is_foreign(path) and self._root is not None:
            # Some tools write "/src/a.py" for a file of the checkout, and others ran elsewhere.
            return find_in_checkout(path, self._root) or path
        return path or None

    def _is_odd(self, uri: str) -> bool:
        """Whether ``uri`` is a name of the tree that is no URI and that a tool wrote as it is.

        A backslash or a blank at an end has no place in a URI; a name has what git allows. A
        percent sign has, so that what it encodes comes first.
        """
        if "%" in uri and exists_exactly(self._root, unquote(uri)):
            return False
        odd = "\\" in uri or "%" in uri or uri != uri.strip() or uri[:5].lower() == "file:"
        return odd and exists_exactly(self._root, uri)

    @staticmethod
    def _below(path: str, prefixes: list[str]) -> str | None:
        for prefix in prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return path[len(prefix) :]
        return None

    def _absolute_bases(self, run: Mapping[str, Any]) -> list[str]:
        """Directories that the run itself calls its roots, longest first."""
        bases = []
        for entry in self._bases.values():
            if isinstance(entry, Mapping) and isinstance(entry.get("uri"), str):
                bases.append(entry["uri"])
        invocations = run.get("invocations")
        for invocation in invocations if isinstance(invocations, list) else ():
            if isinstance(invocation, Mapping):
                directory = invocation.get("workingDirectory")
                if isinstance(directory, Mapping) and isinstance(directory.get("uri"), str):
                    bases.append(directory["uri"])
        local = [_local(uri) for uri in bases if uri[:5].lower() == "file:" or uri[:1] == "/"]
        directories = {f"{path.rstrip('/')}/" for path in local if path.strip("/")}
        return sorted(directories, key=len, reverse=True)


def _prefixes(root: Path | None) -> list[str]:
    if root is None:
        return []
    given, real = root.absolute().as_posix(), root.resolve().as_posix()
    return [f"{path.rstrip('/')}/" for path in dict.fromkeys((given, real))]


def _local(uri: str) -> str:
    """The decoded, tidied path of a ``file:`` URI or of a plain path."""
    uri = uri.replace("\\", "/")
    if uri[:5].lower() == "file:":
        uri = uri[5:]
        if uri.startswith("//"):
            host, slash, rest = uri[2:].partition("/")
            # file:///path, file://localhost/path; a Windows share keeps its host.
            uri = f"{slash}{rest}" if host.lower() in ("", "localhost") else f"/{host}{slash}{rest}"
    path = _tidy(unquote(uri))
    return path[1:] if _DRIVE.match(path) and path.startswith("/") else path


def _tidy(path: str) -> str:
    """``path`` without ``.``, ``..`` and doubled slashes."""
    if path in ("", ".", "./"):
        return ""
    path = posixpath.normpath(path)
    return f"/{path.lstrip('/')}" if path.startswith("/") else path


_WEB = re.compile(r"https?://[^\s]", re.IGNORECASE)


# Of tool components (3.19) and of rules (3.49): what a viewer links to.
_ADDRESSES = ("informationUri", "downloadUri", "helpUri")


_LISTS = ("rules", "notifications", "taxa")


def is_web(address: Any) -> bool:
    """Tell whether ``address`` is one of ``http`` or ``https``."""
    return isinstance(address, str) and _WEB.match(address) is not None


def with_web_addresses(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out of a run's ``tool`` every address of another scheme; itself where there is none."""
    tool = frame.get("tool")
    if not isinstance(tool, dict):
        return frame
    kept = {key: _component(value) for key, value in tool.items()}
    return frame if all(kept[key] is tool[key] for key in tool) else {**frame, "tool": kept}


def _component(value: Any) -> Any:
    if isinstance(value, list):
        items = [_component(item) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    made = _stripped(value)
    for name in _LISTS:
        listed = made.get(name)
        if isinstance(listed, list):
            items = [_stripped(item) if isinstance(item, dict) else item for item in listed]
            if any(a is not b for a, b in zip(items, listed, strict=True)):
                made = {**made, name: items}
    return made


def _stripped(value: dict[str, Any]) -> dict[str, Any]:
    if all(key not in value or is_web(value[key]) for key in _ADDRESSES):
        return value
    return {key: item for key, item in value.items() if key not in _ADDRESSES or is_web(item)}
