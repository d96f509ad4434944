"""Locations as code scanning needs them: relative to the checkout, with a line, and stable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from secagg.github.paths import below, decode, encode, is_reference, meant, module_path
from secagg.github.tally import Tally
from secagg.github.worktree import TreePath, WorkTree
from secagg.model.place import image_key
from secagg.sarif.uris import ROOT_BASE, UriResolver, is_absolute

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
        for key in ("relatedLocations", "codeFlows", "stacks", "fixes", "attachments"):
            if key in result:
                self._mend_all(result[key])
        return bool(kept)

    def mend_artifacts(self, artifacts: Any) -> None:
        """Mend the list of files of the run, to which results may refer by index."""
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
            found = self._seen.get(key)
            if found is None:
                found = self._seen[key] = self._relative(uri, base)
            mended, what = found
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
            found = None if self._tree is None else self._tree.find(name)
            if found is not None:
                path, what = found, said or _CHANGED
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
                found = self._tree.find(path)
                if found is not None:
                    return found
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
    """The path of the first location of a mended result."""
    uri: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return uri


def line_of(result: Mapping[str, Any]) -> int:
    """The line of the first location of a mended result."""
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
