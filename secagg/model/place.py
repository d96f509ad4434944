"""Places: what counts as the same place for two findings of one scan.

The manifest and the lock file of one directory and ecosystem are one place, for a fix
changes both; an image is one place under all its tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from secagg.model.finding import DISTRIBUTION_TYPES, Finding, Location
from secagg.packages.manifests import FAMILIES

_IMAGE_OS = re.compile(r"\s{0,20}\([a-z][\w .-]{0,200}\)$")

# Files of one name each, by how their names end.
_ENDINGS = {
    ".csproj": "nuget",
    ".fsproj": "nuget",
    ".vbproj": "nuget",
    ".deps.json": "nuget",
    ".nupkg": "nuget",
    ".gemspec": "gem",
    ".jar": "maven",
    ".war": "maven",
    ".ear": "maven",
    ".whl": "pypi",
    ".egg": "pypi",
}
_REQUIREMENTS = re.compile(r"(?:^|[-_./])requirements?(?:[-_./][^/]*)?\.(?:txt|in)$")
# A jar's version is no part of its place: its next version lies there too.
_ARCHIVE_VERSION = re.compile(r"-v?\d[\w.+-]{0,200}?(?=\.[jwe]ar(?:/|$))")
# Registries that go without saying.
_DEFAULT_REGISTRIES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def ecosystem_of(uri: str) -> str | None:
    """The purl type of what a manifest, a lock file or an archive holds; None if not known."""
    name = uri.rpartition("/")[2]
    if name in FAMILIES:
        return FAMILIES[name]
    for ending, ecosystem in _ENDINGS.items():
        if name.endswith(ending):
            return ecosystem
    return "pypi" if _REQUIREMENTS.search(uri) else None


def manifest_place(uri: str) -> str:
    """The place of a dependency that ``uri`` declares or locks.

    ``web/package.json`` and ``web/package-lock.json`` are both ``web/ (npm)``; a file of no
    known family (``requirements-dev.txt``, a jar) is a place of its own. A set of
    requirements and what was compiled from it (``dev.in``, ``dev.txt``) are one place.
    """
    directory, slash, name = uri.rpartition("/")
    family = FAMILIES.get(name)
    if family == "nuget" and name == "project.assets.json":
        # It is written to the folder of intermediate files, beside the project.
        directory = directory.removesuffix("obj").rstrip("/")
        slash = "/" if directory else ""
    elif family is None and name.endswith((".csproj", ".fsproj", ".vbproj")):
        family = "nuget"
    if family is not None:
        return f"{directory}{slash} ({family})" if slash else f"({family})"
    if name.endswith(".in") and "requirements" in uri:
        return f"{uri[:-3]}.txt"
    if "ar" in name[-3:] or "ar/" in uri:
        return _ARCHIVE_VERSION.sub("", uri)
    return uri


def package_place(location: Location, ecosystem: str) -> str:
    """The place of a package of the purl type ``ecosystem``: manifest, or image and path."""
    uri = location.uri
    if location.image is None:
        return manifest_place(uri) if uri is not None else location.logical or ""
    image = image_repository(location.image)
    # An image holds each operating system package once, whatever file a tool names for it.
    if uri is None or ecosystem in DISTRIBUTION_TYPES or is_image_itself(uri, image):
        return image
    return f"{image}!{manifest_place(uri)}"


def more_places(findings: Iterable[Finding]) -> tuple[Location, ...]:
    """Give the places of one problem besides the first: those of the tool that names most.

    One result of a tool can have several places (SARIF 2.1.0, 3.27.12).
    """
    return max((finding.places for finding in findings), key=len, default=())


def is_image_itself(uri: str, image: str) -> bool:
    """Whether ``uri`` is the image's own name, which Trivy writes without the registry."""
    named = image_repository(uri)
    return named == image or image.endswith(f"/{named}")


def image_repository(image: str) -> str:
    """The one name of an image under all spellings of its registry, tags and digests.

    ``nginx``, ``docker.io/library/nginx:1.27`` and ``index.docker.io/nginx@sha256:...`` are
    ``nginx``; another registry stays part of the name.
    """
    name = image_key(image)
    registry, slash, rest = name.partition("/")
    if slash and registry in _DEFAULT_REGISTRIES:
        name = rest
    return name.removeprefix("library/")


def image_key(image: str) -> str:
    """An image's name without tag, digest and what a tool adds on its system."""
    name = _IMAGE_OS.sub("", image.strip()).partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
