"""Buckets: the vulnerabilities of one package at one place. Only those can be one problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from secagg.context import message_context
from secagg.finding import Finding
from secagg.merge.package import goes_by_purl, key_of_name, package_key
from secagg.merge.place import manifest_place, package_place


class _Names(dict[str, str]):
    """``names[name]`` is the key of a package of one ecosystem, worked out once for each."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __missing__(self, name: str) -> str:
        key = self[name] = key_of_name(self._kind, name)
        return key


class _Ecosystems(dict[str, _Names | None]):
    """The names of each ecosystem; None where a package's name is not what it goes by."""

    def __missing__(self, kind: str) -> _Names | None:
        names = self[kind] = None if goes_by_purl(kind) else _Names(kind)
        return names


class _Manifests(dict[str, str]):
    """``manifests[uri]`` is the place of the packages of a file, worked out once for each."""

    def __missing__(self, uri: str) -> str:
        place = self[uri] = manifest_place(uri)
        return place


def buckets(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """``findings`` by the key of their place and that of their package."""
    ecosystems, manifests = _Ecosystems(), _Manifests()
    elsewhere: dict[tuple[str | None, ...], str] = {}
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        package, location = finding.package, finding.location
        if package is None:
            # What a tool says is all that tells its packages apart.
            kind, name = "", "?" + message_context(finding.message or finding.title)
        else:
            kind = package.type
            names = ecosystems[kind]
            name = package_key(package) if names is None else names[package.name]
        uri = location.uri
        if uri is None or location.image is not None:
            where = (location.image, uri, location.logical, kind)
            known = elsewhere.get(where)
            if known is None:
                known = elsewhere[where] = package_place(location, kind)
            place = known
        else:
            place = manifests[uri]
        found[place, name].append(finding)
    return found
