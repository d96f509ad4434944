"""What is compared with a baseline: a group's places, and whether a change touches them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any

from secagg.change.keys import (
    Key,
    Seen,
    content_keys,
    detector_keys,
    line_keys,
    message_keys,
    other_rule_keys,
)
from secagg.change.model import Diff
from secagg.merge.groups import Group
from secagg.merge.secret import still_in_head
from secagg.model.finding import Finding, Kind, Location, replace
from secagg.model.identity import place_of
from secagg.model.place import is_foreign, manifest_place, package_place
from secagg.packages.keys import package_key, version_key

_TERRAFORM = (".tf", ".tf.json", ".tfvars", ".tfvars.json")


def in_diff(group: Group, diff: Diff) -> bool | None:
    """Return whether ``diff`` touches ``group``; None where no place is known to tell it by.

    A dependency is touched with its manifest or its lock file, a secret in history by a commit
    of the change, everything else on its lines; what has no lines, with its file.
    """
    answers = {touched(finding, diff) for finding in group.members}
    if True in answers:
        return True
    return False if False in answers else None


def touched(finding: Finding, diff: Diff) -> bool | None:
    """Return whether ``diff`` touches one finding, as :func:`in_diff` says."""
    answers = {_touched_at(finding, place, diff) for place in (finding.location, *finding.places)}
    if True in answers:
        return True
    # A place that is not known may be one that the change touches.
    return None if None in answers else False


def _touched_at(finding: Finding, place: Location, diff: Diff) -> bool | None:
    if place.uri is not None and place.image is None and is_foreign(place.uri):
        # Another machine's path: which file it means is not known.
        return None
    if finding.kind not in (Kind.VULNERABILITY, Kind.LICENSE) or place.uri is None:
        return diff.touches(place)
    if place.commit is not None or place.image is not None:
        return diff.touches(place)
    if diff.change_of(place.uri) is not None:
        return True
    return manifest_place(place.uri) in diff.manifest_places


def follows(group: Group, diff: Diff) -> bool:
    """Whether ``group`` may follow from a place that ``diff`` touches and that is not its own.

    Of code that is another step of its data flow or a place that it names; of a misconfiguration,
    the values and helpers of its chart, and the variables and callers of its Terraform module.
    """
    return any(_follows(finding, diff) for finding in group.members)


def _follows(finding: Finding, diff: Diff) -> bool:
    if finding.kind is Kind.MISCONFIGURATION:
        uri = finding.location.uri
        if uri is None:
            return False
        if any(place.uri is not None and diff.touches(place) for place in finding.related):
            return True
        if uri.endswith(_TERRAFORM):
            return any(path.endswith(_TERRAFORM) for path in diff.files)
        chart = _chart_of(uri)
        return chart is not None and any(
            PurePosixPath(path).is_relative_to(chart) for path in diff.files
        )
    if finding.kind is not Kind.CODE:
        return False
    places = (*finding.related, *_steps(finding))
    return any(place.uri is not None and diff.touches(place) is True for place in places)


def _chart_of(uri: str) -> PurePosixPath | None:
    """The directory of the Helm chart whose template ``uri`` is."""
    parents = PurePosixPath(uri).parents
    return next((place.parent for place in parents if place.name == "templates"), None)


def _steps(finding: Finding) -> Iterator[Location]:
    """The places of a finding's data flow, as its SARIF has them (2.1.0, 3.36)."""
    flows = None if finding.sarif is None else finding.sarif.result.get("codeFlows")
    for flow in _objects(flows):
        for thread in _objects(flow.get("threadFlows")):
            for step in _objects(thread.get("locations")):
                place = _object(_object(step.get("location")).get("physicalLocation"))
                uri = _object(place.get("artifactLocation")).get("uri")
                region = _object(place.get("region"))
                start, end = region.get("startLine"), region.get("endLine")
                if isinstance(uri, str) and isinstance(start, int):
                    last = end if isinstance(end, int) else start
                    yield Location(uri=uri, start_line=start, end_line=last)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (v for v in value if isinstance(v, Mapping)) if isinstance(value, list) else iter(())


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


PackageInPlace = tuple[str, str, str]


def packages_of(groups: Iterable[Group]) -> frozenset[PackageInPlace]:
    """Return the packages that ``groups`` are about: place, package and version of each."""
    return frozenset(
        key
        for group in groups
        for finding in group.members
        if finding.kind is Kind.VULNERABILITY and (key := _package(finding)) is not None
    )


def has_package(group: Group, packages: Set[PackageInPlace]) -> bool:
    """Return whether the package of a vulnerability is among ``packages``, in the same version."""
    if not packages or group.representative.kind is not Kind.VULNERABILITY:
        return False
    return all(_package(finding) in packages for finding in group.members)


def same_entry(group: Group, diff: Diff) -> bool:
    """Return whether ``diff`` leaves the lines of a package in its lock file as they were.

    The base then has the same package in the same version. False where no tool gives the lines.
    """
    if group.representative.kind is not Kind.VULNERABILITY:
        return False
    placed = [f.location for f in group.members if f.location.start_line is not None]
    return bool(placed) and not any(diff.touches(place) is not False for place in placed)


def _package(finding: Finding) -> PackageInPlace | None:
    package = finding.package
    if package is None or not package.version:
        return None
    place = package_place(finding.location, package.type)
    return place, package_key(package), version_key(package.type, package.version)


# A tool, and its own id of a rule.
Rule = tuple[str, str]


# Lines of a file, the first and the last.
Span = tuple[str, int, int]


class Level(IntEnum):
    """How a group was known again; the surest comes first."""

    CONTENT = 0
    IDENTITY = 1
    LINE = 2
    MESSAGE = 3
    OTHER_RULE = 4
    OTHER_KEY = 5


@dataclass(slots=True, kw_only=True)
class Sighting:
    """A group and its keys, by level.

    ``line`` and ``column`` are those after the change (0 if gone or unknown). ``values`` are the
    keyed hashes of a secret, and ``hmac_keys`` name the keys they were made with. ``in_head`` is
    False for a secret that is only in history, and ``added`` is True where the change adds lines
    of the work tree that it is on. ``spans`` are its lines in the file as the change leaves it: of
    a group of the baseline what is left of them, None where that is not known. ``rules`` are the
    tools' rules that see a secret, and ``masked`` those of them that its tool has masked, with the
    hash of the line: such a one may be another secret than the one it is joined with.
    """

    group: Group
    keys: Sequence[frozenset[Key]]
    line: int = 0
    column: int = 0
    versions: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    hmac_keys: frozenset[str] = frozenset()
    in_head: bool = True
    added: bool = False
    spans: Sequence[Span] | None = None
    rules: Counter[Rule] = field(default_factory=Counter)
    masked: Counter[tuple[Rule, str | None]] = field(default_factory=Counter)


def current_sighting(group: Group, diff: Diff | None) -> Sighting:
    """Return how a group of this scan is known."""
    seen = []
    added = False
    for finding in group.members:
        hit = None if diff is None else touched(finding, diff)
        here = finding.location.commit is None
        carried = hit is False and here
        seen.append(Seen(finding, finding.location, carried, hit is True, current=True))
        added |= hit is True and here
    made = _sighting(group, seen, current=True)
    made.added = added
    made.spans = None if diff is None else _spans(group.members, None)
    return made


def baseline_sightings(group: Group, diff: Diff | None) -> list[Sighting]:
    """Return how a group of the baseline would be known in this scan.

    A secret is known in two ways: where its file is now, and in the history of where it was.
    """
    here = [f for f in group.members if f.secret is None or not f.secret.in_history]
    moved = [_moved(finding, diff) for finding in here or group.members]
    sighting = _sighting(group, moved, current=False)
    sighting.spans = None if diff is None else _spans(here or group.members, diff)
    if not sighting.values:
        return [sighting]
    # Whichever member knows the value: it is that of all of them.
    places = {place_of(seen.place) for seen in moved}
    own = {("secret", place, value) for place in places for value in sighting.values}
    sighting.keys = (sighting.keys[0] | own, *sighting.keys[1:])
    past = dataclasses.replace(
        sighting, keys=(_past(group.members), *[frozenset[Key]()] * (len(Level) - 1)), in_head=False
    )
    return [sighting, past]


def _moved(finding: Finding, diff: Diff | None) -> Seen:
    """A finding of the baseline where the change has moved it."""
    place = finding.location
    if diff is None or place.uri is None or place.commit is not None or place.image is not None:
        return Seen(finding, place, carried=False, touched=False, current=False)
    line = None if place.start_line is None else diff.new_line(place.uri, place.start_line)
    now = replace(place, uri=diff.now(place.uri), start_line=line)
    return Seen(finding, now, carried=line is not None, touched=False, current=False)


def _sighting(group: Group, members: Sequence[Seen], *, current: bool) -> Sighting:
    in_head = still_in_head(group)
    content = {key for seen in members for key in content_keys(seen)}
    if current and not in_head:
        content |= _past(group.members)
    keys = (
        frozenset(content),
        _identity(group, members),
        frozenset(key for seen in members for key in line_keys(seen)),
        frozenset(key for seen in members for key in message_keys(seen)),
        frozenset(key for seen in members for key in other_rule_keys(seen)),
        frozenset(key for seen in members for key in detector_keys(seen)),
    )
    place = next((s.place for s in members if s.place.start_line is not None), None)
    return Sighting(
        group=group,
        keys=keys,
        line=0 if place is None else place.start_line or 0,
        column=0 if place is None else place.start_column or 0,
        versions=frozenset(_version(finding) for finding in group.members),
        values=frozenset(_values(group.members)),
        hmac_keys=frozenset(
            f.secret.key for f in group.members if f.secret is not None and f.secret.key is not None
        ),
        in_head=in_head,
        rules=Counter(_rule(f) for f in group.members if f.kind is Kind.SECRET),
        masked=Counter(
            (_rule(seen.finding), _line_of(seen))
            for seen in members
            if seen.finding.secret is not None and seen.finding.secret.id is None
        ),
    )


def _identity(group: Group, members: Sequence[Seen]) -> frozenset[Key]:
    """The group's identity, with the code it rests on where a place alone would say too little."""
    finding = group.representative
    check = finding.misconfiguration
    if finding.kind in (Kind.VULNERABILITY, Kind.LICENSE) or _values(group.members):
        return frozenset({(group.identity,)})
    if check is not None and check.resource:
        return frozenset({(group.identity,)})
    code = min((f.line_hash for f in group.members if f.line_hash), default="")
    if not code and any(seen.touched for seen in members):
        return frozenset()
    return frozenset({(group.identity, code)})


def _spans(members: Sequence[Finding], diff: Diff | None) -> list[Span] | None:
    """The lines of failed checks, of the baseline as ``diff`` has left them.

    None for other kinds, which are known by other things, and where a member tells no lines.
    """
    spans: list[Span] = []
    for finding in members:
        place = finding.location
        first, last = place.start_line, max(place.end_line or 0, place.start_line or 0)
        if finding.kind is not Kind.MISCONFIGURATION or first is None or place.uri is None:
            return None
        if diff is None:
            spans.append((place_of(place), first, last))
            continue
        now = place_of(replace(place, uri=diff.now(place.uri)))
        spans += [(now, *span) for span in diff.kept(place.uri, first, last)]
    return spans


def _rule(finding: Finding) -> Rule:
    return finding.tool, finding.rule_id


def _line_of(seen: Seen) -> str | None:
    """The hash of the line of a masked secret: None where the change has touched an unknown one."""
    if seen.finding.line_hash:
        return seen.finding.line_hash.partition(":")[0]
    return None if seen.touched else ""


def _past(members: Sequence[Finding]) -> frozenset[Key]:
    return frozenset(
        ("past", place_of(f.location), f.secret.id)
        for f in members
        if f.secret is not None and f.secret.id is not None
    )


def _values(members: Sequence[Finding]) -> set[str]:
    return {f.secret.id for f in members if f.secret is not None and f.secret.id is not None}


def _version(finding: Finding) -> str:
    package = finding.package
    return "" if package is None else version_key(package.type, package.version)
