"""Buckets of vulnerabilities: one package at one place, also where tools name it differently.

Some tools do not say of which ecosystem a package is, and some name a Go package by its path
where others name the module that it is a part of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from secagg.merge.part import aliases_of, linking
from secagg.model.finding import Finding
from secagg.packages.advisories import Advisories
from secagg.packages.bucket import SEPARATOR, Buckets
from secagg.packages.keys import version_key

_GENERIC = "generic/"
_GO = "golang/"

Found = dict[str, list[Finding]]


def in_buckets(findings: Iterable[Finding], advisories: Advisories) -> Found:
    """Put ``findings`` into their buckets, which they may or may not know already."""
    buckets = Buckets()
    found: Found = {}
    generic, modules = False, False
    for finding in findings:
        bucket = finding.bucket or buckets.of(finding)
        if bucket in found:
            found[bucket].append(finding)
        else:
            found[bucket] = [finding]
            generic = generic or bucket.startswith(_GENERIC)
            modules = modules or bucket.startswith(_GO)
    if generic:
        _name_ecosystems(found)
    if modules:
        _join_modules(found, advisories)
    return found


def _name_ecosystems(found: Found) -> None:
    """Move packages of no known ecosystem to the one package of that name at their place."""
    typed: dict[str, list[str]] = {}
    for bucket in found:
        if not bucket.startswith((_GENERIC, "?")):
            typed.setdefault(bucket.partition("/")[2].lower(), []).append(bucket)
    for bucket in [bucket for bucket in found if bucket.startswith(_GENERIC)]:
        named = typed.get(bucket.partition("/")[2].lower(), ())
        if len(named) == 1:
            found[named[0]] += found.pop(bucket)


def _join_modules(found: Found, advisories: Advisories) -> None:
    """Move what is said of a Go package to its module, where a tool says the same of that."""
    at: dict[str, dict[str, str]] = {}
    for bucket in found:
        if bucket.startswith(_GO):
            package, _, place = bucket.partition(SEPARATOR)
            at.setdefault(place, {})[package] = bucket
    for packages in at.values():
        # The longest first: what lies two levels down comes to rest at the top.
        for package in sorted(packages, key=len, reverse=True):
            module = _module_above(package, packages)
            if module is not None:
                _move_alike(found, packages[package], packages[module], advisories)


def _module_above(package: str, packages: Mapping[str, str]) -> str | None:
    """The nearest of ``packages`` whose path ``package`` lies below."""
    above = package.rpartition("/")[0]
    while above.count("/") >= 1:
        if above in packages:
            return above
        above = above.rpartition("/")[0]
    return None


def _move_alike(found: Found, bucket: str, into: str, advisories: Advisories) -> None:
    known = {key for finding in found[into] for key in _keys(finding, advisories)}
    kept: list[Finding] = []
    for finding in found[bucket]:
        alike = not known.isdisjoint(_keys(finding, advisories))
        (found[into] if alike else kept).append(finding)
    if kept:
        found[bucket] = kept
    else:
        del found[bucket]


def _keys(finding: Finding, advisories: Advisories) -> Iterator[tuple[str, str]]:
    """Version and advisory ids: what has to be the same of a package and its module."""
    package = finding.package
    version = version_key("golang", package.version if package is not None else None)
    for one in linking([advisories[alias] for alias in aliases_of(finding)]):
        yield version, one.id
