"""Locations as code scanning needs them: relative to the checkout, with a line, and stable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from secagg.github.tally import Tally
from secagg.naming.place import image_key
from secagg.sarif.uris import ROOT_BASE, UriResolver, encode_path, is_absolute

_SCHEME = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:(?://|(?=[^\d/]))", re.IGNORECASE)
_DIGEST = re.compile(r"@sha(?:256|512):[0-9a-f]{16,128}")
# image:tag as the last part of a path; a port would stand before a slash.
_TAGGED = re.compile(r"(?P<name>[a-z0-9]+(?:[._-][a-z0-9]+)*):(?P<tag>[A-Za-z0-9_][\w.-]{0,127})")
_SYSTEM = re.compile(r"\s*\([a-z][\w .-]*\)$")
_RUNNER = re.compile(r"^/(?:github/workspace|home/runner/work/[^/]+/[^/]+|__w/[^/]+/[^/]+)/")
_SCHEMES = frozenset({"http", "https", "git", "ssh", "ftp", "docker", "oci", "data", "urn", "pkg"})


class Places:
    """Mends the locations of the results of one run.

    ``root`` is the directory that paths are relative to, if there is one, and ``prefix`` where
    that lies in the repository (``service/``, or empty at its top).
    """

    def __init__(
        self, run: Mapping[str, Any], root: Path | None, tally: Tally, prefix: str = ""
    ) -> None:
        self._prefix = encode_path(prefix)
        self._uris = UriResolver(run, root)
        self._root = root
        self._tally = tally
        self._seen: dict[str, tuple[str, str | None]] = {}

    def mend(self, result: dict[str, Any]) -> bool:
        """Mend every location in ``result``; False if it has none that GitHub could show."""
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
        for key in ("relatedLocations", "codeFlows", "stacks"):
            if key in result:
                self._mend_all(result[key])
        return bool(kept)

    def _mend_location(self, place: Any, image: str | None) -> bool:
        physical = place.get("physicalLocation") if isinstance(place, dict) else None
        artifact = physical.get("artifactLocation") if isinstance(physical, dict) else None
        return isinstance(artifact, dict) and self._mend_artifact(artifact, image)

    def _mend_all(self, value: Any) -> None:
        if isinstance(value, dict):
            artifact = value.get("artifactLocation")
            if isinstance(artifact, dict):
                self._mend_artifact(artifact, None)
            for item in value.values():
                if isinstance(item, dict | list):
                    self._mend_all(item)
        elif isinstance(value, list):
            for item in value:
                self._mend_all(item)

    def _mend_artifact(self, artifact: dict[str, Any], image: str | None) -> bool:
        """Make ``artifact`` relative to the repository; False if it names no file at all."""
        named = self._mend_path(artifact, image)
        if named and self._prefix and image is None:
            artifact["uri"] = f"{self._prefix}{artifact['uri']}"
            self._tally.mend("path relative to a directory of the repository", artifact["uri"])
        return named

    def _mend_path(self, artifact: dict[str, Any], image: str | None) -> bool:
        uri, base = artifact.get("uri"), artifact.get("uriBaseId")
        if not isinstance(uri, str) or not uri.strip():
            path = self._uris.path(artifact)
            if not path:
                return False
            uri, base = path, None
            self._tally.mend("location that names its file by index only", path)
            artifact["uri"] = encode_path(path)
            artifact.pop("uriBaseId", None)
        if image is not None and uri == _written(image):
            return self._put(artifact, image_key(image), "image tag or digest in a path", uri)
        key = f"{base}\0{uri}"
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = self._relative(uri, base)
        mended, what = found
        if what is not None:
            return self._put(artifact, unquote(mended), what, uri)
        return True

    def _put(self, artifact: dict[str, Any], path: str, what: str, uri: str) -> bool:
        artifact["uri"] = _encoded(path)
        artifact.pop("uriBaseId", None)
        self._tally.mend(what, uri)
        return bool(artifact["uri"])

    def _relative(self, uri: str, base: Any) -> tuple[str, str | None]:
        """The URI to write, and the mend that it took (None if it may stay as it is)."""
        stable = self._without_tag(uri)
        what = "image tag or digest in a path" if stable != uri else None
        if base is not None and base != ROOT_BASE:
            path = self._uris.path({"uri": stable, "uriBaseId": base})
            if path and path != unquote(stable):
                stable, what = encode_path(path), what or "path below another base"
        if is_absolute(stable):
            path = self._uris.path({"uri": stable}) or stable
            path = _RUNNER.sub("", path) if path.startswith("/") else path
            what = "absolute path" if not is_absolute(path) else "path outside of the checkout"
            path = re.sub(r"^(?:file:)?/*(?:[A-Za-z]:)?[\\/]*", "", path)
            return encode_path(path.replace("\\", "/")) or "unknown", what
        scheme = _SCHEME.match(stable)
        if scheme is not None and ("//" in scheme[0] or scheme[0].rstrip(":").lower() in _SCHEMES):
            return stable[scheme.end() :].lstrip("/"), "URI of another scheme"
        if "\\" in stable:
            stable, what = stable.replace("\\", "/"), what or "backslashes in a path"
        tidy = re.sub(r"^(?:\./)+", "", stable)
        if tidy.startswith("../") or "/../" in tidy:
            parts: list[str] = []
            for part in tidy.split("/"):
                if part != "..":
                    parts.append(part)
                elif parts:
                    parts.pop()
            tidy, what = "/".join(parts) or "unknown", what or "path outside of the checkout"
        elif tidy != stable:
            what = what or "leading ./ in a path"
        return tidy, what

    def _without_tag(self, uri: str) -> str:
        """``uri`` without the tag or digest of an image, by which alerts would come and go."""
        bare = _SYSTEM.sub("", _DIGEST.sub("", unquote(uri)))
        if bare.startswith("/") or "://" in bare or self._is_file(bare):
            return uri
        head, slash, last = bare.rpartition("/")
        tagged = _TAGGED.fullmatch(last)
        if tagged is not None and (
            slash or tagged["tag"][0].isdigit() or tagged["name"].lower() not in _SCHEMES | {"file"}
        ):
            return _encoded(f"{head}{slash}{tagged['name']}")
        return uri if bare == unquote(uri) else _encoded(bare)

    def _is_file(self, path: str) -> bool:
        try:
            return self._root is not None and (self._root / path).is_file()
        except (OSError, ValueError):
            return False


def path_of(result: Mapping[str, Any]) -> str:
    """The path of the first location of a mended result."""
    uri: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return uri


def line_of(result: Mapping[str, Any]) -> int:
    """The line of the first location of a mended result."""
    line: int = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    return line


def _encoded(path: str) -> str:
    """A relative URI reference: a colon in it must not make a scheme of what stands before."""
    return encode_path(path) if ":" not in path else encode_path(f"./{path}").removeprefix("./")


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
