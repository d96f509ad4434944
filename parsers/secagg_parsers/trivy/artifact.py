"""What Trivy scanned: the artifact, its package list, and where a finding lies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Location
from secagg.system.patterns import lazy
from secagg_parsers.fields import (
    Entry,
    Masker,
    any_mapping,
    any_text,
    any_texts,
    listed,
    position,
    text,
)
from secagg_parsers.places import Places, base_of
from secagg_parsers.purls import is_system

_DIGEST = lazy(r"sha(?:256|512):[0-9a-f]{64,128}")


_IMAGES = frozenset({"container_image", "image", "vm"})


_TREES = frozenset({"filesystem", "repository"})


_BILLS = frozenset({"cyclonedx", "spdx", "sbom"})


# ``redis:6 (debian 10.4)``: Trivy appends the operating system to what it found it in.
_SYSTEM = lazy(r" \([^()]*\)$")


# Types whose packages Trivy gathers under the name of a language rather than a file.
_GATHERED = frozenset({"jar", "node-pkg", "python-pkg", "gemspec", "conda-pkg"})


def digests_of(metadata: Entry) -> tuple[str, ...]:
    """Return the digests (``sha256:...``) by which a report's ``Metadata`` names its image."""
    repo_digests = [name.rpartition("@")[2] for name in any_texts(metadata, "RepoDigests")]
    return tuple(
        dict.fromkeys(filter(_DIGEST.fullmatch, [*repo_digests, str(metadata.get("ImageID"))]))
    )


class Artifact:
    """An image, a directory, an SBOM, or (``resource``) one resource of a cluster.

    ``digests`` are the image's, by :func:`digests_of`.
    """

    def __init__(
        self,
        root: Path | None,
        component: str | None,
        mask: Callable[[str], str],
        real: Callable[[str], str],
        *,
        name: str | None,
        kind: str | None,
        resource: str | None,
        digests: tuple[str, ...] = (),
    ) -> None:
        self.digests = digests
        self.resource = None if resource is None else mask(resource)
        self.mask = mask
        self.is_tree = kind in _TREES or (kind is None and resource is None)
        self.image = mask(name) if name and kind in _IMAGES else None
        base = component or (base_of(name, root) if name and self.is_tree else None)
        self.places = Places(root, base, real) if self.is_tree else Places(None, None, real)
        self.bill = Places(root, None, real)[name] if name and kind in _BILLS else None


class TrivyTarget:
    """One result's ``Target``: a file, an operating system, or a language's packages.

    Raises OddEntry where ``Target``, ``Class`` or ``Type`` is no text.
    """

    def __init__(self, artifact: Artifact, result: Entry) -> None:
        self.artifact = artifact
        path = text(result, "Target") or ""
        self.name = artifact.mask(path)
        self.type = text(result, "Type") or ""
        kind = text(result, "Class") or ""
        self.is_system = kind == "os-pkgs" or (kind == "" and is_system(self.type))
        gathered = self.is_system or (self.type in _GATHERED and "/" not in self.name)
        clustered = artifact.resource is not None
        is_file = not (gathered or clustered) and kind != "license"
        self.uri = artifact.places[path] if is_file and path else artifact.bill
        self.logical = None if is_file and not artifact.bill else self.name or None
        self.image = artifact.image
        if clustered and kind in ("os-pkgs", "lang-pkgs", "secret", "license-file", ""):
            self.image = _SYSTEM.sub("", self.name) or None
        elif self.is_system and not artifact.is_tree and artifact.bill is None:
            self.image = self.image or _SYSTEM.sub("", self.name) or None

    def place(
        self,
        entry: Entry,
        *,
        path: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> Location:
        """Return where ``entry`` lies: at ``path`` if it names one, else at the target."""
        layer = entry.get("Layer")
        if layer:
            layer = any_mapping(entry, "Layer")
            layer = any_text(layer, "DiffID") or any_text(layer, "Digest")
        if path is None:
            uri, logical = self.uri, self.logical
        else:
            uri = self.artifact.places[path]
            logical = self.name if self.name not in ("", path) else None
        return Location(
            uri=uri,
            start_line=start,
            end_line=end if start is not None else None,
            image=self.image,
            digests=self.artifact.digests if self.image is not None else (),
            layer=layer or None,
            logical=logical,
        )


_EMPTY: Entry = {}


class PackageList:
    """``Packages`` of one result, by the ids that its vulnerabilities refer to.

    An entry of the list that is odd is as good as none: it only adds to what vulnerabilities
    say themselves.
    """

    def __init__(self, result: Entry, mask: Masker) -> None:
        packages = result.get("Packages")
        self._entries: Sequence[Any] = packages if is_list(packages) else ()
        self._mask = mask
        self._known: dict[str, Entry] | None = None
        self._above: dict[str, str] | None = None

    def of(self, uid: object, package_id: object, name: str, version: str | None) -> Entry:
        """Return the list's entry for a vulnerability's package; empty if there is none."""
        if not self._entries:
            return _EMPTY
        entries = self._known
        if entries is None:
            entries = self._known = self._index()
        for key in (uid, package_id, f"{name}@{version}"):
            if isinstance(key, str) and key in entries:
                return entries[key]
        return _EMPTY

    def lines(self, package: Entry) -> tuple[int | None, int | None]:
        """Return the first place at which the lock file names a package: first and last line."""
        if not package:
            return None, None
        for place in listed(package, "Locations"):
            if isinstance(place, dict):
                return position(place, "StartLine"), position(place, "EndLine")
        return None, None

    def path(self, package: Entry) -> tuple[str, ...]:
        """Return the shortest path to a package, from a direct dependency; empty if unknown."""
        package_id = package.get("ID")
        if not isinstance(package_id, str) or not package_id:
            return ()
        if self._above is None:
            self._above = self._walk()
        if package_id not in self._above:
            return ()
        steps = [package_id]
        while (package_id := self._above[package_id]) and len(steps) < 100:
            steps.append(package_id)
        return tuple([self._mask[step] for step in reversed(steps)])

    def _index(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for package in self._entries:
            if not isinstance(package, dict):
                continue
            identifier = package.get("Identifier")
            if isinstance(identifier, dict) and isinstance(identifier.get("UID"), str):
                entries.setdefault(identifier["UID"], package)
            if isinstance(package.get("ID"), str):
                entries.setdefault(package["ID"], package)
            entries.setdefault(f"{package.get('Name')}@{package.get('Version')}", package)
        return entries

    def _walk(self) -> dict[str, str]:
        """Map each package to its parent on a shortest path (empty: the project)."""
        needs: dict[str, list[str]] = {}
        starts: list[str] = []
        for package in self._entries:
            if not isinstance(package, dict) or not isinstance(package.get("ID"), str):
                continue
            below = package.get("DependsOn")
            needs[package["ID"]] = (
                [item for item in below if isinstance(item, str)] if isinstance(below, list) else []
            )
            if is_direct(package):
                starts.append(package["ID"])
        above = dict.fromkeys(starts, "")
        queue = deque(starts)
        while queue:
            package_id = queue.popleft()
            for item in needs.get(package_id, ()):
                if item not in above:
                    above[item] = package_id
                    queue.append(item)
        return above


def is_direct(package: Entry) -> bool | None:
    """Tell whether a dependency is direct; None if Trivy does not say."""
    relationship = package.get("Relationship")
    if relationship in ("root", "workspace", "direct"):
        return True
    if relationship == "indirect" or package.get("Indirect") is True:
        return False
    return None
