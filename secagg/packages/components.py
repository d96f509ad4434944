"""Find the components of a monorepo: the directories with a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePosixPath

from msgspec import Struct

from secagg.model.finding import Finding
from secagg.model.place import image_key
from secagg.packages.manifests import component_kind
from secagg.system.files import walk

ROOT = "."
IMAGE = "image:"
"""The prefix of the component of a scanned image, which is no part of the source tree."""


class Component(Struct, frozen=True, order=True):
    """A directory with manifests.

    ``path`` is relative to the root (``.`` for the root itself); ``manifests`` are file
    names in it; ``ecosystems`` are purl types (``docker`` for a Dockerfile).
    """

    path: str
    ecosystems: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()


def find_components(root: Path) -> list[Component]:
    """Return the components below ``root``, sorted by path; the root is always one of them."""
    components = [_component(root, directory, files) for directory, files in walk(root)]
    return [c for c in components if c.manifests or c.path == ROOT]


def innermost_component(components: Iterable[Component]) -> Callable[[str | None], str]:
    """Make a function from a URI to the path of its innermost component (``.`` if in none)."""
    paths = {component.path for component in components}

    @cache
    def component_of_directory(directory: str) -> str:
        if "//" in directory or "./" in directory:
            directory = str(PurePosixPath(directory))
        while directory and directory not in paths:
            directory = directory.rpartition("/")[0]
        return directory or ROOT

    if paths <= {ROOT}:
        return lambda uri: ROOT

    @cache
    def component_of(uri: str | None) -> str:
        if uri is None:
            return ROOT
        directory, _, name = uri.rpartition("/")
        if not directory or name in ("", "."):
            directory = str(PurePosixPath(uri).parent)
        return component_of_directory(directory)

    return component_of


def component_of(finding: Finding) -> str:
    """Return the component of a finding, or the image that it is in, without tag and digest."""
    if finding.location.image is not None:
        return IMAGE + image_key(finding.location.image)
    return finding.component or ROOT


def _component(root: Path, directory: Path, files: list[str]) -> Component:
    kinds = {name: kind for name in files if (kind := component_kind(name))}
    path = directory.relative_to(root).as_posix()
    return Component(path, tuple(sorted(set(kinds.values()))), tuple(sorted(kinds)))
