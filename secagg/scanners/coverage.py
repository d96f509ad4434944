"""What a dependency scanner has not spoken about: manifests found here, compared with reports.

Trivy and Snyk both leave out, without a word, a manifest that they cannot read.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from secagg.components import Component, ecosystem_of
from secagg.regularfile import MIB, read_regular

# Files with the versions that a build uses, by ecosystem; any one of them is enough.
LOCK_FILES = {
    "cargo": ("Cargo.lock",),
    "npm": ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
    "pypi": ("poetry.lock", "uv.lock", "Pipfile.lock"),
    "golang": ("go.mod",),
    "maven": ("pom.xml", "gradle.lockfile"),
}
_LARGEST = 64 * MIB
_PINNED = re.compile(r"={2,3}|\s@\s")


def unread_manifests(
    root: Path, components: Sequence[Component], spoken_of: Collection[str]
) -> Iterator[str]:
    """A sentence for each manifest with dependencies that is not among ``spoken_of``.

    ``spoken_of`` holds paths relative to ``root``. A manifest without a lock file beside or
    above it is told as such; one that declares no dependency is left out.
    """
    for component in components:
        for ecosystem in component.ecosystems:
            yield from _unread(root, component, ecosystem, spoken_of)


def _unread(
    root: Path, component: Component, ecosystem: str, spoken_of: Collection[str]
) -> Iterator[str]:
    here = PurePosixPath(component.path)
    locks = [name for name in LOCK_FILES.get(ecosystem, ()) if name in component.manifests]
    if ecosystem == "pypi":
        locks += [name for name in component.manifests if _is_requirements(name)]
    for name in locks:
        path = (here / name).as_posix()
        if path not in spoken_of and (wrong := _why_it_counts(root, path)):
            yield f"{path} was not read: {wrong}"
    if locks:
        return
    for name in component.manifests:
        path = (here / name).as_posix()
        if ecosystem_of(name) != ecosystem:
            continue
        if _declares(root, path) and not _locked_above(root, here, ecosystem):
            yield f"{path} has dependencies but no lock file: they were not checked"


def _is_requirements(name: str) -> bool:
    return name.startswith("requirements") and name.endswith(".txt")


def _locked_above(root: Path, here: PurePosixPath, ecosystem: str) -> bool:
    """True if a parent has the lock file, as the members of a workspace have it."""
    names = LOCK_FILES.get(ecosystem, ())
    return any((root / parent / name).is_file() for parent in here.parents for name in names)


def _why_it_counts(root: Path, name: str) -> str | None:
    """Why a lock file that nobody spoke of matters; None if it locks nothing."""
    try:
        text = _text(root, name)
        if not _locks(PurePosixPath(name).name, text):
            return None
        if _is_requirements(PurePosixPath(name).name) and not any(
            map(_PINNED.search, _needs(text))
        ):
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
            document = _mapping(json.loads(text))
            packages = _mapping(document.get("packages", {}))
            entries = [entry for name, entry in packages.items() if name]
            entries += _mapping(document.get("dependencies", {})).values()
            return any(not _mapping(entry).get("dev") for entry in entries)
        case "Pipfile.lock":
            return bool(_mapping(json.loads(text)).get("default"))
        case "poetry.lock":
            return bool(tomllib.loads(text).get("package"))
        case "Cargo.lock" | "uv.lock":
            return len(tomllib.loads(text).get("package", ())) > 1  # one is the project itself
        case "go.mod":
            return any(line.lstrip().startswith("require") for line in text.splitlines())
        case "pom.xml":
            return re.search(r"<dependency[\s/>]", text) is not None
        case "pnpm-lock.yaml":
            return "\npackages:" in text
        case "gradle.lockfile":
            return any(":" in line for line in _lines(text))
        case _:
            return any(not line.startswith("-") for line in _lines(text))


def unpinned(root: Path, components: Sequence[Component]) -> Iterator[str]:
    """A sentence for each requirements file of which some lines name no exact version."""
    for component in components:
        for name in filter(_is_requirements, component.manifests):
            path = PurePosixPath(component.path) / name
            try:
                needs = _needs(_text(root, path.as_posix()))
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


def _declares(root: Path, name: str) -> bool:
    """True if a manifest declares dependencies that need a lock file."""
    try:
        text = _text(root, name)
        match PurePosixPath(name).name:
            case "package.json":
                return bool(_mapping(json.loads(text)).get("dependencies"))
            case "pyproject.toml":
                document = tomllib.loads(text)
                poetry = document.get("tool", {}).get("poetry", {}).get("dependencies", {})
                return bool(
                    document.get("project", {}).get("dependencies") or set(poetry) - {"python"}
                )
            case "Cargo.toml":
                return bool(tomllib.loads(text).get("dependencies"))
            case "Pipfile":
                return bool(tomllib.loads(text).get("packages"))
            case "build.gradle" | "build.gradle.kts":
                return "dependencies" in text
            case _:
                return False
    except (OSError, ValueError, RecursionError, AttributeError):
        return True


def _text(root: Path, name: str) -> str:
    """The text of a manifest below ``root``. Raises OSError or ValueError where it has none."""
    return read_regular(root / name, limit=_LARGEST, within=root).decode("utf-8-sig")


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped
