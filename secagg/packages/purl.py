"""Match packages and container images with the purls that people write.

Policies, exceptions and the report's filters all use it, so that a purl means the same packages
everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote

from msgspec import Struct
from packageurl import PackageURL

from secagg.errors import UsageError
from secagg.model.finding import DISTRIBUTION_TYPES, Location, Package
from secagg.model.place import image_repository
from secagg.packages.keys import package_key, version_key
from secagg.system.globs import Glob, checked, is_catch_all, is_wild
from secagg.system.patterns import lazy

_FORM = lazy(r"(?i:pkg):/*([A-Za-z*][A-Za-z0-9.+*-]*)/(.+)", re.DOTALL)


class PurlPattern(Struct, frozen=True, kw_only=True):
    """A purl with wildcards; parts that it leaves out are ``None`` or ``()``.

    ``name`` matches :func:`secagg.packages.keys.package_key`; ``namespace`` is that of a
    distribution's package, which the key leaves out.
    """

    text: str
    name: Glob
    kind: str
    version: str | None = None
    version_glob: Glob | None = None
    namespace: Glob | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()

    @property
    def exact_key(self) -> str | None:
        """The package key that it matches; None where it matches several."""
        return None if is_wild(self.name.text) else self.name.text

    @property
    def is_broad(self) -> bool:
        """Whether it names no package: ``pkg:npm/*`` and the like."""
        return is_catch_all(self.name.text.partition("/")[2])

    def fits(self, package: Package) -> bool | None:
        """Tell whether ``package`` matches; None where too little is known of the package."""
        if not self.name.matches(package_key(package)):
            return False
        if self.version is None and self.namespace is None and not self.qualifiers:
            return True
        purl = _parsed(package.purl) if package.purl else None
        answers = (
            self._namespace(purl),
            self._version(package, purl),
            self._qualifiers(package, purl),
        )
        if False in answers:
            return False
        return None if None in answers else True

    def _namespace(self, purl: PackageURL | None) -> bool | None:
        if self.namespace is None:
            return True
        if purl is None or not purl.namespace:
            return None
        # The distribution comes first; some tools append the source package.
        return self.namespace.matches(purl.namespace.partition("/")[0])

    def _version(self, package: Package, purl: PackageURL | None) -> bool | None:
        if self.version is None:
            return True
        versions = {package.version, purl.version if purl is not None else None} - {None, ""}
        if not versions:
            return None
        keys = {version_key(package.type, version) for version in versions}
        if self.version_glob is not None:
            return any(self.version_glob.matches(key) for key in keys)
        return self.version in keys

    def _qualifiers(self, package: Package, purl: PackageURL | None) -> bool | None:
        if not self.qualifiers:
            return True
        if purl is None:
            return None
        qualifiers = purl.qualifiers if isinstance(purl.qualifiers, dict) else {}
        answers: set[bool | None] = set()
        for key, value in self.qualifiers:
            if key not in qualifiers and package.type in DISTRIBUTION_TYPES:
                # Not every tool names the distribution or the architecture.
                answers.add(None)
            else:
                answers.add(qualifiers.get(key) == value)
        return False if False in answers else None if None in answers else True


@lru_cache(maxsize=4096)
def purl_pattern(text: str) -> PurlPattern:
    """Read a purl in which ``*`` matches within a part of a name or version, and ``**`` several.

    A pattern with one part only (``pkg:maven/org.example.*``, ``pkg:golang/*``) matches the whole
    name, namespace included; a type alone with a wildcard (``pkg:*``), all packages of such types.
    Raises ``ValueError`` with the reason where it is not valid.
    """
    text = checked(text.strip())
    body, _, query = text.partition("?")
    if "/" not in body and is_wild(body):
        body += "/**"
    if "#" in text:
        raise ValueError("a purl with a subpath (#) covers no package")
    match = _FORM.fullmatch(body)
    if match is None:
        raise ValueError("a purl is expected, such as pkg:npm/lodash or pkg:npm/lodash@4.17.20")
    kind, path = match[1].lower(), match[2].strip("/")
    head, slash, last = path.rpartition("/")
    # An @ in front belongs to a scope (it should be written %40).
    name, at, version = last.partition("@") if not last.startswith("@") else (last, "", "")
    if (at and not version) or not name:
        raise ValueError("the purl ends in an empty name or version")
    namespace = unquote(head) if slash else None
    key = _key(kind, namespace, unquote(name))
    key_version = version_key(kind, unquote(version)) if at else None
    return PurlPattern(
        text=text,
        # Most packages have a namespace, so one part must match across slashes.
        name=Glob(key, flat=not slash),
        kind=kind,
        version=key_version,
        version_glob=Glob(key_version, flat=True) if key_version and is_wild(key_version) else None,
        namespace=Glob(namespace) if namespace and kind in DISTRIBUTION_TYPES else None,
        qualifiers=_qualifiers(query),
    )


def exact_purl(text: str) -> PurlPattern:
    """Read a purl of another tool's document, which has no wildcards.

    Raises ``ValueError`` as :func:`purl_pattern` does, and for a wildcard.
    """
    if is_wild(text.partition("?")[0]):
        raise ValueError("the purl has a wildcard, which has no meaning there")
    return purl_pattern(text)


def package_test(patterns: Iterable[str]) -> Callable[[Package | None], bool | None]:
    """Make a test of whether a package matches one of ``patterns``; None where that is not known.

    A pattern is a purl, or a name if it does not begin with ``pkg:``. Raises ``ValueError`` for a
    purl that is not valid.
    """
    purls, names = [], []
    for pattern in filter(None, map(str.strip, patterns)):
        if is_purl(pattern):
            purls.append(purl_pattern(pattern))
        else:
            names.append(pattern)

    def answer(package: Package) -> bool | None:
        return any(_has_name(package, name) for name in names) or fits_any(package, purls)

    # Many findings of a scan share a package.
    cache: dict[tuple[str | None, ...], bool | None] = {}

    def test(package: Package | None) -> bool | None:
        if package is None:
            return False
        key = (package.type, package.name, package.version, package.purl)
        if key not in cache:
            cache[key] = answer(package)
        return cache[key]

    return test


def is_purl(pattern: str) -> bool:
    """Tell whether a pattern is a purl, not a name."""
    return pattern.strip()[:4].lower() == "pkg:"


def package_pattern(text: str) -> str:
    """Return ``text``, a purl or a name. Raises ``ValueError`` for a purl that is not valid."""
    if is_purl(text):
        purl_pattern(text)
    return text


def check_pattern(pattern: str) -> None:
    """Raise :class:`UsageError` for a purl that is not valid."""
    try:
        package_pattern(pattern)
    except ValueError as error:
        raise UsageError(
            f"--package: {pattern.strip()!r}: {error}",
            hint="a name without pkg: is of any type",
        ) from None


def _has_name(package: Package, name: str) -> bool:
    """Tell whether a package has this name, or one that its ecosystem calls the same."""
    key = package_key(package)
    if not is_wild(name):
        named = package_key(Package(type=package.type, name=name))
        return name.casefold() == package.name.casefold() or named.casefold() == key.casefold()
    spellings = {package.name, key.partition("/")[2]}
    globs = {name, _pypi(name)} if package.type == "pypi" else {name}
    return any(Glob(glob, flat=True).matches(text) for glob in globs for text in spellings)


def fits_any(package: Package | None, purls: Sequence[PurlPattern]) -> bool | None:
    """Tell whether ``package`` matches one of ``purls``; None where that is not known."""
    if not purls:
        return False
    if package is None:
        return None
    answers = {purl.fits(package) for purl in purls}
    return True if True in answers else None if None in answers else False


def agreed(answers: Iterable[bool | None]) -> bool:
    """Tell whether at least one answer is yes and none is no."""
    distinct = set(answers)
    return True in distinct and False not in distinct


def fits_image(location: Location, images: Iterable[PurlPattern]) -> bool | None:
    """Tell whether ``location`` is in one of ``images`` (purls of the type oci); None if unknown.

    A digest in the purl decides; without one, the repository and the tag do (purl specification,
    "oci": the version is the digest, the qualifiers ``repository_url`` and ``tag`` are where it
    came from).
    """
    answers = {_fits(location, image) for image in images}
    return True if True in answers else None if None in answers else False


def _key(kind: str, namespace: str | None, name: str) -> str:
    """The package key, with its wildcards unchanged."""
    if kind in DISTRIBUTION_TYPES:
        return f"{kind}/{name}"
    full_name = f"{namespace}/{name}" if namespace else name
    if not is_wild(kind + full_name):
        if kind == "maven" and namespace:
            full_name = f"{namespace}:{name}"
        return package_key(Package(type=kind, name=full_name))
    return f"{kind}/{_pypi(full_name) if kind == 'pypi' else full_name}"


def _pypi(pattern: str) -> str:
    """Spell a pattern of PyPI's names as :func:`package_key` spells names."""
    return pattern.replace("_", "-").replace(".", "-")


def _qualifiers(query: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals or not key or is_wild(value):
            raise ValueError("what follows ? in a purl is key=value, without wildcards")
        pairs.append((key.lower(), unquote(value)))
    return tuple(sorted(pairs))


@lru_cache(maxsize=65536)
def _parsed(purl: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(purl)
    except ValueError:
        return None


def _fits(location: Location, image: PurlPattern) -> bool | None:
    if location.image is None:
        return None
    name, _, digest = location.image.partition("@")
    qualifiers = dict(image.qualifiers)
    if image.version is not None:
        digests = {*location.digests, *([digest] if digest else [])}
        return image.version in {value.lower() for value in digests} if digests else None
    repository = image_repository(name).lower()
    repository_url = qualifiers.get("repository_url")
    if repository_url is not None and image_repository(repository_url).lower() != repository:
        return False
    if repository.rpartition("/")[2] != image.name.text.partition("/")[2]:
        return False
    tag = name.rpartition("/")[2].partition(":")[2]
    return "tag" not in qualifiers or qualifiers["tag"] == (tag or "latest")
