"""Buckets: the vulnerabilities of one package at one place. Only those can be one problem."""

from __future__ import annotations

from secagg.context import message_context
from secagg.finding import Finding
from secagg.naming.package import goes_by_purl, key_of_name, package_key
from secagg.naming.place import manifest_place, package_place

# What stands between the parts of a text that is hashed.
SEPARATOR = "\x1f"


class Buckets:
    """Names the buckets of many findings; what they say alike is worked out once."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._packages: dict[str, dict[str, str] | None] = {}
        self._named: dict[str, str] = {}

    def of(self, finding: Finding) -> str:
        """The key of a vulnerability's package, the separator, and its place.

        Equal ones are one object.
        """
        package, location = finding.package, finding.location
        uri = location.uri
        if package is None or uri is None or location.image is not None:
            return self._one(_package(finding), _place(finding))
        kind, name = package.type, package.name
        if kind not in self._packages:
            self._packages[kind] = None if goes_by_purl(kind) else {}
        keys = self._packages[kind]
        if keys is None:
            key = package_key(package)
        elif name in keys:
            key = keys[name]
        else:
            key = keys[name] = key_of_name(kind, name)
        if uri in self._places:
            place = self._places[uri]
        else:
            place = self._places[uri] = manifest_place(uri)
        return self._one(key, place)

    def _one(self, package: str, place: str) -> str:
        # The first separator ends the package, whatever stands in names and paths.
        bucket = f"{package.replace(SEPARATOR, ' ')}{SEPARATOR}{place}"
        return self._named.setdefault(bucket, bucket)


def words_for(bucket: str) -> str:
    """A bucket as a person would name it: the package, and where it is."""
    package, _, place = bucket.partition(SEPARATOR)
    return f"{package} in {place}"


def _package(finding: Finding) -> str:
    package = finding.package
    if package is None:
        # What a tool says is all that tells its packages apart.
        return "?" + message_context(finding.message or finding.title)
    return package_key(package)


def _place(finding: Finding) -> str:
    package = finding.package
    return package_place(finding.location, "" if package is None else package.type)
