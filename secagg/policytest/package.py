"""A package by its purl, named as scanners name it."""

from __future__ import annotations

from packageurl import PackageURL

from secagg.model.finding import DISTRIBUTION_TYPES, Package


def package_of(purl: str) -> Package:
    """The package of ``purl``. Raises ``ValueError`` where it is none."""
    try:
        known = PackageURL.from_string(purl)
    except ValueError:
        raise ValueError("a purl such as pkg:npm/lodash@4.17.4 is expected") from None
    name = known.name
    if known.namespace and known.type not in DISTRIBUTION_TYPES:
        name = f"{known.namespace}{':' if known.type == 'maven' else '/'}{name}"
    return Package(type=known.type, name=name, version=known.version, purl=known.to_string())
