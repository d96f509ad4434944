"""One key for one package, and the bucket of package and place in which findings can be one.

The rules are those of the Package URL specification, by packageurl-python; the key leaves
out the version, the qualifiers and, for packages of an operating system, the distribution
(an image has one), so that it holds on over upgrades.
"""

from __future__ import annotations

import re
from functools import lru_cache

from packageurl import PackageURL

from secagg.model.context import message_context
from secagg.model.finding import DISTRIBUTION_TYPES, Finding, Location, Package
from secagg.model.place import package_place

_PEP_503 = re.compile(r"[-_.]+")


_DIGITS = re.compile(r"(\d+)")


# Names that every rule of their ecosystem leaves as they are.
_PLAIN = {
    "cargo": re.compile(r"[a-z0-9_-]+").fullmatch,
    "gem": re.compile(r"[A-Za-z0-9_.-]+").fullmatch,
    "golang": re.compile(r"[a-z0-9._-]+(?:/[a-z0-9._-]+)*").fullmatch,
    "npm": re.compile(r"(?:@[a-z0-9._-]+/)?[a-z0-9._-]+").fullmatch,
    "pypi": re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch,
}


_MAVEN = re.compile(r"[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+").fullmatch


_PYPI = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?").fullmatch


# What Go makes of a commit that has no tag: its time and the beginning of its hash.
_PSEUDO = re.compile(r"(?:v\d[\w.-]*[.-]\d{14}-|#)([0-9a-f]{12})[0-9a-f]*")


_EPOCH = re.compile(r"\d{1,20}:")


_NO_CASE = frozenset({"golang", "nuget", "pypi", "npm", "composer", "cargo"})


def package_key(package: Package | None) -> str:
    """``type/namespace/name`` by the rules of the package's ecosystem; empty for None."""
    if package is None:
        return ""
    if package.purl is not None and goes_by_purl(package.type):
        try:
            purl = PackageURL.from_string(package.purl)
        except ValueError:
            pass
        else:
            return _key(purl.type, purl.namespace, purl.name)
    return key_of_name(package.type, package.name)


def key_of_name(kind: str, name: str) -> str:
    """Return the key of a package by its purl type and name alone."""
    if kind == "maven" and _MAVEN(name):
        return f"maven/{name.replace(':', '/')}"
    plain = _PLAIN.get(kind)
    if plain is not None and plain(name):
        # Most names are written as the rules would write them.
        return f"{kind}/{name}"
    if kind == "pypi" and _PYPI(name):
        return f"pypi/{_PEP_503.sub('-', name).lower()}"
    kind, name = kind.strip().lower(), name.strip()
    namespace, name = _split(kind, name)
    try:
        purl = PackageURL(type=kind, namespace=namespace, name=name)
    except ValueError:
        return _key(kind, namespace, name)
    return _key(purl.type, purl.namespace, purl.name)


def goes_by_purl(kind: str) -> bool:
    """Whether packages of the purl type ``kind`` are told by their purl before their name."""
    return kind.strip().lower() in ("", "generic")


@lru_cache(maxsize=8192)
def version_key(kind: str, version: str | None) -> str:
    """Return a version as two tools that read the same lock file would both write it."""
    if not version:
        return ""
    written = version.strip().lower()
    if kind == "golang":
        written = written.removesuffix("+incompatible")
        # Snyk writes the commit of a pseudo-version alone: #c7a6fd3a8f2e.
        commit = _PSEUDO.fullmatch(written)
        if commit is not None:
            return commit[1]
    elif kind in DISTRIBUTION_TYPES:
        # Some tools leave out the epoch, and no image has a package in two of them.
        written = _EPOCH.sub("", written, count=1) if _EPOCH.match(written) else written
    return written[1:] if written[:1] == "v" and written[1:2].isdigit() else written


def _split(kind: str, name: str) -> tuple[str | None, str]:
    if kind in DISTRIBUTION_TYPES:
        # Snyk writes source/binary; the installed package is the binary.
        return None, name.rpartition("/")[2]
    if kind == "maven":
        group, _, artifact = name.replace("/", ":").rpartition(":")
        return group or None, artifact
    namespace, _, last = name.rpartition("/")
    return namespace or None, last


def _key(kind: str, namespace: str | None, name: str) -> str:
    if kind == "pypi":
        name = _PEP_503.sub("-", name)
    if kind in DISTRIBUTION_TYPES:
        namespace = None
    key = f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"
    return key.lower() if kind in _NO_CASE else key


@lru_cache(maxsize=8192)
def upstream_order(version: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key for versions: runs of digits count as numbers. Total, not semantic."""
    return tuple(map(_run, filter(None, _DIGITS.split(version))))


@lru_cache(maxsize=8192)
def _run(run: str) -> tuple[int, str]:
    return (int(run), "") if run.isdecimal() and len(run) < 19 else (-1, run)


# What stands between the parts of a text that is hashed.
SEPARATOR = "\x1f"


class Buckets:
    """Names the buckets of many findings; what they say alike is worked out once."""

    def __init__(self) -> None:
        self._places: dict[str | tuple[str | None, ...], str] = {}
        self._packages: dict[str, dict[str, str] | None] = {}
        self._named: dict[str, str] = {}

    def of(self, finding: Finding) -> str:
        """Return the key of a vulnerability's package, the separator, and its place.

        Equal ones are one object.
        """
        package, location = finding.package, finding.location
        if package is None:
            # What a tool says is all that tells its packages apart.
            message = "?" + message_context(finding.message or finding.title)
            return self._one(message, self._place(location, ""))
        return self._one(self._package(package), self._place(location, package.type))

    def _package(self, package: Package) -> str:
        kind, name = package.type, package.name
        if kind not in self._packages:
            self._packages[kind] = None if goes_by_purl(kind) else {}
        keys = self._packages[kind]
        if keys is None:
            return package_key(package)
        if name not in keys:
            keys[name] = key_of_name(kind, name)
        return keys[name]

    def _place(self, location: Location, kind: str) -> str:
        uri = location.uri
        plain = uri is not None and location.image is None
        where = uri if plain else (location.image, uri, location.logical, kind)
        assert where is not None
        if where not in self._places:
            self._places[where] = package_place(location, kind)
        return self._places[where]

    def _one(self, package: str, place: str) -> str:
        # The first separator ends the package, whatever stands in names and paths.
        bucket = f"{package.replace(SEPARATOR, ' ')}{SEPARATOR}{place}"
        return self._named.setdefault(bucket, bucket)


def words_for(bucket: str) -> str:
    """Return a bucket as a person would name it: the package, and where it is."""
    package, _, place = bucket.partition(SEPARATOR)
    return f"{package} in {place}"
