"""Buckets: the vulnerabilities of one package at one place. Only those can be one problem."""

from __future__ import annotations

from secagg.model.context import message_context
from secagg.model.finding import Finding, Location, Package
from secagg.model.place import package_place
from secagg.packages.keys import goes_by_purl, key_of_name, package_key

# What stands between the parts of a text that is hashed.
SEPARATOR = "\x1f"


class Buckets:
    """Names the buckets of many findings; what they say alike is worked out once."""

    def __init__(self) -> None:
        self._places: dict[str | tuple[str | None, ...], str] = {}
        self._packages: dict[str, dict[str, str] | None] = {}
        self._named: dict[str, str] = {}

    def of(self, finding: Finding) -> str:
        """The key of a vulnerability's package, the separator, and its place.

        Equal ones are one object.
        """
        package, location = finding.package, finding.location
        if package is None:
            # What a tool says is all that tells its packages apart.
            said = "?" + message_context(finding.message or finding.title)
            return self._one(said, self._place(location, ""))
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
    """A bucket as a person would name it: the package, and where it is."""
    package, _, place = bucket.partition(SEPARATOR)
    return f"{package} in {place}"
