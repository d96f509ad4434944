"""Keys that match a finding with the same problem in the baseline.

They are made of the finding's subject and the code at its place. Findings of the baseline get
their places after the change first, so that equal keys mean the same problem.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import lru_cache

from msgspec import Struct

from secagg.merge.merging import license_key
from secagg.merge.part import aliases_of, linking
from secagg.merge.rules import checks_of, family, parents, weaknesses
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind, Location, Package
from secagg.model.identity import SCHEME, place_of, resource_key
from secagg.model.place import package_place
from secagg.packages.advisories import advisory
from secagg.packages.keys import package_key

MatchKey = tuple[Hashable, ...]


class PlacedFinding(Struct, frozen=True):
    """A finding and its location after the change.

    ``carried`` says that the change is known and left the lines unchanged, ``touched`` that it is
    known and touched them. ``current`` findings are of this scan, others of the baseline.
    """

    finding: Finding
    location: Location
    carried: bool
    touched: bool
    current: bool


def content_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Yield keys that only the same problem has; it may occur several times."""
    finding = placed.finding
    if finding.kind is Kind.VULNERABILITY:
        yield from _vulnerability_keys(placed)
    elif finding.kind is Kind.LICENSE:
        package = finding.package
        place = package_place(placed.location, "" if package is None else package.type)
        name = license_key(finding.license or finding.rule_id)
        yield "license", place, package_key(package), name
    elif finding.secret is not None and finding.secret.id is not None:
        yield "secret", place_of(placed.location), finding.secret.id
    else:
        if finding.kind is Kind.SECRET:
            yield from _hidden_secret_keys(placed)
        check = finding.misconfiguration
        has_resource = check is not None and bool(check.resource)
        for subject in _subjects(placed):
            if finding.kind is Kind.MISCONFIGURATION and (has_resource or _is_whole_file(finding)):
                yield subject
            if finding.line_hash:
                # The number after the colon counts equal lines above: it changes with them.
                yield *subject, "hash", finding.line_hash.partition(":")[0]
        if finding.kind is not Kind.SECRET and not has_resource:
            yield from _text_keys(placed)


def line_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Yield keys of a finding on lines that the change left unchanged."""
    if placed.carried and placed.location.start_line is not None:
        secret = placed.finding.secret
        if secret is None or secret.id is None:
            for subject in _subjects(placed):
                yield *subject, placed.location.start_line


def message_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Yield keys of a failed check by its message.

    A deployment with another image on the same lines fails the same checks in the same words.
    """
    finding = placed.finding
    if finding.kind is not Kind.MISCONFIGURATION:
        return
    if message := message_context(finding.message or finding.title):
        for subject in _subjects(placed):
            yield *subject, "message", message


def other_rule_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Yield keys of the code and its weakness, or of the check, whatever tool and rule.

    They match checks of a named resource with the same checks of the file without one.
    """
    finding = placed.finding
    if finding.kind not in (Kind.MISCONFIGURATION, Kind.CODE):
        return
    place = place_of(placed.location)
    if finding.kind is Kind.MISCONFIGURATION:
        misconfiguration = finding.misconfiguration
        for check in checks_of(finding):
            # Resource names already decide between two that have one, and lines between two
            # that have none. This key matches one that has a name with one that has none.
            if misconfiguration is not None and misconfiguration.resource:
                yield place, "check", check, placed.current
            else:
                yield place, "check", check, not placed.current
        return
    classes = weaknesses(finding)
    for label in classes.union(*map(parents, classes)):
        if finding.line_hash:
            yield place, "hash", finding.line_hash, label
        if placed.carried and placed.location.start_line is not None:
            yield place, "line", placed.location.start_line, label


def detector_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Yield keys of a secret without its value: its detectors and its file."""
    finding = placed.finding
    if finding.secret is not None and finding.secret.id is not None:
        place = place_of(placed.location)
        for detector in {finding.secret.detector, finding.rule_id}:
            yield "detector", place, family(detector) or detector


def _vulnerability_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    finding = placed.finding
    package = finding.package
    name = package_key(package)
    if package is None:
        name = "?" + message_context(finding.message or finding.title)
    place = package_place(placed.location, "" if package is None else package.type)
    place = _unversioned(place, package)
    for advisory_id in _advisory_ids(tuple(aliases_of(finding))):
        yield "vulnerability", place, name, advisory_id


@lru_cache(maxsize=8192)
def _advisory_ids(aliases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one.id for one in linking([advisory(alias) for alias in aliases]))


def _unversioned(place: str, package: Package | None) -> str:
    """``place`` without the package's version, as in ``lib/log4j-core-2.14.0.jar``."""
    version = None if package is None else package.version
    folder, slash, name = place.rpartition("/")
    if not version or version not in name:
        return place
    return f"{folder}{slash}{name.replace(version, '*')}"


def _subjects(placed: PlacedFinding) -> Iterator[MatchKey]:
    """What a finding is about, down to the file; its lines do not count."""
    finding, place = placed.finding, place_of(placed.location)
    if finding.kind is Kind.MISCONFIGURATION:
        misconfiguration = finding.misconfiguration
        resource = (
            resource_key(misconfiguration.resource)
            if misconfiguration is not None and misconfiguration.resource
            else ""
        )
        for check in checks_of(finding):
            yield finding.kind, place, resource, check
    else:
        yield finding.kind, place, finding.tool, finding.rule_id


def _hidden_secret_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    """Keys of a secret without a known value: its line in a commit or in the file.

    A line of the file counts only where the baseline has no hash of its code, and never where
    the change touches it: the line may hold another secret now.
    """
    finding, line = placed.finding, placed.location.start_line
    if line is None:
        return
    if placed.location.commit is not None:
        for subject in _subjects(placed):
            yield *subject, "commit", placed.location.commit, line
    elif not placed.touched if placed.current else not _has_code_hash(finding):
        for subject in _subjects(placed):
            yield *subject, "hidden", line


def _text_keys(placed: PlacedFinding) -> Iterator[MatchKey]:
    finding = placed.finding
    subject = (finding.kind, finding.tool, finding.rule_id)
    # The recorded identity was made from the file of the baseline; a new one may not be.
    recorded = finding.fingerprints.get(SCHEME)
    identity = finding.identity if placed.current else recorded or finding.identity
    if identity:
        yield *subject, "identity", identity
    # The message counts where the baseline has no hash of the code, but not on touched lines:
    # there it may be about other code.
    if not placed.touched if placed.current else not _has_code_hash(finding):
        message = message_context(finding.message or finding.title)
        yield *subject, "said", place_of(placed.location), message


def _has_code_hash(finding: Finding) -> bool:
    return bool(finding.line_hash or finding.fingerprints.get(SCHEME))


def _is_whole_file(finding: Finding) -> bool:
    return (finding.location.start_line or 1) <= 1
