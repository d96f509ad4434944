"""Findings in less memory: equal values made one object each, long texts compressed.

Half of the bytes in the texts of a large report's findings are there twice: a report repeats
versions, CVSS vectors and weaknesses with each entry, and each is decoded anew. Most of the rest
is what only a writer needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from secagg.finding import Finding, Location, Package, Rating
from secagg.packing import pack
from secagg.stowing import stow

_T = TypeVar("_T", bound="str | tuple[str, ...] | None")


def share(findings: Iterable[Finding], pool: dict[object, object]) -> None:
    """Let ``findings`` refer to one object for each text that they repeat.

    ``pool`` holds the texts of those before them; let go of it after the last.
    """

    def one(value: _T) -> _T:
        return pool.setdefault(value, value)  # type: ignore[return-value]

    for finding in findings:
        finding.rule_id, finding.title = one(finding.rule_id), one(finding.title)
        finding.fix, finding.cwes = one(finding.fix), one(finding.cwes)
        if finding.ratings:
            said = tuple([_said(rating) for rating in finding.ratings])
            finding.ratings = pool.setdefault(said, finding.ratings)  # type: ignore[assignment]
        place = finding.location
        place.uri, place.commit = one(place.uri), one(place.commit)
        if place.start_line is None and place.commit is None:
            # Whole files: what is said of a manifest is said of it again and again.
            finding.location = pool.setdefault(_named(place), place)  # type: ignore[assignment]
        package, known, secret = finding.package, finding.vulnerability, finding.secret
        if package is not None:
            package.type, package.name = one(package.type), one(package.name)
            package.version, package.purl = one(package.version), one(package.purl)
            # Two tools name it alike, and one tool with each of its advisories.
            named = (Package, package.type, package.name, package.version, package.purl)
            finding.package = pool.setdefault(named, package)  # type: ignore[assignment]
        if known is not None:
            known.aliases, known.fixed_versions = one(known.aliases), one(known.fixed_versions)
            known.published, known.status = one(known.published), one(known.status)
        if secret is not None:
            secret.id, secret.detector = one(secret.id), one(secret.detector)
        rule = finding.rule
        if rule is not None:
            rule.tags, rule.id = one(rule.tags), one(rule.id)
            rule.short_description = one(rule.short_description)


class Stowing(list[Finding]):
    """Findings of which what is said at length waits compressed: of each thousand, once full.

    Those of small reports do not wait: it would take time and save nothing.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        super().__init__(findings)
        self._stowed = 0

    def append(self, finding: Finding) -> None:
        super().append(finding)
        if len(self) - self._stowed >= _AT_ONCE:
            self.stow()

    def finish(self) -> None:
        """Let the rest of many findings wait too."""
        if self._stowed:
            self.stow()

    def stow(self) -> None:
        """Let all wait that do not yet."""
        for start in range(self._stowed, len(self), _AT_ONCE):
            _stow(self[start : start + _AT_ONCE])
        self._stowed = len(self)


# So many are stowed at once: what has been understood of a report is freed soon, and its memory
# taken by what comes next.
_AT_ONCE = 1024


def _stow(findings: Sequence[Finding]) -> None:
    stow(findings)
    stow({id(f.rule): f.rule for f in findings if f.rule is not None}.values())
    origins = [f.sarif for f in findings if f.sarif is not None and not f.sarif.waits]
    for origin, packed in zip(origins, pack([one.encoded for one in origins]), strict=True):
        origin.stow(packed)


def _said(rating: Rating) -> tuple[object, ...]:
    # 7 and 7.0 are equal, but not written alike.
    return (
        Rating,
        rating.source,
        rating.severity,
        rating.score.__class__,
        rating.score,
        rating.vector,
    )


def _named(place: Location) -> tuple[object, ...]:
    ends = (place.start_column, place.end_line, place.end_column)
    return Location, place.uri, place.image, place.layer, place.logical, *ends
