"""Compare the manifests of the tree with those that a dependency scanner reports.

Trivy and Snyk silently leave out manifests that they cannot read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from secagg.packages.components import ROOT, Component, find_components, innermost_component
from secagg.packages.locked import missing_packages
from secagg.packages.manifests import (
    MANIFESTS,
    Manifest,
    covers_member,
    included_files,
    is_requirements,
    is_workspace_member,
    locks_of,
    mapping,
)
from secagg.packages.unchecked import UNCHECKED
from secagg.system.files import MIB, read_regular, walk
from secagg.system.tomltext import loads_toml

_LARGEST = 64 * MIB
# Lock files in which all packages of all members of a workspace have an entry.
_HOLD_ALL_MEMBERS = frozenset({"package-lock.json", "npm-shrinkwrap.json", "uv.lock"})
# Names of packages in a sentence.
_NAMED = 3
_PINNED = re.compile(r"={2,3}|\s@\s")
_OLD_GO = re.compile(r"^go 1\.(?:\d|1[0-6])(?:\.\d+)?\s*$", re.MULTILINE)


def unread_manifests(
    root: Path, components: Sequence[Component], reported: Collection[str]
) -> Iterator[str]:
    """Yield a sentence for each manifest with dependencies that is not among ``reported``.

    ``reported`` are paths relative to ``root``. A manifest without a lock file gets a sentence,
    too, unless it declares no dependency.
    """
    requirements = set(requirements_files(root, components))
    for directory, names in _directories(root, components):
        locks = locks_of(names)
        for name in locks:
            path = _join(directory, name)
            if path not in reported and (reason := _why_needed(root, path)):
                yield f"{path} was not read: {reason}"
            elif name == "go.mod" and "go.sum" not in names and _needs_sum(root, path):
                yield f"{path} has no go.sum: what its requirements need was not checked"
        beside = sorted(path for path in requirements if _parent(path) == directory)
        for path in beside:
            if path not in reported and (reason := _why_needed(root, path)):
                yield f"{path} was not read: {reason}"
        for name in names:
            path = _join(directory, name)
            if any(m.is_named(name) and _declares(m, root, path) for m in UNCHECKED):
                yield f"{path} has dependencies of a kind that Trivy does not check"
            manifest = next((m for m in MANIFESTS if m.is_named(name)), None)
            if manifest is None:
                continue
            if beside_it := [lock for lock in manifest.locks if lock in locks]:
                yield from _not_held(root, manifest, path, [_join(directory, x) for x in beside_it])
                continue
            if "poetry.lock" in manifest.locks and any(
                _has_requirements(root, path) for path in beside
            ):
                continue
            if not _declares(manifest, root, path):
                continue
            above = _locked_above(root, path, manifest)
            if above is None:
                yield f"{path} has dependencies but no lock file: they were not checked"
            elif PurePosixPath(above).name in _HOLD_ALL_MEMBERS:
                yield from _not_held(root, manifest, path, [above])


def requirements_files(root: Path, components: Sequence[Component]) -> Iterator[str]:
    """Yield the relative paths of pip's requirements files, and of the files that they include."""
    pending = [
        path
        for directory, names in _directories(root, components)
        for path in (_join(directory, name) for name in names)
        if is_requirements(path)
    ]
    queued = set(pending)
    while pending:
        path = pending.pop()
        yield path
        try:
            text = _text(root, path)
        except (OSError, ValueError):
            continue
        for name in included_files(text):
            other = os.path.normpath(_join(_parent(path), name))
            if other not in queued and not other.startswith((".." + os.sep, os.sep)):
                queued.add(other)
                if (root / other).is_file():
                    pending.append(other)


def unpinned(root: Path, components: Sequence[Component]) -> Iterator[str]:
    """Yield a sentence for each requirements file in which some lines have no exact version."""
    for path in sorted(requirements_files(root, components)):
        try:
            requirements = _requirements(_text(root, path))
        except (OSError, ValueError):
            continue
        loose = sum(not _PINNED.search(line) for line in requirements)
        if 0 < loose < len(requirements):
            yield (
                f"{loose} of {len(requirements)} requirements in {path} name no exact version: "
                "they were not checked"
            )


def _directories(root: Path, components: Sequence[Component]) -> Iterator[tuple[str, list[str]]]:
    """Each directory of the chosen components, relative to ``root``, with its file names."""
    chosen = {component.path for component in components}
    innermost = innermost_component(find_components(root))
    for directory, names in walk(root):
        path = directory.relative_to(root).as_posix()
        relative = "" if path == ROOT else path
        if innermost(_join(relative, "x")) in chosen:
            yield relative, names


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _not_held(root: Path, manifest: Manifest, path: str, locks: Sequence[str]) -> Iterator[str]:
    """Yield a sentence if none of ``locks`` holds what the manifest ``path`` declares.

    A lock file that cannot be read has a sentence of its own.
    """
    name = PurePosixPath(path).name
    sentences = []
    for lock in locks:
        try:
            text, locked = _text(root, path), _text(root, lock)
            lacking = missing_packages(name, text, PurePosixPath(lock).name, locked)
            if name != "package.json" and not _is_filled(PurePosixPath(lock).name, locked):
                lacking = lacking or (["any package"] if manifest.declares(text) else [])
        except (OSError, ValueError, RecursionError, AttributeError, TypeError):
            return
        if not lacking:
            return
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        sentences.append(
            f"{lock} does not hold {', '.join(lacking[:_NAMED])}{more}, but {path} has "
            "dependencies: they were not checked"
        )
    yield from sentences[:1]


def _is_filled(name: str, text: str) -> bool:
    """Whether a lock file has any entry; Gradle's also names what resolves to nothing."""
    return _has_locked(name, text) or (name == "gradle.lockfile" and "empty=" in text)


def _locked_above(root: Path, path: str, manifest: Manifest) -> str | None:
    """Return the lock file in a parent directory of a workspace with the member ``path``."""
    directory = PurePosixPath(path).parent
    for parent in directory.parents:
        member = directory.relative_to(parent).as_posix()
        for name in manifest.above:
            if (root / parent / name).is_file():
                return (parent / name).as_posix()
        for name in manifest.locks:
            lock = (parent / name).as_posix()
            if (root / lock).is_file() and _is_member(root, path, lock, member):
                return lock
    return None


def _is_member(root: Path, path: str, lock: str, member: str) -> bool:
    lock_path = PurePosixPath(lock)
    try:
        if covers_member(lock_path.name, _text(root, lock), member, _text(root, path)):
            return True
        workspace = lock_path.with_name("package.json").as_posix()
        return PurePosixPath(path).name == "package.json" and is_workspace_member(
            _text(root, workspace), member
        )
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return False


def _needs_sum(root: Path, path: str) -> bool:
    """Whether a go.mod has direct requirements only, as before Go 1.17 (Go Modules Reference)."""
    try:
        text = _text(root, path)
        return _OLD_GO.search(text) is not None and _has_locked(PurePosixPath(path).name, text)
    except (OSError, ValueError):
        return False


def _has_requirements(root: Path, path: str) -> bool:
    try:
        return bool(_requirements(_text(root, path)))
    except (OSError, ValueError):
        return True


def _why_needed(root: Path, name: str) -> str | None:
    """Why a lock file that is not reported should have been read; None if it locks nothing."""
    try:
        text = _text(root, name)
        if not _has_locked(PurePosixPath(name).name, text):
            return None
        if name.endswith(".txt") and not any(map(_PINNED.search, _requirements(text))):
            return "it pins no exact version"
        return "it locks dependencies"
    except OSError as error:
        return f"it cannot be opened ({error.strerror})"
    except (ValueError, RecursionError):
        return "it is broken"


def _has_locked(name: str, text: str) -> bool:
    """Whether a lock file has an entry for scanners. Raises ValueError if it is broken."""
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
            return len(loads_toml(text).get("package", ())) > 1  # The project is one.
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


def _requirements(text: str) -> list[str]:
    """The lines of a requirements file that name a package."""
    return [line for line in _lines(text.replace("\\\n", " ")) if not line.startswith("-")]


def _text(root: Path, name: str) -> str:
    """The text of a file below ``root``. Raises OSError or ValueError if it cannot be read."""
    return read_regular(root / name, limit=_LARGEST, within=root).decode("utf-8-sig")


def _declares(manifest: Manifest, root: Path, path: str) -> bool:
    """Whether a manifest declares dependencies that need a lock file, or cannot be read."""
    try:
        return manifest.declares(_text(root, path))
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return True


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped
