"""Repair locations for code scanning: relative to the checkout, with a line, and stable.

Scanners write file names as URIs, or as they are. GitHub gets a relative reference (RFC 3986,
sections 2.1, 3.3 and 4.2). A file name may be any bytes that git can hold; a ``str`` has them in
Python's file system encoding.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from secagg.github.limits import Tally
from secagg.jsonio.members import text_at
from secagg.model.place import image_key
from secagg.sarif.uris import ROOT_BASE, UriResolver, is_absolute

_URI_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"
# A path without a scheme (path-noscheme): no colon in its first segment.
_REFERENCE = re.compile(rf"{_URI_CHARACTER}+(?:/(?:{_URI_CHARACTER}|:)*)*")
_SAFE_CHARACTERS = "/-._~!$&'()*+,;=@:"
# The source of a fetched module: git::https://host/owner/name.git//sub?ref=v1/main.tf
_GETTER_PREFIX = re.compile(r"(?:git|hg|s3|gcs|http|https|file)::", re.IGNORECASE)
_TRANSPORT_PREFIX = re.compile(r"(?:git\+)?[A-Za-z][A-Za-z0-9.+-]*:/+", re.IGNORECASE)
_USER_PREFIX = re.compile(r"^[^/@:]+@")
_QUERY = re.compile(r"\?[^/]*")
_MODULE_QUERY = re.compile(r"\?(?:ref|version|depth|archive|checksum|rev)=")
_SCP_HOST = re.compile(r"^([\w.-]+\.[A-Za-z]+):(?!\d+/)")
_SCHEME = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:(?://|(?=[^\d/]))", re.IGNORECASE)
_DIGEST = re.compile(r"@sha(?:256|512):[0-9a-f]{16,128}")
# image:tag as the last part of a path; a port would stand before a slash.
_TAGGED_IMAGE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._-][a-z0-9]+)*):(?P<tag>[A-Za-z0-9_][\w.-]{0,127})"
)
_SYSTEM_SUFFIX = re.compile(r"\s{0,20}\([a-z][\w .-]{0,200}\)$")
_RUNNER_PREFIX = re.compile(r"^/(?:github/workspace|home/runner/work/[^/]+/[^/]+|__w/[^/]+/[^/]+)/")
_FILE_PREFIX = re.compile(r"^file:(?://(?:localhost)?(?=/))?", re.IGNORECASE)
_LINE_FRAGMENT = re.compile(r"#L\d+(?:[-,:]L?\d+)?$")
_NO_FILE_URI = "path that is no URI of a file of the repository"
_KNOWN_SCHEMES = frozenset(
    {"http", "https", "git", "ssh", "ftp", "docker", "oci", "data", "urn", "pkg"}
)


@dataclass(frozen=True, slots=True)
class TreePath:
    """A path from the top of the repository; ``linked`` if a symbolic link led to it."""

    name: str
    linked: bool


class WorkTree:
    """The untrusted files below a directory of a repository.

    ``prefix`` is the path of the directory in the repository (``service/``, empty at the top).
    """

    def __init__(self, root: Path, prefix: str = "") -> None:
        self._roots = tuple(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self._top = self._roots[-1]
        for _ in filter(None, prefix.split("/")):
            self._top = os.path.dirname(self._top)

    def find(self, path: str) -> TreePath | None:
        """Return the file at ``path``, below the directory or absolute, if it is in the repository.

        Follows symbolic links, as git has no files behind them. A path with a leading slash may
        also be relative to the directory.
        """
        for candidate in self._candidates(path):
            try:
                if not os.path.lexists(candidate):
                    continue
                real = os.path.realpath(candidate)
            except (OSError, ValueError):
                continue
            direct = os.path.normpath(candidate)
            for name, linked in ((real, real != direct), (direct, False)):
                relative = self._relative_to_top(name)
                if relative is not None:
                    return TreePath(relative, linked)
        return None

    def _candidates(self, path: str) -> list[str]:
        root = self._roots[-1]
        if not path.startswith("/"):
            return [f"{root}/{path}"] if path else []
        normalized = [
            f"{root}{path[len(root_form) :]}"
            for root_form in self._roots
            if path.startswith(f"{root_form}/")
        ]
        absolute = [path] if path.startswith(f"{self._top}/") else []
        return [*normalized, *absolute, f"{root}{path}"]

    def _relative_to_top(self, path: str) -> str | None:
        top = self._top.rstrip("/")
        return path[len(top) + 1 :] if path.startswith(f"{top}/") and path != f"{top}/" else None


def encode(path: str) -> str:
    """Encode ``path`` as a relative reference, byte by byte where it is no text."""
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = path.encode("utf-8", "replace")
    reference = quote(data.replace(b"\0", b""), safe=_SAFE_CHARACTERS)
    first, slash, rest = reference.partition("/")
    return f"{first.replace(':', '%3A')}{slash}{rest}"


def decode(reference: str) -> str:
    """Decode a relative reference to a path; the inverse of :func:`encode`."""
    data = reference.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(data).decode("utf-8", "surrogateescape")


def is_reference(text: str) -> bool:
    """Return whether ``text`` is a relative reference by RFC 3986."""
    return _REFERENCE.fullmatch(text) is not None


def possible_paths(uri: str) -> list[str]:
    """Return the paths that ``uri`` may mean, the likelier first: decoded or as it is.

    A text that is no URI is a file name as it is; one that looks like a URI may be one too.
    """
    decoded = decode(uri)
    if decoded == uri:
        return [uri]
    # With ./ in front, as a colon in the first segment would look like a scheme.
    is_uri = is_reference(f"./{uri.lstrip('/')}")
    return [decoded, uri] if is_uri else [uri, decoded]


def module_path(uri: str) -> str | None:
    """Return the path of a file in a fetched module by its source; None for any other URI.

    Leaves out the version: with it each new version would close all alerts and open new ones.
    """
    getter = _GETTER_PREFIX.match(uri)
    rest = uri[getter.end() :] if getter else uri
    transport = _TRANSPORT_PREFIX.match(rest)
    if getter is None and not _MODULE_QUERY.search(uri):
        return None
    rest = rest[transport.end() :] if transport else rest
    rest = _QUERY.sub("", _USER_PREFIX.sub("", rest))
    rest = re.sub(r"\.git(?=/|$)", "", _SCP_HOST.sub(r"\1/", rest))
    return posixpath.normpath(rest.strip("/")) or None


def normalized(path: str) -> tuple[str, bool]:
    """Return ``path`` without ``.``, ``..`` and double slashes, and whether ``..`` left the top."""
    normal = posixpath.normpath(path).lstrip("/")
    inside = re.sub(r"^(?:\.\./)+|^\.\.$", "", normal)
    return inside, inside != normal


class UploadPlaces:
    """Repairs the locations of the results of one run.

    Paths are relative to ``root``, if there is one, whose path in the repository is ``prefix``
    (``service/``, empty at the top).
    """

    def __init__(
        self, run: Mapping[str, Any], root: Path | None, tally: Tally, prefix: str = ""
    ) -> None:
        self._prefix = prefix
        self._uris = UriResolver(run, root)
        self._tree = None if root is None else WorkTree(root, prefix)
        self._tally = tally
        self._cache: dict[str, tuple[str, str | None]] = {}

    def mend(self, result: dict[str, Any]) -> bool:
        """Repair every location in ``result``; False if it has none that GitHub could show."""
        image = text_at(result, "properties", "secagg", "location", "image")
        locations = result.get("locations")
        if not isinstance(locations, list):
            locations = []
        mended = [location for location in locations if self._mend_location(location, image)]
        if len(mended) < len(locations) and mended:
            self._tally.mend("location without a file")
        for location in mended:
            _mend_region(location["physicalLocation"], self._tally)
        if mended:
            result["locations"] = mended
        for key in ("relatedLocations", "codeFlows", "stacks", "fixes", "attachments"):
            if key in result:
                self._mend_all(result[key])
        return bool(mended)

    def mend_artifacts(self, artifacts: Any) -> None:
        """Repair the run's list of files, to which results may refer by index."""
        for artifact in artifacts if isinstance(artifacts, list) else ():
            location = artifact.get("location") if isinstance(artifact, dict) else None
            if isinstance(location, dict) and not self._mend_artifact(location, None):
                location.pop("uri", None)

    def _mend_location(self, location: Any, image: str | None) -> bool:
        physical = location.get("physicalLocation") if isinstance(location, dict) else None
        artifact = physical.get("artifactLocation") if isinstance(physical, dict) else None
        return isinstance(artifact, dict) and self._mend_artifact(artifact, image)

    def _mend_all(self, value: Any) -> None:
        if isinstance(value, dict):
            for key in ("artifactLocation", "analysisTarget"):
                artifact = value.get(key)
                if isinstance(artifact, dict) and not self._mend_artifact(artifact, None):
                    # GitHub refuses the whole file for one invalid URI.
                    artifact.pop("uri", None)
            for item in value.values():
                if isinstance(item, dict | list):
                    self._mend_all(item)
        elif isinstance(value, list):
            for item in value:
                self._mend_all(item)

    def _mend_artifact(self, artifact: dict[str, Any], image: str | None) -> bool:
        """Make ``artifact`` relative to the repository; return False if it names no file."""
        uri, base = artifact.get("uri"), artifact.get("uriBaseId")
        if not isinstance(uri, str) or not uri:
            path = self._uris.path(artifact)
            if not path:
                return False
            uri, base = encode(path), None
            self._tally.mend("location that names its file by index only", path)
        mend: str | None
        if image is not None and uri == _image_as_path(image):
            new_uri, mend = encode(image_key(image)), "image tag or digest in a path"
        else:
            key = f"{base}\0{uri}"
            relative = self._cache.get(key)
            if relative is None:
                relative = self._cache[key] = self._relative(uri, base)
            new_uri, mend = relative
        if not is_reference(new_uri):
            return False
        artifact["uri"] = new_uri
        if mend is not None:
            artifact.pop("uriBaseId", None)
            self._tally.mend(mend, uri)
        return True

    def _relative(self, uri: str, base: Any) -> tuple[str, str | None]:
        """Return the URI to write, and the name of the mend; None if ``uri`` stays as it is."""
        has_base = base is not None and base != ROOT_BASE
        path = None if has_base and not is_absolute(uri) else self._on_disk(uri)
        mend = "path behind a symbolic link"
        if path is not None and not path.linked:
            mend = _NO_FILE_URI
        if path is None:
            name, text_mend = self._by_text(uri, base if has_base else None)
            tracked = None if self._tree is None else self._tree.find(name)
            if tracked is not None:
                path, mend = tracked, text_mend or _NO_FILE_URI
            else:
                inside, outside = normalized(f"{self._prefix}{name}")
                mend = "path outside of the checkout" if outside else text_mend or _NO_FILE_URI
                return self._mended(uri, encode(inside or "unknown"), mend)
        return self._mended(uri, encode(path.name), mend)

    def _mended(self, uri: str, new_uri: str, mend: str) -> tuple[str, str | None]:
        if new_uri == uri:
            return new_uri, None
        if self._prefix and mend == _NO_FILE_URI:
            mend = "path relative to a directory of the repository"
        return new_uri, mend

    def _on_disk(self, uri: str) -> TreePath | None:
        """Return the file of the checkout that ``uri`` names, decoded or as it is."""
        if self._tree is None:
            return None
        without_scheme = _FILE_PREFIX.sub("", uri)
        for text in dict.fromkeys((uri, without_scheme, without_scheme.partition("#")[0])):
            for path in possible_paths(text) if text else ():
                path_on_disk = self._tree.find(path)
                if path_on_disk is not None:
                    return path_on_disk
        return None

    def _by_text(self, uri: str, base: Any) -> tuple[str, str | None]:
        """Return the path that ``uri`` seems to mean by its text, and the name of the mend."""
        module = module_path(uri)
        if module is not None:
            return module, "source of a module in a path"
        untagged = self._without_tag(uri)
        mend = "image tag or digest in a path" if untagged != uri else None
        if base is not None:
            path = self._uris.path({"uri": untagged, "uriBaseId": base})
            if path and path != unquote(untagged):
                return path, mend or "path below another base"
        if is_absolute(untagged):
            path = self._uris.path({"uri": untagged}) or decode(untagged)
            path = _RUNNER_PREFIX.sub("", path) if path.startswith("/") else path
            mend = "absolute path" if not is_absolute(path) else "path outside of the checkout"
            path = re.sub(r"^(?:file:)?/*(?:[A-Za-z]:)?[\\/]*", "", path)
            return path.replace("\\", "/"), mend
        scheme = _SCHEME.match(untagged)
        if scheme is not None and (
            "//" in scheme[0] or scheme[0].rstrip(":").lower() in _KNOWN_SCHEMES
        ):
            return decode(untagged[scheme.end() :].lstrip("/")), "URI of another scheme"
        line = _LINE_FRAGMENT.search(untagged)
        untagged = untagged[: line.start()] if line else untagged
        path = possible_paths(untagged)[0]
        if "\\" in path:
            path, mend = path.replace("\\", "/"), mend or "backslashes in a path"
        if path.startswith("./"):
            path, mend = re.sub(r"^(?:\./)+", "", path), mend or "leading ./ in a path"
        return path, mend

    def _without_tag(self, uri: str) -> str:
        """Return ``uri`` without the tag or digest of an image, which changes with each build."""
        untagged = _SYSTEM_SUFFIX.sub("", _DIGEST.sub("", unquote(uri)))
        if untagged.startswith("/") or "://" in untagged:
            return uri
        head, slash, last = untagged.rpartition("/")
        tagged = _TAGGED_IMAGE.fullmatch(last)
        if tagged is not None and (
            slash
            or tagged["tag"][0].isdigit()
            or tagged["name"].lower() not in _KNOWN_SCHEMES | {"file"}
        ):
            return encode(f"{head}{slash}{tagged['name']}")
        return uri if untagged == unquote(uri) else encode(untagged)


def path_of(result: Mapping[str, Any]) -> str:
    """Return the path of the first location of a mended result."""
    uri: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return uri


def line_of(result: Mapping[str, Any]) -> int:
    """Return the line of the first location of a mended result."""
    line: int = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    return line


def _image_as_path(image: str) -> str:
    """Return an image as :mod:`secagg.sarif.build` writes it in place of a path."""
    return re.sub(r"[^\w./@-]+", "_", image).strip("/") or "."


def _mend_region(physical: dict[str, Any], tally: Tally) -> None:
    region = physical.get("region")
    if not isinstance(region, dict):
        region = physical["region"] = {}
    line = region.get("startLine")
    if not isinstance(line, int) or line < 1:
        region["startLine"] = line = 1
        for key in ("endLine", "startColumn", "endColumn"):
            region.pop(key, None)
        tally.mend("location without a line")
    end = region.get("endLine")
    if end is not None and (not isinstance(end, int) or end < line):
        region.pop("endLine")
        region.pop("endColumn", None)
        tally.mend("region that ends before it starts")
