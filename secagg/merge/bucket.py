"""Buckets: the vulnerabilities of one package at one place. Only those can be one problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from secagg.context import message_context
from secagg.finding import Finding
from secagg.merge.package import goes_by_purl, key_of_name, package_key
from secagg.merge.place import manifest_place, package_place
from secagg.merge.plain import Entry, plain_name


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


def buckets(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Entry]]:
    """``findings`` by the key of their place and that of their package.

    All that most of them will be asked for is read here, in one go: coming back to each
    finding later, in another order, takes longer than the reading.
    """
    ecosystems, manifests = _Ecosystems(), _Manifests()
    elsewhere: dict[tuple[str | None, ...], str] = {}
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for finding in findings:
        package, location, known = finding.package, finding.location, finding.vulnerability
        if package is None:
            # What a tool says is all that tells its packages apart.
            kind, version = "", None
            key = "?" + message_context(finding.message or finding.title)
        else:
            kind, version = package.type, package.version
            names = ecosystems[kind]
            key = package_key(package) if names is None else names[package.name]
        uri = location.uri
        if uri is not None and location.image is None:
            place = manifests[uri]
        else:
            where = (location.image, uri, location.logical, kind)
            place = elsewhere.get(where) or package_place(location, kind)
            elsewhere[where] = place
        name = None if known is None else plain_name(known.aliases)
        found[place, key].append((name, version, finding))
    return found
