"""What a dependency scanner did not report on: manifests found here, compared with reports.

Trivy and Snyk both leave out, without a word, a manifest that they cannot read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from secagg.packages.components import ROOT, Component, component_of, find_components
from secagg.packages.manifests import (
    MANIFESTS,
    Manifest,
    covers_member,
    included,
    is_requirements,
    is_workspace_member,
    locks_of,
    mapping,
)
from secagg.system.files import MIB, read_regular, walk
from secagg.system.tomltext import loads_toml

_LARGEST = 64 * MIB
_PINNED = re.compile(r"={2,3}|\s@\s")
_OLD_GO = re.compile(r"^go 1\.(?:\d|1[0-6])(?:\.\d+)?\s*$", re.MULTILINE)


def unread_manifests(
    root: Path, components: Sequence[Component], spoken_of: Collection[str]
) -> Iterator[str]:
    """Yield a sentence for each manifest with dependencies that is not among ``spoken_of``.

    ``spoken_of`` holds paths relative to ``root``. A manifest without a lock file that covers it
    is told as such; one that declares no dependency is left out.
    """
    requirements = set(requirements_files(root, components))
    for directory, names in _directories(root, components):
        locks = locks_of(names)
        for name in locks:
            path = _join(directory, name)
            if path not in spoken_of and (wrong := _why_it_counts(root, path)):
                yield f"{path} was not read: {wrong}"
            elif name == "go.mod" and "go.sum" not in names and _needs_sum(root, path):
                yield f"{path} has no go.sum: what its requirements need was not checked"
        own = sorted(path for path in requirements if _parent(path) == directory)
        for path in own:
            if path not in spoken_of and (wrong := _why_it_counts(root, path)):
                yield f"{path} was not read: {wrong}"
        for name in names:
            manifest = next((m for m in MANIFESTS if m.is_named(name)), None)
            if manifest is None or set(manifest.locks) & set(locks):
                continue
            if "poetry.lock" in manifest.locks and any(_has_needs(root, path) for path in own):
                continue
            path = _join(directory, name)
            if _declares(manifest, root, path) and not _locked_above(root, path, manifest):
                yield f"{path} has dependencies but no lock file: they were not checked"


def requirements_files(root: Path, components: Sequence[Component]) -> Iterator[str]:
    """The sets of pip's requirements below ``root``, and what they include, by relative paths."""
    waiting = [
        path
        for directory, names in _directories(root, components)
        for path in (_join(directory, name) for name in names)
        if is_requirements(path)
    ]
    queued = set(waiting)
    while waiting:
        path = waiting.pop()
        yield path
        try:
            text = _text(root, path)
        except (OSError, ValueError):
            continue
        for name in included(text):
            other = os.path.normpath(_join(_parent(path), name))
            if other not in queued and not other.startswith((".." + os.sep, os.sep)):
                queued.add(other)
                if (root / other).is_file():
                    waiting.append(other)


def _directories(root: Path, components: Sequence[Component]) -> Iterator[tuple[str, list[str]]]:
    """Each directory of the chosen components, relative to ``root``, with its file names."""
    chosen = {component.path for component in components}
    innermost = component_of(find_components(root))
    for directory, names in walk(root):
        path = directory.relative_to(root).as_posix()
        here = "" if path == ROOT else path
        if innermost(_join(here, "x")) in chosen:
            yield here, names


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _locked_above(root: Path, path: str, manifest: Manifest) -> bool:
    """Whether a directory above has the lock file of a workspace that ``path`` is a member of."""
    here = PurePosixPath(path).parent
    for parent in here.parents:
        member = here.relative_to(parent).as_posix()
        if any((root / parent / name).is_file() for name in manifest.above):
            return True
        for name in manifest.locks:
            lock = (parent / name).as_posix()
            if (root / lock).is_file() and _is_member(root, path, lock, member):
                return True
    return False


def _is_member(root: Path, path: str, lock: str, member: str) -> bool:
    above = PurePosixPath(lock)
    try:
        if covers_member(above.name, _text(root, lock), member, _text(root, path)):
            return True
        workspace = above.with_name("package.json").as_posix()
        return PurePosixPath(path).name == "package.json" and is_workspace_member(
            _text(root, workspace), member
        )
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return False


def _needs_sum(root: Path, path: str) -> bool:
    """Whether a go.mod names direct requirements only: before Go 1.17 (Go Modules Reference)."""
    try:
        text = _text(root, path)
        return _OLD_GO.search(text) is not None and _locks(PurePosixPath(path).name, text)
    except (OSError, ValueError):
        return False


def _has_needs(root: Path, path: str) -> bool:
    try:
        return bool(_needs(_text(root, path)))
    except (OSError, ValueError):
        return True


def _why_it_counts(root: Path, name: str) -> str | None:
    """Why a lock file that nobody spoke of matters; None if it locks nothing."""
    try:
        text = _text(root, name)
        if not _locks(PurePosixPath(name).name, text):
            return None
        if name.endswith(".txt") and not any(map(_PINNED.search, _needs(text))):
            return "it pins no exact version"
        return "it locks dependencies"
    except OSError as error:
        return f"it cannot be opened ({error.strerror})"
    except (ValueError, RecursionError):
        return "it is broken"


def _locks(name: str, text: str) -> bool:
    """True if a lock file has an entry that a scanner looks at. Raises ValueError if broken."""
    match name:
        case "package-lock.json" | "npm-shrinkwrap.json":
            document = mapping(json.loads(text))
            packages = mapping(document.get("packages", {}))
            entries = [entry for name, entry in packages.items() if name]
            entries += mapping(document.get("dependencies", {})).values()
            return any(not mapping(entry).get("dev") for entry in entries)
        case "Pipfile.lock":
            return bool(mapping(json.loads(text)).get("default"))
        case "poetry.lock":
            return bool(loads_toml(text).get("package"))
        case "Cargo.lock" | "uv.lock":
            return len(loads_toml(text).get("package", ())) > 1  # one is the project itself
        case "go.mod":
            return any(line.lstrip().startswith("require") for line in text.splitlines())
        case "pom.xml":
            return re.search(r"<dependency[\s/>]", text) is not None
        case "pnpm-lock.yaml":
            return "\npackages:" in text
        case "composer.lock":
            return bool(mapping(json.loads(text)).get("packages"))
        case "Gemfile.lock":
            return re.search(r"^    \S+ \(", text, re.MULTILINE) is not None
        case "packages.lock.json":
            return any(mapping(json.loads(text)).get("dependencies", {}).values())
        case "packages.config":
            return re.search(r"<package\s", text) is not None
        case "Directory.Packages.props":
            return re.search(r"<PackageVersion\s", text) is not None
        case "Package.resolved":
            return '"identity"' in text or '"package"' in text
        case "Podfile.lock":
            return "PODS:" in text
        case "pubspec.lock":
            return "packages:" in text
        case "mix.lock":
            return "{:" in text
        case "conan.lock":
            document = mapping(json.loads(text))
            return bool(document.get("requires") or document.get("graph_lock"))
        case "bun.lock":
            return '"packages": {' in text
        case "pylock.toml":
            return bool(loads_toml(text).get("packages"))
        case "build.sbt.lock":
            return '"dependencies"' in text
        case "gradle.lockfile":
            return any(":" in line for line in _lines(text))
        case _:
            return any(not line.startswith("-") for line in _lines(text))


def unpinned(root: Path, components: Sequence[Component]) -> Iterator[str]:
    """Yield a sentence for each requirements file of which some lines name no exact version."""
    for path in sorted(requirements_files(root, components)):
        try:
            needs = _needs(_text(root, path))
        except (OSError, ValueError):
            continue
        loose = sum(not _PINNED.search(line) for line in needs)
        if 0 < loose < len(needs):
            yield (
                f"{loose} of {len(needs)} requirements in {path} name no exact version: "
                "they were not checked"
            )


def _needs(text: str) -> list[str]:
    """The lines of a requirements file that name a package."""
    joined = text.replace("\\\n", " ")
    return [line for line in _lines(joined) if not line.startswith("-")]


def _text(root: Path, name: str) -> str:
    """The text of a manifest below ``root``. Raises OSError or ValueError where it has none."""
    return read_regular(root / name, limit=_LARGEST, within=root).decode("utf-8-sig")


def _declares(manifest: Manifest, root: Path, path: str) -> bool:
    """True if a manifest declares dependencies that need a lock file, or cannot be read."""
    try:
        return manifest.declares(_text(root, path))
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return True


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped
