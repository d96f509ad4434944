"""By which keys a finding is known again: what it is about and what stands at its place.

A finding of the baseline is given its place as the change has left it, so that equal keys mean
the same problem.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from secagg.merge.merging import license_key
from secagg.merge.part import aliases_of, linking
from secagg.merge.rules import checks_of, family, parents, weaknesses
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind, Location, Package
from secagg.model.identity import SCHEME, place_of, resource_key
from secagg.model.place import package_place
from secagg.packages.advisories import Advisories
from secagg.packages.keys import package_key

Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding and its place after the change.

    ``carried``: the change is known, and has left the lines of the place as they were.
    ``touched``: the change is known, and has touched them. ``current`` tells a finding of this
    scan from one of the baseline.
    """

    finding: Finding
    place: Location
    carried: bool
    touched: bool
    current: bool


def content_keys(seen: Seen) -> Iterator[Key]:
    """Keys that only the same problem has, however often it occurs."""
    finding = seen.finding
    if finding.kind is Kind.VULNERABILITY:
        yield from _vulnerability(seen)
    elif finding.kind is Kind.LICENSE:
        package = finding.package
        place = package_place(seen.place, "" if package is None else package.type)
        name = license_key(finding.license or finding.rule_id)
        yield "license", place, package_key(package), name
    elif finding.secret is not None and finding.secret.id is not None:
        yield "secret", place_of(seen.place), finding.secret.id
    else:
        if finding.kind is Kind.SECRET:
            yield from _by_line(seen)
        check = finding.misconfiguration
        named = check is not None and bool(check.resource)
        for subject in _subjects(seen):
            if finding.kind is Kind.MISCONFIGURATION and (named or _whole_file(finding)):
                yield subject
            if finding.line_hash:
                # The number after the colon counts equal lines: one more above, and it is another.
                yield *subject, "hash", finding.line_hash.partition(":")[0]
        if finding.kind is not Kind.SECRET and not named:
            yield from _by_text(seen)


def line_keys(seen: Seen) -> Iterator[Key]:
    """Keys of what is on lines that the change has left as they were."""
    if seen.carried and seen.place.start_line is not None:
        secret = seen.finding.secret
        if secret is None or secret.id is None:
            for subject in _subjects(seen):
                yield *subject, seen.place.start_line


def message_keys(seen: Seen) -> Iterator[Key]:
    """Keys of a failed check by what is said of it, in a file whose lines the change has touched.

    A deployment that gets another image fails the same checks as before, in the same words.
    """
    finding = seen.finding
    message = message_context(finding.message or finding.title)
    if finding.kind is Kind.MISCONFIGURATION and message:
        for subject in _subjects(seen):
            yield *subject, "message", message


def other_rule_keys(seen: Seen) -> Iterator[Key]:
    """Keys of the code at the place and the weakness, whatever rule has found it.

    A check that one tool made of a named resource and another of the file has one, too.
    """
    finding, place = seen.finding, place_of(seen.place)
    if finding.kind is Kind.MISCONFIGURATION:
        misconfiguration = finding.misconfiguration
        for check in checks_of(finding):
            # Two that name their resources were told apart by them; two that name none, by the
            # lines. Only of one that does and one that does not is nothing known yet.
            if misconfiguration is not None and misconfiguration.resource:
                yield place, "check", check, seen.current
            else:
                yield place, "check", check, not seen.current
        return
    if finding.kind is not Kind.CODE:
        return
    classes = weaknesses(finding)
    for label in classes.union(*map(parents, classes)):
        if finding.line_hash:
            yield place, "hash", finding.line_hash, label
        if seen.carried and seen.place.start_line is not None:
            yield place, "line", seen.place.start_line, label


def detector_keys(seen: Seen) -> Iterator[Key]:
    """Keys of a secret without its value: what sort of secret it is, in which file."""
    finding = seen.finding
    if finding.secret is not None and finding.secret.id is not None:
        place = place_of(seen.place)
        for detector in {finding.secret.detector, finding.rule_id}:
            yield "detector", place, family(detector) or detector


def _vulnerability(seen: Seen) -> Iterator[Key]:
    finding = seen.finding
    package = finding.package
    name = package_key(package)
    if package is None:
        name = "?" + message_context(finding.message or finding.title)
    place = package_place(seen.place, "" if package is None else package.type)
    place = _unversioned(place, package)
    advisories = Advisories()
    for one in linking([advisories[alias] for alias in aliases_of(finding)]):
        yield "vulnerability", place, name, one.id


def _unversioned(place: str, package: Package | None) -> str:
    """``place`` without the package's own version: ``lib/log4j-core-2.14.0.jar`` names its jar."""
    version = None if package is None else package.version
    folder, slash, name = place.rpartition("/")
    if not version or version not in name:
        return place
    return f"{folder}{slash}{name.replace(version, '*')}"


def _subjects(seen: Seen) -> Iterator[Key]:
    """What a finding is about, without where in the file."""
    finding, place = seen.finding, place_of(seen.place)
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


def _by_line(seen: Seen) -> Iterator[Key]:
    """Keys of a secret whose value nobody knows: its line in a commit, or in the file.

    A line of the file is enough only where the baseline knows nothing of what stands on it, and
    never where the change has touched it: there may be another secret now.
    """
    finding, line = seen.finding, seen.place.start_line
    if line is None:
        return
    if seen.place.commit is not None:
        for subject in _subjects(seen):
            yield *subject, "commit", seen.place.commit, line
    elif not seen.touched if seen.current else not _knows_code(finding):
        for subject in _subjects(seen):
            yield *subject, "hidden", line


def _by_text(seen: Seen) -> Iterator[Key]:
    finding = seen.finding
    subject = (finding.kind, finding.tool, finding.rule_id)
    # What was recorded rests on the file as it was; what is worked out anew may rest on another.
    recorded = finding.fingerprints.get(SCHEME)
    identity = finding.identity if seen.current else recorded or finding.identity
    if identity:
        yield *subject, "identity", identity
    # Where the baseline knows nothing of the code, what is said has to do: but not on lines that
    # the change has touched, for there it may be said of something else.
    if not seen.touched if seen.current else not _knows_code(finding):
        message = message_context(finding.message or finding.title)
        yield *subject, "said", place_of(seen.place), message


def _knows_code(finding: Finding) -> bool:
    return bool(finding.line_hash or finding.fingerprints.get(SCHEME))


def _whole_file(finding: Finding) -> bool:
    return (finding.location.start_line or 1) <= 1
