"""Make the key of a package, and the bucket of findings that may be one vulnerability.

Keys follow the Package URL specification, by packageurl-python. They leave out the version, the
qualifiers and, for packages of an operating system, the distribution (an image has one), so that
they stay the same over upgrades.
"""

from __future__ import annotations

from functools import lru_cache

from packageurl import PackageURL

from secagg.model.context import message_context
from secagg.model.finding import DISTRIBUTION_TYPES, Finding, Location, Package
from secagg.model.place import package_place
from secagg.system.patterns import lazy

# Separates the parts of a bucket.
SEPARATOR = "\x1f"
_PEP_503 = lazy(r"[-_.]+")
_DIGITS = lazy(r"(\d+)")

# Names that the rules of their ecosystem leave unchanged.
_PLAIN = {
    "cargo": lazy(r"[a-z0-9_-]+"),
    "gem": lazy(r"[A-Za-z0-9_.-]+"),
    "golang": lazy(r"[a-z0-9._-]+(?:/[a-z0-9._-]+)*"),
    "npm": lazy(r"(?:@[a-z0-9._-]+/)?[a-z0-9._-]+"),
    "pypi": lazy(r"[a-z0-9]+(?:-[a-z0-9]+)*"),
}

_MAVEN = lazy(r"[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+")
_PYPI = lazy(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
# The pseudo-version that Go gives to a commit without a tag: its time and part of its hash.
_PSEUDO = lazy(r"(?:v?\d[\w.-]*[.-]\d{14}-|#)([0-9a-f]{12})[0-9a-f]*")
_EPOCH = lazy(r"\d{1,20}:")
_NO_CASE = frozenset({"golang", "nuget", "pypi", "npm", "composer", "cargo"})


def package_key(package: Package | None) -> str:
    """Return ``type/namespace/name`` by the rules of the package's ecosystem; empty for None."""
    if package is None:
        return ""
    if package.purl is not None and prefers_purl(package.type):
        try:
            purl = PackageURL.from_string(package.purl)
        except ValueError:
            pass
        else:
            return _key(purl.type, purl.namespace, purl.name)
    return key_of_name(package.type, package.name)


@lru_cache(maxsize=1 << 15)
def key_of_name(kind: str, name: str) -> str:
    """Return the key of a package by its purl type and name alone."""
    if kind == "maven" and _MAVEN.fullmatch(name):
        return f"maven/{name.replace(':', '/')}"
    plain = _PLAIN.get(kind)
    if plain is not None and plain.fullmatch(name):
        return f"{kind}/{name}"
    if kind == "pypi" and _PYPI.fullmatch(name):
        return f"pypi/{_PEP_503.sub('-', name).lower()}"
    kind, name = kind.strip().lower(), name.strip()
    namespace, name = _split(kind, name)
    try:
        purl = PackageURL(type=kind, namespace=namespace, name=name)
    except ValueError:
        return _key(kind, namespace, name)
    return _key(purl.type, purl.namespace, purl.name)


def prefers_purl(kind: str) -> bool:
    """Tell whether the purl counts before the name for packages of the purl type ``kind``."""
    return kind.strip().lower() in ("", "generic")


@lru_cache(maxsize=8192)
def version_key(kind: str, version: str | None) -> str:
    """Return a version in the spelling that is the same for all tools."""
    if not version:
        return ""
    version = version.strip().lower()
    if kind == "golang":
        version = version.removesuffix("+incompatible")
        # Snyk writes only the commit of a pseudo-version: #c7a6fd3a8f2e.
        commit = _PSEUDO.fullmatch(version)
        if commit is not None:
            return commit[1]
    elif kind == "pypi":
        # PEP 440 does not compare zeros at the end of a release.
        parts = version.split(".")
        if all(map(str.isdecimal, parts)):
            while len(parts) > 1 and parts[-1] == "0":
                parts.pop()
        version = ".".join(parts)
    elif kind == "gem":
        # A precompiled gem: 1.13.0-x86_64-linux. No version has a hyphen.
        version = version.partition("-")[0]
    elif kind in DISTRIBUTION_TYPES and (epoch := _EPOCH.match(version)) is not None:
        # Some tools leave out the epoch, and no image has a package with two epochs.
        version = version[epoch.end() :]
    return version[1:] if version[:1] == "v" and version[1:2].isdigit() else version


@lru_cache(maxsize=8192)
def upstream_order(version: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key for versions, in which runs of digits count as numbers."""
    return tuple(map(_run_key, filter(None, _DIGITS.split(version))))


class Buckets:
    """Make the buckets of many findings, with a cache of places and packages."""

    def __init__(self) -> None:
        self._places: dict[str | tuple[str | None, ...], str] = {}
        self._packages: dict[str, dict[str, str] | None] = {}
        self._buckets: dict[str, str] = {}

    def of(self, finding: Finding) -> str:
        """Return the package key of a vulnerability, the separator, and its place.

        Equal buckets are one string object.
        """
        package, location = finding.package, finding.location
        if package is None:
            # Only the message tells findings without a package apart.
            message = "?" + message_context(finding.message or finding.title)
            return self._bucket(message, self._place(location, ""))
        return self._bucket(self._package(package), self._place(location, package.type))

    def _package(self, package: Package) -> str:
        kind, name = package.type, package.name
        if kind not in self._packages:
            self._packages[kind] = None if prefers_purl(kind) else {}
        keys = self._packages[kind]
        if keys is None:
            return package_key(package)
        if name not in keys:
            keys[name] = key_of_name(kind, name)
        return keys[name]

    def _place(self, location: Location, kind: str) -> str:
        uri = location.uri
        in_tree = uri is not None and location.image is None
        key = uri if in_tree else (location.image, uri, location.logical, kind)
        assert key is not None
        if key not in self._places:
            self._places[key] = package_place(location, kind)
        return self._places[key]

    def _bucket(self, package: str, place: str) -> str:
        # Names of packages may contain the separator; the first one must end the package.
        bucket = f"{package.replace(SEPARATOR, ' ')}{SEPARATOR}{place}"
        return self._buckets.setdefault(bucket, bucket)


def bucket_text(bucket: str) -> str:
    """Return a bucket in words: the package and its place."""
    package, _, place = bucket.partition(SEPARATOR)
    return f"{package} in {place}"


def _split(kind: str, name: str) -> tuple[str | None, str]:
    if kind in DISTRIBUTION_TYPES:
        # Snyk writes source/binary; the binary is what is installed.
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
def _run_key(run: str) -> tuple[int, str]:
    return (int(run), "") if run.isdecimal() and len(run) < 19 else (-1, run)
