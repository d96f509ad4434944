"""The components of a monorepo: the directories that hold a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from secagg.packages.manifests import component_kind
from secagg.system.files import walk

ROOT = "."


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A directory with manifests of its own.

    ``path`` is relative to the root (``.`` for the root itself); ``manifests`` are file
    names in it; ``ecosystems`` are purl types (``docker`` for a Dockerfile).
    """

    path: str
    ecosystems: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()


def find_components(root: Path) -> list[Component]:
    """The components below ``root`` in the order of their paths, the root among them always."""
    components = [_component(root, directory, files) for directory, files in walk(root)]
    return [c for c in components if c.manifests or c.path == ROOT]


def component_of(components: Iterable[Component]) -> Callable[[str | None], str]:
    """What gives the path of the innermost of ``components`` that holds a URI (``.`` if none)."""
    paths = {component.path for component in components}

    @cache
    def of_directory(directory: str) -> str:
        if "//" in directory or "./" in directory:
            directory = str(PurePosixPath(directory))
        while directory and directory not in paths:
            directory = directory.rpartition("/")[0]
        return directory or ROOT

    if paths <= {ROOT}:
        return lambda uri: ROOT

    @cache
    def of(uri: str | None) -> str:
        if uri is None:
            return ROOT
        directory, _, name = uri.rpartition("/")
        if not directory or name in ("", "."):
            directory = str(PurePosixPath(uri).parent)
        return of_directory(directory)

    return of


def _component(root: Path, directory: Path, files: list[str]) -> Component:
    kinds = {name: kind for name in files if (kind := component_kind(name))}
    path = directory.relative_to(root).as_posix()
    return Component(path, tuple(sorted(set(kinds.values()))), tuple(sorted(kinds)))
