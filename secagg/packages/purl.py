"""Package URLs as people write them, and whether a purl names a container image.

Policies, exceptions and the report's filters read them here, so that one purl means one set of
packages everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from packageurl import PackageURL

from secagg.model.finding import DISTRIBUTION_TYPES, Location, Package
from secagg.model.place import image_repository
from secagg.packages.keys import package_key, version_key
from secagg.system.globs import Glob, checked, is_catch_all, is_wild

_FORM = re.compile(r"pkg:/*([A-Za-z*][A-Za-z0-9.+*-]*)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurlPattern:
    """What a purl says of a package; ``None`` and ``()`` where it says nothing.

    ``name`` is matched with :func:`secagg.packages.keys.package_key`, ``namespace`` is that of a
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
        """The one package key that it matches, if it is one."""
        return None if is_wild(self.name.text) else self.name.text

    @property
    def is_broad(self) -> bool:
        """True if it names no package: ``pkg:npm/*`` and the like."""
        return is_catch_all(self.name.text.partition("/")[2])

    def fits(self, package: Package) -> bool | None:
        """Tell whether ``package`` is meant; None where it does not say enough to tell."""
        if not self.name.matches(package_key(package)):
            return False
        if self.version is None and self.namespace is None and not self.qualifiers:
            return True
        purl = _parsed(package.purl) if package.purl else None
        answers = (self._namespace(purl), self._version(package, purl), self._qualifiers(purl))
        if False in answers:
            return False
        return None if None in answers else True

    def _namespace(self, known: PackageURL | None) -> bool | None:
        if self.namespace is None:
            return True
        if known is None or not known.namespace:
            return None
        # The distribution leads; some tools write the source package behind it.
        return self.namespace.matches(known.namespace.partition("/")[0])

    def _version(self, package: Package, known: PackageURL | None) -> bool | None:
        if self.version is None:
            return True
        given = {package.version, known.version if known is not None else None} - {None, ""}
        if not given:
            return None
        written = {version_key(package.type, version) for version in given}
        if self.version_glob is not None:
            return any(self.version_glob.matches(version) for version in written)
        return self.version in written

    def _qualifiers(self, known: PackageURL | None) -> bool | None:
        if not self.qualifiers:
            return True
        if known is None:
            return None
        given = known.qualifiers if isinstance(known.qualifiers, dict) else {}
        return all(given.get(key) == value for key, value in self.qualifiers)


@lru_cache(maxsize=4096)
def purl_pattern(text: str) -> PurlPattern:
    """Read a purl, in which ``*`` stands for a part of a name or version and ``**`` for several.

    A pattern that names one part only (``pkg:maven/org.example.*``, ``pkg:golang/*``) is held
    against the whole name, with its namespace.

    Raises ``ValueError`` that says what is wrong with it.
    """
    written = checked(text.strip())
    body, _, query = written.partition("?")
    if "#" in written:
        raise ValueError("a purl with a subpath (#) covers no package")
    form = _FORM.fullmatch(body)
    if form is None:
        raise ValueError("a purl is expected, such as pkg:npm/lodash or pkg:npm/lodash@4.17.20")
    kind, path = form[1].lower(), form[2].strip("/")
    head, slash, last = path.rpartition("/")
    # A scope's own @ begins its part of the name (and should be written %40).
    name, at, version = last.partition("@") if not last.startswith("@") else (last, "", "")
    if (at and not version) or not name:
        raise ValueError("the purl ends in an empty name or version")
    namespace = unquote(head) if slash else None
    key = _key(kind, namespace, unquote(name))
    wanted = version_key(kind, unquote(version)) if at else None
    return PurlPattern(
        text=written,
        # Packages of most types have a namespace: one part alone could not mean any of them.
        name=Glob(key, flat=not slash),
        kind=kind,
        version=wanted,
        version_glob=Glob(wanted, flat=True) if wanted is not None and is_wild(wanted) else None,
        namespace=Glob(namespace) if namespace and kind in DISTRIBUTION_TYPES else None,
        qualifiers=_qualifiers(query),
    )


def _key(kind: str, namespace: str | None, name: str) -> str:
    """The package key, in which wildcards stay what they are."""
    if kind in DISTRIBUTION_TYPES:
        return f"{kind}/{name}"
    whole = f"{namespace}/{name}" if namespace else name
    if not is_wild(kind + whole):
        if kind == "maven" and namespace:
            whole = f"{namespace}:{name}"
        return package_key(Package(type=kind, name=whole))
    key = f"{kind}/{whole}"
    if kind == "pypi":
        key = key.replace("_", "-").replace(".", "-")
    return key


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


def exact_purl(text: str) -> PurlPattern:
    """Read a purl of another tool's document, where nothing is a wildcard.

    Raises ``ValueError`` as :func:`purl_pattern` does, and for a wildcard.
    """
    if is_wild(text.partition("?")[0]):
        raise ValueError("the purl has a wildcard, which has no meaning there")
    return purl_pattern(text)


def package_test(
    patterns: Iterable[str], *, versions: bool
) -> Callable[[Package | None], bool | None]:
    """Make a test of whether a package is one of ``patterns``; None where nobody can tell.

    A pattern is a purl, or a name where no ``pkg:`` leads. What a purl says after the name counts
    where ``versions`` do. A purl that cannot be read means no package.
    """
    purls, names = [], []
    for pattern in patterns:
        if not pattern.startswith("pkg:"):
            names += [Glob(pattern, flat=True)] if pattern else []
            continue
        try:
            purls.append(purl_pattern(pattern if versions else _without_version(pattern)))
        except ValueError:
            continue

    def answer(package: Package) -> bool | None:
        if names:
            written = {package.name, package_key(package).partition("/")[2]}
            if any(name.matches(one) for name in names for one in written):
                return True
        return fits_any(package, purls)

    # A scan names one package in many findings.
    answers: dict[tuple[str | None, ...], bool | None] = {}

    def test(package: Package | None) -> bool | None:
        if package is None:
            return False
        told = (package.type, package.name, package.version, package.purl)
        if told not in answers:
            answers[told] = answer(package)
        return answers[told]

    return test


def fits_any(package: Package | None, purls: Sequence[PurlPattern]) -> bool | None:
    """Tell whether ``package`` is one of ``purls``; None where nobody can tell."""
    if not purls:
        return False
    if package is None:
        return None
    answers = {purl.fits(package) for purl in purls}
    return True if True in answers else None if None in answers else False


def agreed(answers: Iterable[bool | None]) -> bool:
    """Tell whether somebody says yes and nobody no."""
    distinct = set(answers)
    return True in distinct and False not in distinct


def _without_version(purl: str) -> str:
    """A purl up to the package's name; where only the type is named, all packages of it."""
    body = purl.partition("#")[0].partition("?")[0]
    head, slash, last = body.rpartition("/")
    # A scope may start with an unencoded @ (pkg:npm/@types/node): it is no version.
    name = last[:1] + last[1:].partition("@")[0]
    return f"{head}{slash}{name}" if slash or not is_wild(name) else f"{name}/**"


def fits_image(place: Location, images: Iterable[PurlPattern]) -> bool | None:
    """Return whether ``place`` is in one of ``images`` (purls of the type oci); None if unknown.

    A digest decides where the purl and the report both give one; without one in the purl the
    repository and the tag do (purl specification, "oci": the version is the digest, the
    qualifiers ``repository_url`` and ``tag`` are where it came from).
    """
    answers = {_fits(place, image) for image in images}
    return True if True in answers else None if None in answers else False


def _fits(place: Location, image: PurlPattern) -> bool | None:
    if place.image is None:
        return None
    name, _, own = place.image.partition("@")
    asked = dict(image.qualifiers)
    if image.version is not None:
        given = {*place.digests, *([own] if own else [])}
        return image.version in {digest.lower() for digest in given} if given else None
    repository = image_repository(name).lower()
    wanted = asked.get("repository_url")
    if wanted is not None and image_repository(wanted).lower() != repository:
        return False
    if repository.rpartition("/")[2] != image.name.text.partition("/")[2]:
        return False
    tag = name.rpartition("/")[2].partition(":")[2]
    return "tag" not in asked or asked["tag"] == (tag or "latest")
