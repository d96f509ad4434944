"""Tell which places are the same, and resolve paths as tools write them.

The manifest and the lock file of one directory and ecosystem are one place, as a fix changes
both; an image is one place under all its tags.

A backslash is part of a name on this system and a separator on Windows; a tool may write a blank
at the end of a name, or leave out bytes that are not UTF-8.

A scanner that ran in a container or on a runner writes paths from there (``/src/app/config.py``).
Most of them are found where exactly one file of the checkout fits. For the others, users give
``path_map`` in ``secagg.yaml`` or ``--strip-prefix``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from secagg.model.finding import DISTRIBUTION_TYPES, Finding, Location
from secagg.packages.manifests import FAMILIES
from secagg.system.patterns import lazy

_IMAGE_OS = lazy(r"\s{0,20}\([a-z][\w .-]{0,200}\)$")

# The purl types of files with one manifest or archive each, by the ends of their names.
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

# In the name of a file, and in that of its directory. Together they would be one expression that is
# quadratic in the length of a path.
_REQUIREMENTS = lazy(r"(?:^|[-_.])requirements?[-_.]")
_REQUIREMENTS_DIRECTORY = lazy(r"(?:^|[-_.])requirements?\Z")
# The version in a jar's name: it is no part of the place, as the next version is there too.
_ARCHIVE_VERSION = lazy(r"-v?\d[\w.+-]{0,200}?(?=\.[jwe]ar(?:/|$))")
# Registries that names of images may leave out.
_DEFAULT_REGISTRIES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
# What tools write for one or several bytes that are not UTF-8; Python makes surrogates of them.
_LOST = lazy("[\ufffd\udc80-\udcff]+")
_REPLACEMENT = "\ufffd"

# Where runners check repositories out, and where the docs of tools tell users to mount them.
_KNOWN_ROOTS = lazy(
    r"/github/workspace/|/(?:home|Users)/runner/work/[^/]+/[^/]+/|[A-Za-z]:/a/[^/]+/[^/]+/"
    r"|/__w/[^/]+/[^/]+/|/home/vsts/work/\d+/s/"
    r"|/bitbucket/pipelines/agent/build/|/home/circleci/project/|/codebuild/output/src\d+/src/"
    r"|/(?:src|path|pwd|code|repo|workspace|scan|app|project|mnt|data|tmp/src)/"
)
# A path with more parts is not searched for in the checkout.
_MOST_PARTS = 40
_FILE_SCHEME = "file://"


def ecosystem_of(uri: str) -> str | None:
    """Return the purl type of a manifest, a lock file or an archive; None if not known."""
    name = uri.rpartition("/")[2]
    if name in FAMILIES:
        return FAMILIES[name]
    for ending, ecosystem in _ENDINGS.items():
        if name.endswith(ending):
            return ecosystem
    return "pypi" if _is_requirements(uri) else None


def _is_requirements(uri: str) -> bool:
    """Tell whether ``uri`` is a requirements file, such as ``requirements/dev.in``."""
    directory, _, name = uri.rpartition("/")
    if not name.endswith((".txt", ".in")):
        return False
    if _REQUIREMENTS.search(name):
        return True
    return _REQUIREMENTS_DIRECTORY.search(directory.rpartition("/")[2]) is not None


def manifest_place(uri: str) -> str:
    """Return the place of the dependencies that the file ``uri`` declares or locks.

    ``web/package.json`` and ``web/package-lock.json`` are both ``web/ (npm)``. A file of no known
    family (``requirements-dev.txt``, a jar) is its own place. Requirements and the file compiled
    from them (``dev.in``, ``dev.txt``) are one place.
    """
    directory, slash, name = uri.rpartition("/")
    family = FAMILIES.get(name)
    if family == "nuget" and name == "project.assets.json":
        # NuGet writes it to the subdirectory obj of the project.
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
    """Return the place of a package of the purl type ``ecosystem``: manifest, or image and path."""
    uri = location.uri
    if location.image is None:
        return manifest_place(uri) if uri is not None else location.logical or ""
    image = image_repository(location.image)
    # An image has each operating system package once, in whatever file a tool reports it.
    if uri is None or ecosystem in DISTRIBUTION_TYPES or is_image_itself(uri, image):
        return image
    return f"{image}!{manifest_place(uri)}"


def more_places(findings: Sequence[Finding]) -> tuple[Location, ...]:
    """Return the further places of one problem, from the finding that has most.

    One result of a tool can have several places (SARIF 2.1.0, 3.27.12).
    """
    if len(findings) == 1:
        return findings[0].places
    return max((finding.places for finding in findings), key=len, default=())


def is_image_itself(uri: str, image: str) -> bool:
    """Tell whether ``uri`` is the name of the image, which Trivy writes without the registry."""
    name = image_repository(uri)
    return name == image or image.endswith(f"/{name}")


def image_repository(image: str) -> str:
    """Return the same name of an image for all spellings of its registry, tags and digests.

    ``nginx``, ``docker.io/library/nginx:1.27`` and ``index.docker.io/nginx@sha256:...`` are
    ``nginx``; another registry stays part of the name.
    """
    name = image_key(image)
    registry, slash, rest = name.partition("/")
    if slash and registry in _DEFAULT_REGISTRIES:
        name = rest
    return name.removeprefix("library/")


def image_key(image: str) -> str:
    """Return an image's name without tag, digest and the system that a tool adds in brackets."""
    name = _IMAGE_OS.sub("", image.strip()).partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def exists_exactly(root: Path | None, path: str) -> bool:
    """Tell whether ``root`` has a file or directory with exactly this relative path."""
    if root is None or not path or path.startswith("/") or ".." in path.split("/"):
        return False
    try:
        return os.path.lexists(os.path.join(root, path))
    except (OSError, ValueError):
        return False


def legible(path: str) -> str:
    """Put one replacement character for each run of bytes that are not UTF-8.

    Names that differ only there become equal, so the stricter answer must hold for all of them.
    """
    return _LOST.sub(_REPLACEMENT, path)


def is_legible(path: str) -> bool:
    """Tell whether :func:`legible` keeps all of ``path``."""
    return _LOST.search(path) is None


def is_foreign(path: str) -> bool:
    """Tell whether ``path`` (with ``/`` between its parts) is absolute on any system."""
    return path.startswith("/") or path[1:3] == ":/"


def find_in_checkout(path: str, root: Path) -> str | None:
    """Find the file below ``root`` that an absolute ``path`` of another machine means.

    That is the rest of the path after a root that runners and containers are known to have, if
    there is such a file; else the only end of the path that is a file. None where no end is one,
    or several are.
    """
    parts = path.lstrip("/").split("/")
    if len(parts) > _MOST_PARTS or ".." in parts:
        return None
    prefix = _KNOWN_ROOTS.match(path)
    if prefix is not None and is_file(root, path[prefix.end() :]):
        return path[prefix.end() :]
    first = 1 if path[1:2] == ":" else 0
    ends = ["/".join(parts[index:]) for index in range(first, len(parts))]
    existing = [end for end in ends if is_file(root, end)]
    return existing[0] if len(existing) == 1 else None


def is_file(root: Path, path: str) -> bool:
    """Tell whether ``path`` is a regular file below ``root``."""
    try:
        return bool(path) and os.path.isfile(os.path.join(root, path))
    except ValueError:
        return False


class PathMap:
    """Prefixes of tools' paths, and what replaces them in the checkout.

    A prefix ends with a whole name: ``/src`` is one of ``/src/a.py``, not of ``/srcs/a.py``. The
    longest prefix counts. A backslash counts as a slash.
    """

    def __init__(
        self, prefixes: Mapping[str, str] | None = None, stripped: Iterable[str] = ()
    ) -> None:
        replaced = {**(prefixes or {}), **dict.fromkeys(stripped, "")}
        pairs = (
            (_plain(old).rstrip("/"), _plain(new).strip("/.")) for old, new in replaced.items()
        )
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def apply(self, path: str) -> str:
        """Replace the prefix of ``path``; return it unchanged where no prefix fits."""
        if not self._pairs:
            return path
        plain = _plain(path)
        for old, new in self._pairs:
            if plain.startswith(f"{old}/"):
                rest = plain[len(old) + 1 :].lstrip("/")
                return f"{new}/{rest}" if new else rest
        return path


NO_MAP = PathMap()


def _plain(path: str) -> str:
    """``path`` with slashes, without blanks around it, ``file://`` and ``./``."""
    path = path.strip()
    if path.lower().startswith(_FILE_SCHEME):
        path = path[len(_FILE_SCHEME) :]
    return path.replace("\\", "/").removeprefix("./")
