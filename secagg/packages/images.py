"""Container images: whether a place is in an image that a purl names."""

from __future__ import annotations

from collections.abc import Iterable

from secagg.model.finding import Location
from secagg.model.place import image_repository
from secagg.packages.purl import PurlPattern


def fits_image(place: Location, images: Iterable[PurlPattern]) -> bool | None:
    """Whether ``place`` is in one of ``images`` (purls of the type oci); None if unknown.

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
