"""Places: what counts as the same place for two findings, and paths as tools write them.

The manifest and the lock file of one directory and ecosystem are one place, for a fix
changes both; an image is one place under all its tags.

A backslash is a character of a name on this system and a separator on Windows; a tool may write a
blank at the end of a name, or leave out the bytes that are no UTF-8.

A scanner in a container says ``/src/app/config.py``, one on a runner
``/home/runner/work/x/x/app/config.py``. Which file of the checkout is meant can be told where just
one is named so.

A scanner that ran in a container or on a runner names its files from there. Most of these paths are
resolved without help (:mod:`secagg.model.place`); where the files are not in this checkout,
or several could be meant, ``path_map`` in ``secagg.yaml`` and ``--strip-prefix`` say what is right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

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
    """Return the place of a dependency that ``uri`` declares or locks.

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
    """Return the place of a package of the purl type ``ecosystem``: manifest, or image and path."""
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
    """Return whether ``uri`` is the image's own name, which Trivy writes without the registry."""
    named = image_repository(uri)
    return named == image or image.endswith(f"/{named}")


def image_repository(image: str) -> str:
    """Return the one name of an image under all spellings of its registry, tags and digests.

    ``nginx``, ``docker.io/library/nginx:1.27`` and ``index.docker.io/nginx@sha256:...`` are
    ``nginx``; another registry stays part of the name.
    """
    name = image_key(image)
    registry, slash, rest = name.partition("/")
    if slash and registry in _DEFAULT_REGISTRIES:
        name = rest
    return name.removeprefix("library/")


def image_key(image: str) -> str:
    """Return an image's name without tag, digest and what a tool adds on its system."""
    name = _IMAGE_OS.sub("", image.strip()).partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


# What tools write for bytes that are no UTF-8, one or several for a run of them; surrogates are
# what Python makes of each.
_LOST = re.compile("[\ufffd\udc80-\udcff]+")


_REPLACED = "\ufffd"


def is_written_so(root: Path | None, path: str) -> bool:
    """Whether the tree has a file or directory of exactly this name, relative to ``root``."""
    if root is None or not path or path.startswith("/") or ".." in path.split("/"):
        return False
    try:
        return os.path.lexists(os.path.join(root, path))
    except (OSError, ValueError):
        return False


def legible(path: str) -> str:
    """``path`` with one replacement character for each run of bytes that are no UTF-8.

    Two names that differ only there become one: whoever asks by it must take the stricter answer.
    """
    return _LOST.sub(_REPLACED, path)


def is_legible(path: str) -> bool:
    """Return whether nothing of ``path`` is lost in :func:`legible`."""
    return _LOST.search(path) is None


# Where runners check repositories out, and where tools' own documents tell people to mount them.
_KNOWN_ROOTS = re.compile(
    r"/github/workspace/|/(?:home|Users)/runner/work/[^/]+/[^/]+/|[A-Za-z]:/a/[^/]+/[^/]+/"
    r"|/__w/[^/]+/[^/]+/|/home/vsts/work/\d+/s/"
    r"|/bitbucket/pipelines/agent/build/|/home/circleci/project/|/codebuild/output/src\d+/src/"
    r"|/(?:src|path|pwd|code|repo|workspace|scan|app|project|mnt|data|tmp/src)/"
)


# A path of more parts is no path of a checkout.
_MOST_PARTS = 40


def is_foreign(path: str) -> bool:
    """Return whether ``path`` (with ``/`` between its parts) is an absolute one of any system."""
    return path.startswith("/") or path[1:3] == ":/"


def in_checkout(path: str, root: Path) -> str | None:
    """Find the file below ``root`` that the absolute ``path`` of another machine means.

    It is what follows a root that runners and containers are known to have, if that is a file
    here; else the one end of the path that is a file here. None where no end is, or several are:
    nothing is guessed.
    """
    parts = path.lstrip("/").split("/")
    if len(parts) > _MOST_PARTS or ".." in parts:
        return None
    prefix = _KNOWN_ROOTS.match(path)
    if prefix is not None and is_file(root, path[prefix.end() :]):
        return path[prefix.end() :]
    ends = ["/".join(parts[at:]) for at in range(1 if path[1:2] == ":" else 0, len(parts))]
    existing = [end for end in ends if is_file(root, end)]
    return existing[0] if len(existing) == 1 else None


def is_file(root: Path, path: str) -> bool:
    """Return whether ``path`` is a regular file below ``root``."""
    try:
        return bool(path) and os.path.isfile(os.path.join(root, path))
    except ValueError:
        return False


_FILE = "file://"


class PathMap:
    """Prefixes of paths as tools write them, and what stands there in the checkout.

    A prefix ends at the end of a name: ``/src`` is one of ``/src/a.py``, not of ``/srcs/a.py``. The
    longest one counts. A backslash is read as a slash.
    """

    def __init__(
        self, prefixes: Mapping[str, str] | None = None, stripped: Iterable[str] = ()
    ) -> None:
        given = {**(prefixes or {}), **dict.fromkeys(stripped, "")}
        pairs = ((_plain(old).rstrip("/"), _plain(new).strip("/.")) for old, new in given.items())
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def apply(self, path: str) -> str:
        """Move ``path``; itself where no prefix fits."""
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
    path = path.strip()
    if path.lower().startswith(_FILE):
        path = path[len(_FILE) :]
    return path.replace("\\", "/").removeprefix("./")
