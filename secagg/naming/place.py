"""Places: what counts as the same place for two findings of one scan.

The manifest and the lock file of one directory and ecosystem are one place, for a fix
changes both; an image is one place under all its tags.
"""

from __future__ import annotations

import re

from secagg.finding import DISTRIBUTION_TYPES, Location

_IMAGE_OS = re.compile(r"\s*\([a-z][\w .-]*\)$")

# Files that describe one set of dependencies together, by purl type.
_FAMILIES = {
    "cargo": ("Cargo.toml", "Cargo.lock"),
    "cocoapods": ("Podfile", "Podfile.lock"),
    "composer": ("composer.json", "composer.lock"),
    "conan": ("conanfile.txt", "conanfile.py", "conan.lock"),
    "gem": ("Gemfile", "Gemfile.lock", "gems.rb", "gems.locked"),
    "golang": ("go.mod", "go.sum", "Gopkg.toml", "Gopkg.lock"),
    "hex": ("mix.exs", "mix.lock"),
    "maven": (
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "gradle.lockfile",
        "build.sbt",
        "build.sbt.lock",
    ),
    "npm": (
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
    ),
    "nuget": ("packages.config", "packages.lock.json"),
    "pub": ("pubspec.yaml", "pubspec.lock"),
    "pypi": (
        "requirements.txt",
        "requirements.in",
        "pyproject.toml",
        "poetry.lock",
        "pdm.lock",
        "uv.lock",
        "pylock.toml",
        "Pipfile",
        "Pipfile.lock",
        "setup.py",
        "setup.cfg",
    ),
    "swift": ("Package.swift", "Package.resolved"),
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names}


def manifest_place(uri: str) -> str:
    """The place of a dependency that ``uri`` declares or locks.

    ``web/package.json`` and ``web/package-lock.json`` are both ``web/ (npm)``; a file of no
    known family (``requirements-dev.txt``, a jar) is a place of its own. A set of
    requirements and what was compiled from it (``dev.in``, ``dev.txt``) are one place.
    """
    directory, slash, name = uri.rpartition("/")
    family = _FAMILY_OF.get(name)
    if family is not None:
        return f"{directory}{slash} ({family})" if slash else f"({family})"
    if name.endswith(".in") and "requirements" in uri:
        return f"{uri[:-3]}.txt"
    return uri


def family_of(uri: str) -> str | None:
    """The purl type of what a manifest or lock file lists, by its name; None if none is known."""
    name = uri.rpartition("/")[2]
    if name.startswith("requirements") and name.endswith(".txt"):
        return "pypi"
    return _FAMILY_OF.get(name)


def package_place(location: Location, ecosystem: str) -> str:
    """The place of a package of the purl type ``ecosystem``: manifest, or image and path."""
    uri = location.uri
    if location.image is None:
        return manifest_place(uri) if uri is not None else location.logical or ""
    image = image_key(location.image)
    # An image holds each operating system package once, whatever file a tool names for it.
    if uri is None or ecosystem in DISTRIBUTION_TYPES or image_key(uri) == image:
        return image
    return f"{image}!{manifest_place(uri)}"


def image_key(image: str) -> str:
    """An image's name without tag, digest and what a tool adds on its system."""
    name = _IMAGE_OS.sub("", image.strip()).partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
