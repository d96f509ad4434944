"""Locations as code scanning needs them: relative to the checkout, with a line, and stable.

Scanners write names of files as URIs, or raw where a URI is due. What is sent to GitHub is a
relative reference that every reader of RFC 3986 takes for the file's name; a name is any bytes
that git can hold, which stand in a ``str`` as Python's file system encoding has them.

Source: RFC 3986, sections 2.1, 3.3 and 4.2.
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
from secagg.model.place import image_key
from secagg.sarif.uris import ROOT_BASE, UriResolver, is_absolute


@dataclass(frozen=True, slots=True)
class TreePath:
    """A path from the top of the repository. ``linked``: a symbolic link led there."""

    name: str
    linked: bool


class WorkTree:
    """The tree below a directory of a repository; what it holds is untrusted.

    ``prefix`` is where the directory is in the repository (``service/``, or empty at its top).
    """

    def __init__(self, root: Path, prefix: str = "") -> None:
        self._roots = tuple(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self._top = self._roots[-1]
        for _ in filter(None, prefix.split("/")):
            self._top = os.path.dirname(self._top)

    def find(self, path: str) -> TreePath | None:
        """Find what ``path`` names: below the directory, or absolute and in the repository.

        Git has nothing behind a link, so a link is followed as long as it stays in the
        repository. A path that begins with a slash may be meant from the directory, too.
        """
        for candidate in self._candidates(path):
            try:
                if not os.path.lexists(candidate):
                    continue
                real = os.path.realpath(candidate)
            except (OSError, ValueError):
                continue
            plain = os.path.normpath(candidate)
            for name, linked in ((real, real != plain), (plain, False)):
                inside = self._inside(name)
                if inside is not None:
                    return TreePath(inside, linked)
        return None

    def _candidates(self, path: str) -> list[str]:
        root = self._roots[-1]
        if not path.startswith("/"):
            return [f"{root}/{path}"] if path else []
        below = [f"{root}{path[len(r) :]}" for r in self._roots if path.startswith(f"{r}/")]
        own = [path] if path.startswith(f"{self._top}/") else []
        return [*below, *own, f"{root}{path}"]

    def _inside(self, path: str) -> str | None:
        top = self._top.rstrip("/")
        return path[len(top) + 1 :] if path.startswith(f"{top}/") and path != f"{top}/" else None


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
    """Return the paths that ``uri`` may mean, the likelier first: decoded, or raw.

    A text that is no URI is a raw name. One that is may still be a raw name that looks like one.
    """
    decoded = decode(uri)
    if decoded == uri:
        return [uri]
    # A colon is no fault of a name: only in the first segment it would be a scheme.
    likely = is_reference(f"./{uri.lstrip('/')}")
    return [decoded, uri] if likely else [uri, decoded]


def module_path(uri: str) -> str | None:
    """Return the path of a file in a fetched module, by its source; None for any other URI.

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


_SCHEME = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:(?://|(?=[^\d/]))", re.IGNORECASE)


_DIGEST = re.compile(r"@sha(?:256|512):[0-9a-f]{16,128}")


# image:tag as the last part of a path; a port would stand before a slash.
_TAGGED = re.compile(r"(?P<name>[a-z0-9]+(?:[._-][a-z0-9]+)*):(?P<tag>[A-Za-z0-9_][\w.-]{0,127})")


_SYSTEM = re.compile(r"\s{0,20}\([a-z][\w .-]{0,200}\)$")


_RUNNER = re.compile(r"^/(?:github/workspace|home/runner/work/[^/]+/[^/]+|__w/[^/]+/[^/]+)/")


_FILE = re.compile(r"^file:(?://(?:localhost)?(?=/))?", re.IGNORECASE)


_LINE_FRAGMENT = re.compile(r"#L\d+(?:[-,:]L?\d+)?$")


_CHANGED = "path that is no URI of a file of the repository"


_SCHEMES = frozenset({"http", "https", "git", "ssh", "ftp", "docker", "oci", "data", "urn", "pkg"})


class UploadPlaces:
    """Mends the locations of the results of one run.

    ``root`` is the directory that paths are relative to, if there is one, and ``prefix`` where
    that is in the repository (``service/``, or empty at its top).
    """

    def __init__(
        self, run: Mapping[str, Any], root: Path | None, tally: Tally, prefix: str = ""
    ) -> None:
        self._prefix = prefix
        self._uris = UriResolver(run, root)
        self._tree = None if root is None else WorkTree(root, prefix)
        self._tally = tally
        self._seen: dict[str, tuple[str, str | None]] = {}

    def mend(self, result: dict[str, Any]) -> bool:
        """Repair every location in ``result``; False if it has none that GitHub could show."""
        image = _image_of(result)
        locations = result.get("locations")
        if not isinstance(locations, list):
            locations = []
        kept = [place for place in locations if self._mend_location(place, image)]
        if len(kept) < len(locations) and kept:
            self._tally.mend("location without a file")
        for place in kept:
            _mend_region(place["physicalLocation"], self._tally)
        if kept:
            result["locations"] = kept
        for key in ("relatedLocations", "codeFlows", "stacks", "fixes", "attachments"):
            if key in result:
                self._mend_all(result[key])
        return bool(kept)

    def mend_artifacts(self, artifacts: Any) -> None:
        """Repair the list of files of the run, to which results may refer by index."""
        for artifact in artifacts if isinstance(artifacts, list) else ():
            location = artifact.get("location") if isinstance(artifact, dict) else None
            if isinstance(location, dict) and not self._mend_artifact(location, None):
                location.pop("uri", None)

    def _mend_location(self, place: Any, image: str | None) -> bool:
        physical = place.get("physicalLocation") if isinstance(place, dict) else None
        artifact = physical.get("artifactLocation") if isinstance(physical, dict) else None
        return isinstance(artifact, dict) and self._mend_artifact(artifact, image)

    def _mend_all(self, value: Any) -> None:
        if isinstance(value, dict):
            for key in ("artifactLocation", "analysisTarget"):
                artifact = value.get(key)
                if isinstance(artifact, dict) and not self._mend_artifact(artifact, None):
                    # One URI that is none would sink the whole file.
                    artifact.pop("uri", None)
            for item in value.values():
                if isinstance(item, dict | list):
                    self._mend_all(item)
        elif isinstance(value, list):
            for item in value:
                self._mend_all(item)

    def _mend_artifact(self, artifact: dict[str, Any], image: str | None) -> bool:
        """Make ``artifact`` relative to the repository; False if it names no file at all."""
        uri, base = artifact.get("uri"), artifact.get("uriBaseId")
        if not isinstance(uri, str) or not uri:
            path = self._uris.path(artifact)
            if not path:
                return False
            uri, base = encode(path), None
            self._tally.mend("location that names its file by index only", path)
        what: str | None
        if image is not None and uri == _written(image):
            mended, what = encode(image_key(image)), "image tag or digest in a path"
        else:
            key = f"{base}\0{uri}"
            relative = self._seen.get(key)
            if relative is None:
                relative = self._seen[key] = self._relative(uri, base)
            mended, what = relative
        if not is_reference(mended):
            return False
        artifact["uri"] = mended
        if what is not None:
            artifact.pop("uriBaseId", None)
            self._tally.mend(what, uri)
        return True

    def _relative(self, uri: str, base: Any) -> tuple[str, str | None]:
        """The URI to write, and the mend that it took (None if it may stay as it is)."""
        based = base is not None and base != ROOT_BASE
        path = None if based and not is_absolute(uri) else self._on_disk(uri)
        what = "path behind a symbolic link"
        if path is not None and not path.linked:
            what = _CHANGED
        if path is None:
            name, said = self._by_text(uri, base if based else None)
            tracked = None if self._tree is None else self._tree.find(name)
            if tracked is not None:
                path, what = tracked, said or _CHANGED
            else:
                tidy, left = below(f"{self._prefix}{name}")
                what = "path outside of the checkout" if left else said or _CHANGED
                return self._changed(uri, encode(tidy or "unknown"), what)
        return self._changed(uri, encode(path.name), what)

    def _changed(self, uri: str, mended: str, what: str) -> tuple[str, str | None]:
        if mended == uri:
            return mended, None
        if self._prefix and what == _CHANGED:
            what = "path relative to a directory of the repository"
        return mended, what

    def _on_disk(self, uri: str) -> TreePath | None:
        """The file of the checkout that ``uri`` names, decoded or as a raw name."""
        if self._tree is None:
            return None
        bare = _FILE.sub("", uri)
        for text in dict.fromkeys((uri, bare, bare.partition("#")[0])):
            for path in meant(text) if text else ():
                path_on_disk = self._tree.find(path)
                if path_on_disk is not None:
                    return path_on_disk
        return None

    def _by_text(self, uri: str, base: Any) -> tuple[str, str | None]:
        """The path that ``uri`` seems to mean where no such file is there, and the mend."""
        module = module_path(uri)
        if module is not None:
            return module, "source of a module in a path"
        stable = self._without_tag(uri)
        what = "image tag or digest in a path" if stable != uri else None
        if base is not None:
            path = self._uris.path({"uri": stable, "uriBaseId": base})
            if path and path != unquote(stable):
                return path, what or "path below another base"
        if is_absolute(stable):
            path = self._uris.path({"uri": stable}) or decode(stable)
            path = _RUNNER.sub("", path) if path.startswith("/") else path
            what = "absolute path" if not is_absolute(path) else "path outside of the checkout"
            path = re.sub(r"^(?:file:)?/*(?:[A-Za-z]:)?[\\/]*", "", path)
            return path.replace("\\", "/"), what
        scheme = _SCHEME.match(stable)
        if scheme is not None and ("//" in scheme[0] or scheme[0].rstrip(":").lower() in _SCHEMES):
            return decode(stable[scheme.end() :].lstrip("/")), "URI of another scheme"
        line = _LINE_FRAGMENT.search(stable)
        stable = stable[: line.start()] if line else stable
        path = meant(stable)[0]
        if "\\" in path:
            path, what = path.replace("\\", "/"), what or "backslashes in a path"
        if path.startswith("./"):
            path, what = re.sub(r"^(?:\./)+", "", path), what or "leading ./ in a path"
        return path, what

    def _without_tag(self, uri: str) -> str:
        """``uri`` without the tag or digest of an image, by which alerts would come and go."""
        bare = _SYSTEM.sub("", _DIGEST.sub("", unquote(uri)))
        if bare.startswith("/") or "://" in bare:
            return uri
        head, slash, last = bare.rpartition("/")
        tagged = _TAGGED.fullmatch(last)
        if tagged is not None and (
            slash or tagged["tag"][0].isdigit() or tagged["name"].lower() not in _SCHEMES | {"file"}
        ):
            return encode(f"{head}{slash}{tagged['name']}")
        return uri if bare == unquote(uri) else encode(bare)


def path_of(result: Mapping[str, Any]) -> str:
    """Return the path of the first location of a mended result."""
    uri: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return uri


def line_of(result: Mapping[str, Any]) -> int:
    """Return the line of the first location of a mended result."""
    line: int = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    return line


def _image_of(result: Mapping[str, Any]) -> str | None:
    bag = result.get("properties")
    ours = bag.get("secagg") if isinstance(bag, Mapping) else None
    place = ours.get("location") if isinstance(ours, Mapping) else None
    image = place.get("image") if isinstance(place, Mapping) else None
    return image if isinstance(image, str) else None


def _written(image: str) -> str:
    """How an image that stands for a path is written by :mod:`secagg.sarif.build`."""
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
